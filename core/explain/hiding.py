"""What an answer rests on: hide one part of the photo after another and answer anew.

The effect is measured on the whole answer, as the Predict page gives it: after the search of the
gallery, refinement and calibration. So it also explains ensembles and models without trained heads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.dataset.decode import Pixels
from core.errors import ConfigError
from core.explain.parts import PARTS, Masks, Parts, cut, hide
from core.geo import Floats, distance_m, heading_difference_deg
from core.inference.prediction import Prediction, joined

Progress = Callable[[int, int], None]
# Parts that the sentence names at most, and random sets of as much that they are compared with.
_NAMED, _CONTROLS = 3, 3
# A set that is this near to the effect of all named parts is enough.
_ENOUGH = 0.8
# Photos that are answered together, and how often progress is reported.
_AT_ONCE = 8
# The mean colour of a wrongly hidden part moves an answer a little: less than this is no effect.
_NO_EFFECT: dict[str, float] = {"position": 2.0, "heading": 4.0, "region": 0.02}
# A part stands out if hiding it changes the answer this many times as much as hiding others does.
_STANDS_OUT = 2.0
# A cosine of 1 but for rounding: the same photo, or a copy of it.
_SAME_PHOTO = 0.9995


class Answering(Protocol):
    """What is needed of a predictor."""

    def predict_photos(
        self, photos: Pixels, *, exclude_ids: Sequence[str | None] | None = None
    ) -> Prediction:
        """Predict `(n, s, s, 3)` photos, each without a training photo in its search."""
        ...


@dataclass(frozen=True)
class Effects:
    """How n changed photos are answered, against the answer for the photo as it is.

    Attributes:
        moved_m: `(n,)` distance between the positions; NaN if positions are not predicted.
        turned_deg: `(n,)` angle between the headings, 0 to 180; NaN if they are not predicted.
        shares: `(n, R)` probabilities of the regions, calibrated if the model is.
        refused: `(n,)` whether the photo is refused as none of this campus.
    """

    moved_m: Floats
    turned_deg: Floats
    shares: Floats
    refused: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of changed photos."""
        return len(self.refused)

    def rows(self, rows: slice | Sequence[int]) -> "Effects":
        """The effects of some of the changes."""
        return Effects(
            self.moved_m[rows], self.turned_deg[rows], self.shares[rows], self.refused[rows]
        )


@dataclass(frozen=True)
class RestsOn:
    """What the answer for one photo rests on.

    Attributes:
        parts: The photo and its parts.
        answer: The answer for the photo as it is, one row.
        single: Effects of hiding each part alone, in the order of the parts.
        ranked: Parts by falling effect.
        named: The parts, the strongest first, that together change the answer; empty if none
            stands out.
        together: Effect of hiding the named parts together, or the strongest three if none stands
            out; one row.
        control: Effects of hiding random other parts of the same size together.
        measure: What parts are ranked by: the first of position, heading, region that is predicted.
    """

    parts: Parts
    answer: Prediction
    single: Effects
    ranked: tuple[int, ...]
    named: tuple[int, ...]
    together: Effects
    control: Effects
    measure: str

    def effect(self, effects: Effects) -> Floats:
        """`(n,)` effects in the unit of the measure: metres, degrees or lost probability."""
        return _sizes(effects, self.measure, shares_of(self.answer)[0])


def rests_on(
    predictor: Answering,
    photo: Pixels,
    count: int = PARTS,
    *,
    exclude_id: str | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> RestsOn:
    """Find the parts of a photo that its answer rests on.

    Every part is hidden alone; then the strongest two and three are hidden together, as parts that
    show the same thing replace each other; then, as a control, random other parts of the same size.

    Args:
        predictor: A predictor of any kind, with or without a gallery.
        photo: `(s, s, 3)` uint8, as `Predictor.decode` returns it.
        count: Parts that the photo is cut into.
        exclude_id: Training photo that the search leaves out: the photo itself.
        progress: Called with `(answers given, answers in all)`.
        seed: Of the random parts.

    Raises:
        ConfigError: `count` is less than 4.
    """
    if count < 4:
        raise ConfigError(f"a photo is cut into at least 4 parts, got {count}")
    parts = cut(photo, count)
    n = len(parts)
    answer = _Answers(predictor, photo, exclude_id, passes(n), progress)
    nothing = np.zeros(photo.shape[:2], bool)
    first = answer([nothing, *(parts.mask([part]) for part in range(n))])
    whole = first.rows(np.array([0]))
    measure = next(label for label in ("position", "heading", "region") if label in whole.labels)
    single = _effects(whole, first.rows(np.arange(1, n + 1)))
    shares = shares_of(whole)[0]
    sizes = _sizes(single, measure, shares)
    # Of parts that move nothing, the one without which the region is less likely comes first.
    lost = _sizes(single, "region", shares) if whole.regions else np.zeros(n)
    ranked = tuple(int(part) for part in np.lexsort((-lost, -sizes)))
    sets = [list(ranked[:size]) for size in range(1, min(_NAMED, n - 1) + 1)]
    more = _effects(whole, answer([parts.mask(one) for one in sets[1:]]))
    joint = _stacked(single.rows([ranked[0]]), more)
    reached = _sizes(joint, measure, shares)
    chosen = int(np.argmax(reached >= _ENOUGH * reached.max()))
    others = [_others(parts, sets[chosen], seed + draw) for draw in range(_CONTROLS)]
    control = _effects(whole, answer([parts.mask(one) for one in others]))
    usual = float(np.median(_sizes(control, measure, shares)))
    stands = reached[chosen] >= max(_NO_EFFECT[measure], _STANDS_OUT * usual)
    return RestsOn(
        parts,
        whole,
        single,
        ranked,
        tuple(sets[chosen]) if stands else (),
        joint.rows([chosen]),
        control,
        measure,
    )


class _Answers:
    """Answers for one photo with masked pixels hidden, in batches, with progress over all calls."""

    def __init__(
        self,
        predictor: Answering,
        photo: Pixels,
        exclude_id: str | None,
        total: int,
        progress: Progress | None,
    ) -> None:
        self.predictor, self.photo, self.progress = predictor, photo, progress
        self.exclude_id = exclude_id
        self.done, self.total = 0, total

    def __call__(self, masks: list[Masks]) -> Prediction:
        found: list[Prediction] = []
        for start in range(0, len(masks), _AT_ONCE):
            batch = [hide(self.photo, mask) for mask in masks[start : start + _AT_ONCE]]
            exclude_ids = [self.exclude_id] * len(batch)
            found.append(self.predictor.predict_photos(np.stack(batch), exclude_ids=exclude_ids))
            self.done += len(batch)
            if self.progress is not None:
                self.progress(self.done, self.total)
        return joined(found)


def passes(count: int) -> int:
    """Answers that `rests_on` needs for a photo of so many parts."""
    return 1 + count + (_NAMED - 1) + _CONTROLS


def shares_of(prediction: Prediction) -> Floats:
    """`(n, R)` probabilities of the regions as they are shown: calibrated if the model is."""
    if prediction.confidence is None or not prediction.regions:
        return prediction.region_probabilities
    return prediction.confidence.region_probabilities


def is_training_photo(answer: Prediction) -> bool:
    """Whether the most similar training photo of the first photo is the photo itself."""
    return bool(answer.similarity[0, :1].max(initial=0.0) >= _SAME_PHOTO)


@dataclass(frozen=True)
class Contrast:
    """Why one region and not another, by the parts of a photo.

    Attributes:
        here: Index of the region that is explained.
        there: Index of the region that it is compared with.
        shares: `(2,)` their probabilities for the photo as it is.
        without: `(n, 2)` their probabilities without each part.
        support: `(n,)` how much each part supports here against there: the change of the log odds
            between the two when it is hidden, negated.
    """

    here: int
    there: int
    shares: Floats
    without: Floats
    support: Floats


def contrast(found: RestsOn, here: str | None = None, there: str | None = None) -> Contrast:
    """Compare two regions by what hiding each part does to their probabilities.

    Args:
        found: What the answer rests on; nothing is predicted anew.
        here: Region id; the most probable one by default.
        there: Region id; the most probable other one by default.

    Raises:
        ConfigError: A region is unknown, both are the same, or the model knows fewer than two.
    """
    regions = found.answer.regions
    if len(regions) < 2:
        raise ConfigError("this model does not tell regions apart, so it has none to compare")
    shares = shares_of(found.answer)[0]
    order = [int(index) for index in np.argsort(-shares, kind="stable")]
    first = order[0] if here is None else _index(here, found.answer)
    rest = [index for index in order if index != first]
    second = rest[0] if there is None else _index(there, found.answer)
    if first == second:
        raise ConfigError(f"region {regions[first]!r} cannot be compared with itself")
    pair = [first, second]
    without = found.single.shares[:, pair]
    # A probability of 0 is one that was rounded: one in 10,000 bounds the odds.
    odds = np.diff(np.log(np.clip(np.vstack([shares[pair], without]), 1e-4, 1.0)), axis=1)[:, 0]
    return Contrast(first, second, shares[pair], without, np.asarray(odds[1:] - odds[0]))


def _index(region: str, answer: Prediction) -> int:
    """A region by its id or its name."""
    if region in answer.regions:
        return answer.regions.index(region)
    for known, name in answer.region_names.items():
        if name.casefold() == region.casefold():
            return answer.regions.index(known)
    names = [answer.region_names.get(known, known) for known in answer.regions]
    raise ConfigError(f"region {region!r} is unknown: choose one of {', '.join(names)}")


def _others(parts: Parts, chosen: list[int], seed: int) -> list[int]:
    """Random parts beside the chosen ones that cover about as much."""
    wanted = parts.share(chosen)
    taken: list[int] = []
    for part in np.random.default_rng(seed).permutation(len(parts)):
        if part not in chosen and (not taken or parts.share(taken) < wanted):
            taken.append(int(part))
    return taken


def _effects(whole: Prediction, changed: Prediction) -> Effects:
    return Effects(
        np.asarray(distance_m(whole.position_refined_m, changed.position_refined_m)),
        np.abs(heading_difference_deg(whole.heading_refined_deg, changed.heading_refined_deg)),
        shares_of(changed),
        changed.refused,
    )


def _stacked(first: Effects, second: Effects) -> Effects:
    return replace(
        first,
        moved_m=np.concatenate([first.moved_m, second.moved_m]),
        turned_deg=np.concatenate([first.turned_deg, second.turned_deg]),
        shares=np.concatenate([first.shares, second.shares]),
        refused=np.concatenate([first.refused, second.refused]),
    )


def _sizes(effects: Effects, measure: str, shares: Floats) -> Floats:
    if measure == "position":
        return effects.moved_m
    if measure == "heading":
        return effects.turned_deg
    return np.asarray(shares.max() - effects.shares[:, int(shares.argmax())])
