"""The choice of a refinement, by photos whose truth is known.

One fixed setting transfers better than the best of hundreds of settings on a few dozen photos, so
the choice begins with `DEFAULT` and leaves it only for what the photos show beyond chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats, distance_m, heading_error_deg, wrap_heading_deg
from core.retrieval.gallery import Gallery
from core.retrieval.headings import refined_headings
from core.retrieval.modes import mode_mean, softmax_weights
from core.retrieval.neighbours import Candidates, Neighbours, PlaceShares, Surroundings
from core.retrieval.refine import blend_regions, region_votes
from core.retrieval.schema import RefineConfig
from core.retrieval.verification import Verified

DEFAULT = RefineConfig(
    method="retrieval",
    k=10,
    heading_k=10,
    region_k=20,
    place_weight=0.02,
    points_weight=0.4,
    evidence="contrast",
    heading_spread_deg=30.0,
    temperature=0.1,
    heading_temperature=0.1,
    mode_radius_m=40.0,
    blend_heading=0.9,
    blend_region=0.75,
)
"""What new models begin with: good on several sets of real and rendered photos at once."""
UNREFINED = RefineConfig(method="none", k=1, heading_k=1)

POINTS_WEIGHTS = (0.4, 0.0, 0.2, 0.8)
COUNT_WEIGHT = 0.2
"""Default weight of inliers of an affine map. Most pairs have none, so their number is evidence."""
SOFTNESS = ((10, 0.1), (3, 0.03), (32, 0.2))
"""Neighbours and temperature: the default, the nearest few, and many."""
REGION_COUNTS = (20, 5)
MOST_PHOTOS = 2000
_LEAST_PHOTOS, _MOST_COSINES = 250, 130_000_000
"""All cosines are kept while settings are compared: half a gigabyte, or those of 250 photos."""
LEAST_PLACES = 8
"""With fewer places in the validation photos, nothing is chosen."""
FOLDS = 5
BEYOND_CHANCE = 2.0
"""Standard errors by which a choice must beat the default on places that it was not made on."""
LEAST_PROBABILITY = 1e-6
_SMALL_ERROR_M = 5.0
_RAW_STEPS = 3


@dataclass(frozen=True)
class Setting:
    """A setting, how many options separate it from the default, and its losses `(n,)`."""

    config: RefineConfig
    steps: int
    loss: Floats


@dataclass(frozen=True)
class Choice:
    """A refinement and what it was chosen on.

    Attributes:
        config: The refinement.
        photos: Photos that it was chosen on.
        places: Places at which they were taken.
        default: Whether nothing showed beyond chance that another setting is better.
    """

    config: RefineConfig
    photos: int
    places: int
    default: bool

    def metrics(self) -> dict[str, float]:
        """What a card states."""
        return {"refine_photos": float(self.photos), "refine_places": float(self.places)}

    def __str__(self) -> str:
        """One line of a log."""
        what = "the default" if self.default else "other than the default"
        used = self.config.model_dump(exclude_defaults=True)
        options = ", ".join(f"{name} {value}" for name, value in used.items())
        return f"refinement, {what}, on {self.photos:,} photos of {self.places:,} places: {options}"


@dataclass(frozen=True)
class _Validation:
    """Raw predictions and truths of the photos of the choice, and the search for them.

    Losses are NaN where the truth is unknown or nothing is predicted.
    """

    position_m: Floats
    heading_deg: Floats
    true_position_m: Floats
    true_heading_deg: Floats
    probabilities: Floats | None
    neighbours: Neighbours
    spot: NDArray[np.int64]
    places: PlaceShares | None

    @property
    def gallery(self) -> Gallery:
        """The training photos."""
        return self.neighbours.gallery

    def candidates(self, config: RefineConfig) -> Candidates:
        """Rank the gallery for every photo."""
        most = min(max(k for k, _ in SOFTNESS), len(self.gallery))
        return self.neighbours.ranked(
            config, most, self.position_m, self.probabilities, places=self.places
        )

    def position_loss(self, position_m: Floats) -> Floats:
        """Logarithm of position errors `(n,)`: halving an error counts alike near and far."""
        return np.log(distance_m(position_m, self.true_position_m) + _SMALL_ERROR_M)

    def heading_loss(self, heading_deg: Floats) -> Floats:
        """Heading errors `(n,)` in degrees."""
        return heading_error_deg(heading_deg, self.true_heading_deg)


def default_refinement(gallery: Gallery, *, verified: bool, places: bool) -> RefineConfig:
    """`DEFAULT` without what a model lacks: keypoints, a place head, or that many photos.

    Without a place head the probability of a photo's region has the place head's weight. Inliers of
    an affine map are counted.
    """
    most = len(gallery)
    lacks: dict[str, Any] = {
        name: min(getattr(DEFAULT, name), most) for name in ("k", "heading_k", "region_k")
    }
    if not verified:
        lacks |= {"points_weight": 0.0, "evidence": "count"}
    elif gallery.local is not None and gallery.local.method.verification == "affine":
        lacks |= {"points_weight": COUNT_WEIGHT, "evidence": "count"}
    if not places:
        lacks |= {"place_weight": 0.0, "region_weight": DEFAULT.place_weight}
    return DEFAULT.model_copy(update=lacks)


def select_settings(
    position_m: ArrayLike,
    heading_deg: ArrayLike,
    features: ArrayLike,
    true_position_m: ArrayLike,
    true_heading_deg: ArrayLike,
    gallery: Gallery,
    *,
    region_probabilities: ArrayLike | None = None,
    true_region: NDArray[np.int64] | None = None,
    verified: Verified | None = None,
    spot: ArrayLike | None = None,
    places: PlaceShares | None = None,
    surroundings: Surroundings | None = None,
) -> Choice:
    """Choose how positions, then headings, then regions are refined.

    Of a few dozen settings, the one nearest to the default within one standard error of the best is
    chosen (Breiman et al. 1984, "Classification and Regression Trees": the one-standard-error
    rule); errors are of paired differences and count places, not photos. Unless such choices beat
    the default beyond chance on places that they were not made on, the default stays. Raw
    predictions are one of the settings.

    At most 2,000 evenly spaced photos are used, of which the truth is known; with fewer than
    `LEAST_PLACES` places the default stays. Without positions in the gallery nothing is refined.

    Args:
        position_m: `(n, 2)` raw predictions of held-out photos; NaN without.
        heading_deg: `(n,)` raw predicted headings; NaN without.
        features: `(n, D)` pooled features as the network gives them.
        true_position_m: `(n, 2)` truth; NaN where unknown.
        true_heading_deg: `(n,)` truth; NaN where unknown.
        gallery: Training photos.
        region_probabilities: `(n, R)`; without them regions have no say.
        true_region: `(n,)` truth, -1 where unknown; without it the default refines regions.
        verified: The photos' points against the training photos most alike; without, no weight.
        spot: `(n,)` numbers of the places where the photos were taken; absent: each its own.
        places: The place head's shares; absent without a place head.
        surroundings: Circles within which the photos find no training photo.
    """
    n = len(np.asarray(position_m))
    if "position" not in gallery.labels:
        return Choice(UNREFINED, n, 0, default=True)
    every = slice(None, None, -(-n // _most_photos(gallery)) or None)
    probabilities = None
    if region_probabilities is not None and np.shape(region_probabilities)[1]:
        probabilities = np.asarray(region_probabilities, np.float64)[every]
    around = surroundings.rows(every) if surroundings is not None else None
    search = Neighbours.search(np.asarray(features)[every], gallery, surroundings=around)
    photos = _Validation(
        np.asarray(position_m, np.float64)[every],
        wrap_heading_deg(heading_deg)[every],
        np.asarray(true_position_m, np.float64)[every],
        wrap_heading_deg(true_heading_deg)[every],
        probabilities,
        replace(search, verified=None if verified is None else verified.part(every)),
        (np.arange(n) if spot is None else np.asarray(spot, np.int64))[every],
        None if places is None else places.part(every),
    )
    return _chosen(photos, np.full(n, -1)[every] if true_region is None else true_region[every])


def _most_photos(gallery: Gallery) -> int:
    return min(MOST_PHOTOS, max(_LEAST_PHOTOS, _MOST_COSINES // len(gallery)))


def _chosen(photos: _Validation, true_region: NDArray[np.int64]) -> Choice:
    """Choose for position, then heading, then region, each beginning with the default."""
    verified = photos.neighbours.verified
    default = default_refinement(
        photos.gallery, verified=verified is not None, places=photos.places is not None
    )
    if photos.probabilities is None:
        default = default.model_copy(update={"region_weight": 0.0, "blend_region": 0.0})
    if not np.isfinite(photos.heading_deg).any():
        default = default.model_copy(update={"blend_heading": 0.0})
    if verified is not None:
        default = default.model_copy(update={"turn_hfov_deg": verified.hfov_deg})
    chosen = choose(list(_positions(photos, default)), photos.spot)
    chosen = choose(list(_headings(photos, chosen)), photos.spot)
    if photos.probabilities is not None:
        regions = _regions(photos, chosen, photos.probabilities, true_region)
        chosen = choose(list(regions), photos.spot)
    return Choice(chosen, len(photos.spot), len(np.unique(photos.spot)), chosen == default)


def choose(settings: list[Setting], spot: NDArray[np.int64]) -> RefineConfig:
    """Of settings, the default first, the one that `select_settings` describes.

    Photos without a loss (NaN) are left out.
    """
    loss = np.stack([setting.loss for setting in settings])  # (settings, n)
    known = np.isfinite(loss).all(axis=0)
    loss, groups = loss[:, known], np.unique(spot[known], return_inverse=True)[1]
    count = len(np.unique(groups))
    if count < LEAST_PLACES:
        return settings[0].config
    steps = np.array([setting.steps for setting in settings])
    chosen = _nearest_to_default(loss, steps, groups)
    fold = (np.random.default_rng(0).permutation(count) % FOLDS)[groups]
    held = np.empty(loss.shape[1])
    for part in range(FOLDS):
        inside = fold == part
        elsewhere = _nearest_to_default(loss[:, ~inside], steps, groups[~inside])
        held[inside] = loss[elsewhere, inside]
    gain = loss[0] - held
    beyond = gain.mean() > BEYOND_CHANCE * standard_errors(gain[None], groups)[0]
    return settings[chosen if beyond else 0].config


def _nearest_to_default(loss: Floats, steps: NDArray[np.int64], groups: NDArray[np.int64]) -> int:
    """Index of the setting with the fewest steps within one standard error of the best.

    Of equally many steps, the one with the least loss.
    """
    mean = loss.mean(axis=1)
    worse = loss - loss[mean.argmin()]
    error = standard_errors(worse, groups)
    within = worse.mean(axis=1) <= error + 1e-12
    return int(np.lexsort((mean, np.where(within, steps, steps.max() + 1)))[0])


def standard_errors(values: Floats, groups: NDArray[np.int64]) -> Floats:
    """Standard errors `(s,)` of the means of `(s, n)` over photos, which come in groups `(n,)`."""
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1
    sums = np.zeros((count, len(values)))
    np.add.at(sums, group, (values - values.mean(axis=1, keepdims=True)).T)
    spread = np.sqrt((sums**2).sum(axis=0) * count / max(count - 1, 1))
    return np.asarray(spread / values.shape[1])


def _positions(photos: _Validation, default: RefineConfig) -> Iterator[Setting]:
    """Yield the default first, and raw positions."""
    gallery = photos.gallery
    for config, candidates, steps in _rankings(photos, default):
        for (k, temperature), away in _softness(gallery):
            top = candidates.first(k)
            mean, kept = mode_mean(
                gallery.position_m[top.rows],
                softmax_weights(top.score, temperature),
                config.mode_radius_m,
            )
            mean = np.where(kept.sum(axis=1, keepdims=True) == 0.0, photos.position_m, mean)
            for blend in (1.0, 0.5):
                moved = photos.position_m + blend * (mean - photos.position_m)
                update = {"k": k, "temperature": temperature, "blend_position": blend}
                yield Setting(
                    config.model_copy(update=update),
                    steps + away + (blend < 1.0),
                    photos.position_loss(moved),
                )
    raw = default.model_copy(update={"method": "none", "blend_position": 0.0})
    yield Setting(raw, _RAW_STEPS, photos.position_loss(photos.position_m))


def _rankings(
    photos: _Validation, default: RefineConfig
) -> Iterator[tuple[RefineConfig, Candidates, int]]:
    first = default.points_weight
    others = [weight for weight in POINTS_WEIGHTS if first and weight != first]
    for points in (first, *others):
        config = default.model_copy(update={"points_weight": points})
        yield config, photos.candidates(config), int(points != first)
    if default.place_weight or default.region_weight:
        config = default.model_copy(update={"place_weight": 0.0, "region_weight": 0.0})
        yield config, photos.candidates(config), 1


def _softness(gallery: Gallery) -> list[tuple[tuple[int, float], int]]:
    most = len(gallery)
    return [((min(k, most), heat), int(place > 0)) for place, (k, heat) in enumerate(SOFTNESS)]


def _headings(photos: _Validation, chosen: RefineConfig) -> Iterator[Setting]:
    """Yield the default first, and raw headings."""
    candidates = photos.candidates(chosen)
    turns = [chosen.turn_hfov_deg] + [None] * (chosen.turn_hfov_deg is not None)
    blends = (chosen.blend_heading, 0.5, 1.0)
    for turn, ((k, temperature), away), blend in product(turns, _softness(photos.gallery), blends):
        config = chosen.model_copy(
            update={
                "heading_k": k,
                "heading_temperature": temperature,
                "turn_hfov_deg": turn,
                "blend_heading": blend,
            }
        )
        steps = (turn != turns[0]) + away + (blend != blends[0])
        turned = refined_headings(photos.heading_deg, candidates, photos.gallery, config)
        yield Setting(config, steps, photos.heading_loss(turned))
    raw = chosen.model_copy(update={"heading_k": 1, "blend_heading": 0.0})
    yield Setting(raw, _RAW_STEPS, photos.heading_loss(photos.heading_deg))


def _regions(
    photos: _Validation, chosen: RefineConfig, probability: Floats, truth: NDArray[np.int64]
) -> Iterator[Setting]:
    """Yield the default first, and raw regions; the loss is minus the log probability of truth."""
    row = np.arange(len(truth))
    candidates = photos.candidates(chosen)
    counts = [min(k, len(photos.gallery)) for k in REGION_COUNTS]
    for k, blend in (*product(counts, (chosen.blend_region, 0.5, 1.0)), (1, 0.0)):
        config = chosen.model_copy(update={"region_k": k, "blend_region": blend})
        votes = region_votes(candidates, photos.gallery, config, probability.shape[1])
        share = blend_regions(probability, votes, blend)
        surprise = -np.log(np.maximum(share[row, truth], LEAST_PROBABILITY))
        steps = (k != counts[0]) + (blend != chosen.blend_region) if blend else _RAW_STEPS
        yield Setting(config, steps, np.where(truth < 0, np.nan, surprise))
