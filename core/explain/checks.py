"""Can a map be believed? Deletion and insertion curves, and maps of randomised weights."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.stats import spearmanr

from core.errors import ConfigError
from core.explain.attribute import Explained, choose, prepare, run
from core.explain.attribution import Attribution
from core.explain.parts import Masks, hide
from core.explain.targets import Target, TargetScore
from core.geo import Floats, heading_difference_deg
from core.model.backbone import normalise

Progress = Callable[[int, int], None]
# Cells along a side that are hidden or shown together, and the steps of a curve.
_CELLS, _STEPS = 14, 10
_RANDOM_ORDERS, _RANDOM_NETWORKS = 3, 2
_AT_ONCE = 16
# An answer that changes less than this when all is hidden does not rest on the photo.
_LEAST = {"%": 2.0, "°": 2.0, "m": 1.0}
# By how much a mean curve must beat random orders, in area, and bounds of the rank correlation.
_CLEARLY = 0.03
_ALIKE, _PARTLY = 0.7, 0.4


@dataclass(frozen=True)
class Curves:
    """How much of an answer is left as more and more of the photo is hidden or shown.

    1 is the answer for the whole photo, 0 that for a photo of one colour; in between by distance in
    metres, degrees or percentage points. Deletion hides the strongest parts first (lower is
    better), insertion shows them first (higher is better; Petsiuk et al. 2018).

    Attributes:
        shares: `(k,)` hidden, or shown, share of the photo, 0 to 1.
        deletion: `(k,)` what is left by the order of the map.
        insertion: `(k,)` the same.
        random_deletion: `(r, k)` by random orders of the same cells.
        random_insertion: `(r, k)` the same.
        change: What hiding everything changes, in `unit`.
        unit: `m`, `°` or `%`.
    """

    shares: Floats
    deletion: Floats
    insertion: Floats
    random_deletion: Floats
    random_insertion: Floats
    change: float
    unit: str

    @property
    def areas(self) -> dict[str, float]:
        """Areas under the four curves, 0 to 1; those of random orders are means."""
        return {
            name: float(np.trapezoid(np.atleast_2d(getattr(self, name)), self.shares).mean())
            for name in ("deletion", "random_deletion", "insertion", "random_insertion")
        }


def curves(
    predictor: Explained,
    attribution: Attribution,
    target: Target,
    *,
    progress: Progress | None = None,
    seed: int = 0,
) -> Curves:
    """Measure a map by what the network answers without, and with only, its strongest parts.

    Args:
        predictor: The model that the map is of.
        attribution: The map.
        target: What it explains.
        progress: Called with `(answers given, answers in all)`.
        seed: Of the random orders.

    Raises:
        ConfigError: The network gives a photo of one colour the same answer.
    """
    inputs, seen = prepare(predictor, attribution.photo, target)
    values = np.abs(attribution.map) if target.name in ("north_m", "east_m") else attribution.map
    draw = np.random.default_rng(seed)
    orders = [np.argsort(-_by_cell(values), kind="stable")]
    orders += [draw.permutation(_CELLS**2) for _ in range(_RANDOM_ORDERS)]
    ends = np.linspace(0, _CELLS**2, _STEPS + 1).round().astype(int)
    masks = [_mask(order[:end], len(seen)) for order in orders for end in ends]
    answers = _answers(inputs.score, seen, [*masks, *(~mask for mask in masks)], progress)
    unit, changes = _changes(answers, inputs.score.answers(inputs.image)[0], target)
    changes = changes.reshape(2, len(orders), len(ends))
    change = float(changes[0, 0, -1])
    if change < _LEAST[unit]:
        raise ConfigError(
            "the network gives a photo of one colour the same answer, so the photo's parts cannot "
            "be ranked by what they change: choose another output"
        )
    left = np.clip(1.0 - changes / change, 0.0, 1.0)
    shares = ends / _CELLS**2
    return Curves(shares, left[0, 0], left[1, 0], left[0, 1:], left[1, 1:], change, unit)


def curves_verdict(found: Curves) -> str:
    """Return in words whether a map points at what matters."""
    areas = found.areas
    deletes = areas["random_deletion"] - areas["deletion"]
    inserts = areas["insertion"] - areas["random_insertion"]
    numbers = (
        f"area under deletion {areas['deletion']:.2f} (random order "
        f"{areas['random_deletion']:.2f}, lower is better), under insertion "
        f"{areas['insertion']:.2f} (random {areas['random_insertion']:.2f}, higher is better)"
    )
    if min(deletes, inserts) > _CLEARLY:
        said = "The map points at what the answer needs"
    elif max(deletes, inserts) > _CLEARLY:
        said = "The map points at a part of what the answer needs"
    else:
        said = "The map points no better than chance at what the answer needs"
    return f"{said}: {numbers}."


def weights_similarity(
    predictor: Explained,
    attribution: Attribution,
    knobs: BaseModel | None,
    target: Target,
    *,
    seed: int = 0,
) -> float:
    """Return how alike maps of randomised networks are to a map: mean rank correlation, 0 to 1.

    Every weight is drawn anew. A method whose map stays the same shows the photo, not what was
    learned (Adebayo et al. 2018). Sizes of the attributions are compared, without their sign.

    Args:
        predictor: The model that the map is of; it is not changed.
        attribution: The map.
        knobs: The method's options.
        target: What the map explains.
        seed: Of the random weights.
    """
    method, options = choose(attribution.method, knobs)
    inputs, seen = prepare(predictor, attribution.photo, target)
    alike = []
    for number in range(_RANDOM_NETWORKS):
        score = _randomised(inputs.score, inputs.image, seed + number)
        other = run(attribution.method, method, options, inputs.with_score(score), seen)
        first, second = (np.abs(one.map).ravel() for one in (attribution, other))
        flat = np.ptp(first) == 0 or np.ptp(second) == 0
        alike.append(0.0 if flat else abs(float(spearmanr(first, second).statistic)))
    return float(np.mean(alike))


def weights_verdict(similarity: float) -> str:
    """Return in words whether a map shows what the network learned."""
    number = f"rank correlation {similarity:.2f} with maps of random weights"
    if similarity >= _ALIKE:
        return (
            f"Do not trust this map: it looks much the same for a network that learned nothing, so "
            f"it shows the photo and not what the model learned ({number})."
        )
    if similarity >= _PARTLY:
        return (
            f"Partly the photo: edges or bright parts show up with random weights too ({number})."
        )
    return f"The map depends on what the model learned ({number})."


def passes(method_passes: int) -> tuple[int, int]:
    """Images that the curves show to the network, and passes of the randomised networks."""
    return 2 * (1 + _RANDOM_ORDERS) * (_STEPS + 1), _RANDOM_NETWORKS * method_passes


def _randomised(score: TargetScore, image: torch.Tensor, seed: int) -> TargetScore:
    """Return a copy with all weights drawn anew, with their old mean and spread."""
    changed = copy.deepcopy(score)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in changed.model.parameters():
            if weight.ndim >= 2:
                noise = torch.randn(weight.shape, generator=draw)
                weight.copy_(noise.to(weight) * weight.std() + weight.mean())
        outputs = changed.model(image)
    changed.modes = outputs.modes
    return changed


def _by_cell(values: NDArray[np.float32]) -> Floats:
    """Mean of a map `(s, s)` in each cell, row by row."""
    cells = _cells(len(values)).ravel()
    sums = np.bincount(cells, values.ravel().astype(float), _CELLS**2)
    return np.asarray(sums / np.maximum(np.bincount(cells, minlength=_CELLS**2), 1))


def _cells(side: int) -> NDArray[np.int64]:
    along = np.arange(side) * _CELLS // side
    return np.asarray(along[:, None] * _CELLS + along)


def _mask(cells: NDArray[np.int64], side: int) -> Masks:
    return np.isin(_cells(side), cells)


def _answers(
    score: TargetScore, photo: NDArray[np.uint8], masks: list[Masks], progress: Progress | None
) -> Floats:
    model, found = score.model, []
    device = str(next(model.parameters()).device)
    for start in range(0, len(masks), _AT_ONCE):
        photos = np.stack([hide(photo, mask) for mask in masks[start : start + _AT_ONCE]])
        found.append(score.answers(normalise(photos, model.mean, model.std, device)))
        if progress is not None:
            progress(min(start + _AT_ONCE, len(masks)), len(masks))
    return np.concatenate(found)


def _changes(answers: Floats, answer: Floats, target: Target) -> tuple[str, Floats]:
    """Unit and sizes `(n,)` of how far answers are from the answer for the photo."""
    if target.name == "heading":
        return "°", np.abs(heading_difference_deg(answers[:, 0], answer[0]))
    if target.name == "region":
        signs = np.array([1.0, -1.0])[: answers.shape[1]]
        return "%", 100.0 * np.abs((answers - answer) @ signs)
    axes = {"north_m": [0], "east_m": [1]}.get(target.name, [0, 1])
    return "m", np.asarray(np.linalg.norm((answers - answer)[:, axes], axis=1))
