"""The answer about one photo in one sentence, with one statement of confidence."""

from math import isfinite

import numpy as np

from app import wording
from core.confidence.apply import Confidence
from core.geo import Floats
from core.inference.prediction import Prediction

NOT_THIS_CAMPUS = "Not this campus: the photo is too unlike the training photos."
UNKNOWN = "confidence unknown: too few calibration photos"
UNCALIBRATED = "confidence unknown: this model is not calibrated"
_LEVEL = 0.9
# From this half-width on the wedge leaves out less than half of all directions.
_ANY_DIRECTION_DEG = 90.0
# Smaller parts of the area are specks; parts that are nearer to each other are one place.
_SPECK, _APART_M = 0.1, 25.0
# Below it the most probable region is more often wrong than right, so the next one is named too.
_LIKELY = 0.5


def sentence(prediction: Prediction, row: int) -> str:
    """Return where a photo was taken, which way it faced and how sure that is, as plain text.

    The confidence is that of the position; of the region or the heading if the model predicts no
    position. A refused photo gets no answer.

    Args:
        prediction: Answers for one or more photos, of a model of any labels.
        row: Which of them.
    """
    if prediction.refused[row]:
        return NOT_THIS_CAMPUS
    return answer_sentence(prediction, row)


def answer_sentence(prediction: Prediction, row: int) -> str:
    """Return the same as `sentence`, also for a refused photo."""
    places = matching_places(prediction, row)
    named, facing = _place(prediction, row), _facing(prediction, row)
    if places > 1:
        likeliest = f"the likeliest is {named}" if named else "the pin is on the likeliest"
        return ", ".join(filter(None, (f"Ambiguous: {places:,} places match; {likeliest}", facing)))
    start = named or ("At the pin on the map" if "position" in prediction.labels else "")
    words = ", ".join(filter(None, (start, facing)))
    sure, known = _confidence(prediction, row)
    return f"{words[:1].upper()}{words[1:]}{'' if known is None else known}{sure}"


def matching_places(prediction: Prediction, row: int) -> int:
    """Return how many separate places hold the true spot 9 times in 10; 0 if that is unknown.

    Parts of the area that are near each other are one place, and specks of it are none.
    """
    trust = prediction.confidence
    islands = None if trust is None else trust.region_m(row, _LEVEL)
    if not islands:
        return 0
    # The first ring is the outline, the others are holes.
    outlines = [island[0] for island in islands]
    sizes = np.array([_size_m2(outline) for outline in outlines])
    outlines = [outlines[index] for index in np.flatnonzero(sizes >= _SPECK * sizes.sum())]
    groups: list[list[Floats]] = []
    for outline in outlines:
        near = [group for group in groups if any(_gap_m(outline, o) <= _APART_M for o in group)]
        groups = [group for group in groups if not any(group is other for other in near)]
        groups.append([outline, *(other for group in near for other in group)])
    return len(groups)


def _size_m2(outline: Floats) -> float:
    """Area of a simple polygon `(k, 2)` (shoelace formula)."""
    north, east = outline.T
    return 0.5 * abs(float(north @ np.roll(east, 1) - east @ np.roll(north, 1)))


def _gap_m(first: Floats, second: Floats) -> float:
    """Distance of the nearest corners of two outlines."""
    return float(np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1)).min())


def _place(prediction: Prediction, row: int) -> str:
    """The most probable region by name, or the two most probable ones; empty without regions."""
    if "region" not in prediction.labels:
        return ""
    trust = prediction.confidence
    shares = prediction.region_probabilities if trust is None else trust.region_probabilities
    order = [int(index) for index in (-shares[row]).argsort(kind="stable")]
    names = [_name(prediction, prediction.regions[index]) for index in order]
    if len(names) > 1 and shares[row][order[0]] < _LIKELY:
        return f"{names[0]} or {names[1]}"
    return names[0]


def _name(prediction: Prediction, region: str) -> str:
    return prediction.region_names.get(region) or f"region {region}"


def _facing(prediction: Prediction, row: int) -> str:
    """The direction in words; empty without headings."""
    if "heading" not in prediction.labels:
        return ""
    trust = prediction.confidence
    if trust is not None and trust.wedge_deg[row, 1] >= _ANY_DIRECTION_DEG:
        return "heading unclear"
    return f"facing {wording.compass_point(float(prediction.heading_refined_deg[row]))}"


def _confidence(prediction: Prediction, row: int) -> tuple[str, str | None]:
    """How sure the answer is, and the size that holds the truth so often (None if unknown)."""
    trust = prediction.confidence
    if trust is None:
        return f"; {UNCALIBRATED}", None
    said, labels = f"({wording.level(_LEVEL)} confidence)", prediction.labels
    if "position" in labels:
        radius = float(trust.radius_m[row, 1])
        known = f", within {wording.within(radius)} " if isfinite(radius) else None
    elif "region" in labels:
        return _region_confidence(trust, row), None
    else:
        wedge = float(trust.wedge_deg[row, 1])
        known = f", within {wedge:.0f}° " if isfinite(wedge) else None
    return (said, known) if known is not None else (f"; {UNKNOWN}", None)


def _region_confidence(trust: Confidence, row: int) -> str:
    if trust.calibration.region is None:
        return f"; {UNKNOWN}"
    share = float(trust.region_probabilities[row].max())
    return f" ({wording.level(share)} confidence in the region)"
