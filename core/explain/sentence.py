"""What an answer rests on, in one sentence, and why one region and not another."""

from typing import Any

import numpy as np

from core.amounts import percent
from core.explain.hiding import Contrast, Effects, RestsOn, shares_of
from core.explain.parts import describe
from core.explain.words import metres, probability
from core.inference.prediction import Prediction

# Smaller changes are not worth a clause.
_TURN_DEG, _SUPPORT = 10.0, 0.1
# Parts that are listed, each with its own effect.
_LISTED = 5
MEASURED_REFINED = (
    "Measured on the final answer, after the search of the training photos and refinement. Hidden "
    "parts show the blurred colours around them."
)
MEASURED_HEADS = (
    "Measured on the network's own answer: this model has no training photos to refine it. Hidden "
    "parts show the blurred colours around them."
)


def sentence(found: RestsOn) -> str:
    """Return what the answer rests on: the parts, and what happens without them."""
    others = _usual(found)
    if found.named:
        named = describe(found.parts, list(found.named))
        them = "it" if len(found.named) == 1 else "them"
        return (
            f"Mostly {named}: without {them} {change(found, found.together, 0)}. Hiding as much of "
            f"the rest {others}."
        )
    strongest = list(found.ranked[:3])
    size = percent(found.parts.share(strongest))
    return (
        f"No part stands out: without the three that matter most ({size} of the photo) "
        f"{change(found, found.together, 0)}; hiding as much of the rest {others}."
    )


def change(found: RestsOn, effects: Effects, row: int) -> str:
    """Return one effect as a clause: `the answer moves 120 m, from A to B, and turns 40°`."""
    answer, said = found.answer, ""
    if "position" in answer.labels:
        moved = float(effects.moved_m[row])
        said = "the answer stays in place" if moved < 0.5 else f"the answer moves {metres(moved)}"
    both = shares_of(answer)[0], effects.shares[row]
    before, after = (int(one.argmax()) if answer.regions else -1 for one in both)
    if before != after:
        from_to = f"from {region_name(answer, before)} to {region_name(answer, after)}"
        said = f"{said}, {from_to}" if said else f"the answer changes {from_to}"
    elif "position" not in answer.labels and answer.regions:
        shares = [probability(float(one[before])) for one in both]
        falls = both[1][before] < both[0][before] and shares[0] != shares[1]
        verb = f"falls from {shares[0]} to" if falls else "stays at"
        said = f"{region_name(answer, before)} {verb} {shares[1]}"
    turned = float(effects.turned_deg[row])
    if "heading" in answer.labels and (turned >= _TURN_DEG or not said):
        said = f"{said} and turns {turned:.0f}°" if said else f"the heading turns {turned:.0f}°"
    return said


def contrast_sentence(found: RestsOn, compared: Contrast) -> str:
    """Return why one region was preferred to another, with the parts that support either."""
    answer = found.answer
    here, there = (region_name(answer, one) for one in (compared.here, compared.there))
    before = [probability(share) for share in compared.shares]
    joins = "and not" if compared.shares[0] >= compared.shares[1] else "against"
    start = f"{here} ({before[0]}) {joins} {there} ({before[1]})"
    clauses = []
    most, least = int(compared.support.argmax()), int(compared.support.argmin())
    for part, region, sign in ((most, here, 1.0), (least, there, -1.0)):
        after = [probability(share) for share in compared.without[part]]
        if sign * compared.support[part] > _SUPPORT and after != before:
            clauses.append(
                f"{describe(found.parts, [part])} supports {region} most: without it {here} is at "
                f"{after[0]} and {there} at {after[1]}"
            )
    if not clauses:
        return f"{start}: hiding any one part changes next to nothing between the two."
    return f"{start}. {' '.join(f'{one[:1].upper()}{one[1:]}.' for one in clauses)}"


def as_text(found: RestsOn, compared: Contrast | None) -> str:
    """Return the sentences, the strongest parts with their effects, and what was measured."""
    lines = [sentence(found), ""]
    lines += [
        f"- without {describe(found.parts, [part])} {change(found, found.single, part)}"
        for part in found.ranked[:_LISTED]
    ]
    if compared is not None:
        lines += ["", contrast_sentence(found, compared)]
    return "\n".join([*lines, "", measured_on(found.answer), ""])


def as_dict(found: RestsOn, compared: Contrast | None) -> dict[str, Any]:
    """Return the same as plain values; the effects of labels that are not predicted are absent."""
    answer, together = found.answer, found.together
    record: dict[str, Any] = {
        "sentence": sentence(found),
        "measured_on": measured_on(answer),
        "ranked_by": found.measure,
        "without_named_parts": _effect_dict(answer, together, 0),
        "without_as_much_elsewhere": [
            _effect_dict(answer, found.control, row) for row in range(len(found.control))
        ],
        "parts": [
            {
                "description": describe(found.parts, [part]),
                "named": part in found.named,
                "share": round(found.parts.share([part]), 4),
                "middle": [round(float(one), 3) for one in _middle(found, part)],
                "without": _effect_dict(answer, found.single, part),
            }
            for part in found.ranked
        ],
    }
    if compared is not None:
        record["contrast"] = {
            "sentence": contrast_sentence(found, compared),
            "here": answer.regions[compared.here],
            "there": answer.regions[compared.there],
            "support_of_parts": [round(float(compared.support[part]), 4) for part in found.ranked],
        }
    return record


def measured_on(answer: Prediction) -> str:
    """Return which answer was measured, and how parts are hidden."""
    return MEASURED_REFINED if answer.neighbours.shape[1] else MEASURED_HEADS


def region_name(answer: Prediction, index: int) -> str:
    """The name of a region, or `region 7` if it has none."""
    region = answer.regions[index]
    return answer.region_names.get(region) or f"region {region}"


def _usual(found: RestsOn) -> str:
    """The median effect of the control, in words."""
    size = float(np.median(found.effect(found.control)))
    if found.measure == "position":
        return f"moves it {metres(size)}"
    if found.measure == "heading":
        return f"turns it {size:.0f}°"
    return f"takes {max(0.0, 100 * size):.0f} percentage points"


def _effect_dict(answer: Prediction, effects: Effects, row: int) -> dict[str, Any]:
    record: dict[str, Any] = {}
    if "position" in answer.labels:
        record["moved_m"] = round(float(effects.moved_m[row]), 3)
    if "heading" in answer.labels:
        record["turned_deg"] = round(float(effects.turned_deg[row]), 3)
    if answer.regions:
        best = int(effects.shares[row].argmax())
        record["region"] = answer.regions[best]
        record["region_probability"] = round(float(effects.shares[row, best]), 6)
    record["refused"] = bool(effects.refused[row])
    return record


def _middle(found: RestsOn, part: int) -> tuple[float, float]:
    """Across and down, as shares of the side."""
    rows, columns = np.nonzero(found.parts.mask([part]))
    side = len(found.parts.photo)
    return (columns.mean() + 0.5) / side, (rows.mean() + 0.5) / side
