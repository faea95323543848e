"""Headline figures: what a report, a card and a comparison say first about a set of photos.

Training, refinement, ensembles and evaluation sum up photos here, so a figure of one name is
computed in one way everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.geo import Floats, distance_m, heading_error_deg

JOINT_M, JOINT_DEG = 10.0, 15.0
"""A photo counts as located if both errors are at most these (as pose recall in OrienterNet)."""
Figure = Literal[
    "region_accuracy", "median_m", "mean_m", "p90_m", "within_10m", "within_25m", "maae_deg",
    "within_15", "joint_10m_15deg",
]  # fmt: skip
FIGURES: tuple[Figure, ...] = get_args(Figure)
SHARES: frozenset[Figure] = frozenset(
    {"region_accuracy", "within_10m", "within_25m", "within_15", "joint_10m_15deg"}
)
"""Figures that are shares of photos, in `[0, 1]`."""
QUANTILES: Mapping[Figure, float] = {"median_m": 0.5, "p90_m": 0.9}
"""Figures that are quantiles of the position error; all others are means over photos."""

Rows = NDArray[np.bool_]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of one predictor on one set of photos; None where a figure is unknown.

    Attributes:
        region_accuracy: Share of photos with the right region.
        median_m: Median position error.
        mean_m: Mean position error.
        p90_m: 90 % quantile of the position error.
        within_10m: Share of photos with a position error of at most 10 m.
        within_25m: The same for 25 m.
        maae_deg: Mean absolute angular error of the heading.
        within_15: Share of photos with a heading error of at most 15 degrees.
        joint_10m_15deg: Share of photos within 10 m and 15 degrees.
    """

    region_accuracy: float | None = None
    median_m: float | None = None
    mean_m: float | None = None
    p90_m: float | None = None
    within_10m: float | None = None
    within_25m: float | None = None
    maae_deg: float | None = None
    within_15: float | None = None
    joint_10m_15deg: float | None = None

    def __post_init__(self) -> None:
        """Reject figures that no set of photos can have."""
        for name in FIGURES:
            value, most = self.of(name), 1.0 if name in SHARES else float("inf")
            if value is not None and not 0.0 <= value <= most:
                raise ValueError(f"{name} cannot be {value}")

    def of(self, figure: Figure) -> float | None:
        """The figure of this name."""
        value: float | None = getattr(self, figure)
        return value

    def known(self, figure: Figure) -> float:
        """The figure of this name; ValueError if it is unknown."""
        value = self.of(figure)
        if value is None:
            raise ValueError(f"{figure} is unknown")
        return value

    def as_dict(self) -> dict[str, float | None]:
        """The headline figures by name, without what a subclass adds."""
        return {name: self.of(name) for name in FIGURES}


@dataclass(frozen=True, kw_only=True)
class FigureIntervals:
    """Confidence intervals of the headline figures; None where there is none."""

    region_accuracy: Interval | None = None
    median_m: Interval | None = None
    mean_m: Interval | None = None
    p90_m: Interval | None = None
    within_10m: Interval | None = None
    within_25m: Interval | None = None
    maae_deg: Interval | None = None
    within_15: Interval | None = None
    joint_10m_15deg: Interval | None = None

    def of(self, figure: Figure) -> Interval | None:
        """The interval of this figure."""
        ends: Interval | None = getattr(self, figure)
        return ends


def raw_card_metrics(figures: Figures) -> dict[str, float]:
    """Known figures of raw answers on validation photos, by the names that a card gives them."""
    names: tuple[Figure, ...] = ("region_accuracy", "median_m", "mean_m", "maae_deg")
    return {f"val_{name}": value for name in names if (value := figures.of(name)) is not None}


def refined_card_metrics(figures: Figures) -> dict[str, float]:
    """The same of refined answers."""
    names: dict[str, Figure] = {
        "val_region_accuracy_refined": "region_accuracy",
        "val_median_refined_m": "median_m",
        "val_maae_refined_deg": "maae_deg",
    }
    return {key: value for key, name in names.items() if (value := figures.of(name)) is not None}


@dataclass(frozen=True)
class PhotoErrors:
    """Errors of n photos under one predictor; NaN for what is not labelled or not predicted.

    Attributes:
        error_m: `(n,)` position errors.
        error_deg: `(n,)` heading errors.
        region_hit: `(n,)` 1 where the region is right, 0 where it is wrong; None if no photo has
            a region to compare.
    """

    error_m: Floats
    error_deg: Floats
    region_hit: Floats | Rows | None

    def __post_init__(self) -> None:
        """Check that all arrays are about the same photos."""
        shapes = {self.error_m.shape, self.error_deg.shape}
        shapes |= set() if self.region_hit is None else {self.region_hit.shape}
        if shapes != {(len(self.error_m),)}:
            raise ValueError(f"errors of one set of photos do not fit: {sorted(shapes)}")

    @classmethod
    def between(
        cls, true: tuple[ArrayLike | None, ArrayLike | None, ArrayLike | None],
        predicted: tuple[ArrayLike | None, ArrayLike | None, ArrayLike | None],
    ) -> Self:  # fmt: skip
        """Errors between truth and prediction.

        Args:
            true: Positions `(n, 2)` in metres, headings `(n,)` in degrees, region indices `(n,)`:
                NaN or -1 for a photo without the label, None if no photo has it.
            predicted: The same; None for what is not predicted. A predicted region of -1 is wrong.

        Raises:
            ValueError: Truth and prediction have nothing in common.
        """
        common = [
            None if truth is None or answer is None else (np.asarray(truth), np.asarray(answer))
            for truth, answer in zip(true, predicted, strict=True)
        ]
        sizes = [len(pair[0]) for pair in common if pair is not None]
        if not sizes:
            raise ValueError("no label is both known and predicted, so there are no errors")
        unknown = np.full(sizes[0], np.nan)
        position, heading, region = common
        return cls(
            unknown if position is None else distance_m(*position),
            unknown if heading is None else heading_error_deg(*heading),
            None if region is None else _hits(*region),
        )

    @property
    def means(self) -> dict[Figure, Floats]:
        """One value a photo `(n,)` for every figure that is a mean and that some photo has.

        NaN for the other photos.
        """
        no_position, no_heading = np.isnan(self.error_m), np.isnan(self.error_deg)
        near, aligned = self.error_m <= JOINT_M, self.error_deg <= JOINT_DEG
        values: dict[Figure, tuple[Any, Rows]] = {
            "mean_m": (self.error_m, no_position),
            "within_10m": (near, no_position),
            "within_25m": (self.error_m <= 25.0, no_position),
            "maae_deg": (self.error_deg, no_heading),
            "within_15": (aligned, no_heading),
            "joint_10m_15deg": (near & aligned, no_position | no_heading),
        }
        if self.region_hit is not None:
            values = {"region_accuracy": (self.region_hit, np.isnan(self.region_hit)), **values}
        return {
            name: np.where(unknown, np.nan, np.asarray(value, np.float64))
            for name, (value, unknown) in values.items()
            if not unknown.all()
        }

    @property
    def known_m(self) -> Floats:
        """The position errors of the photos that have one `(k,)`."""
        return _known(self.error_m)

    def figures(self, rows: Rows | None = None) -> Figures:
        """Headline figures of all photos or of the chosen ones, of which there is at least one.

        Each is over the photos that have it, and None where none has.
        """
        chosen = np.ones(len(self.error_m), bool) if rows is None else rows
        if not chosen.any():
            raise ValueError("figures of no photo are undefined")
        found: dict[str, float] = {
            name: float(values.mean())
            for name, column in self.means.items()
            if len(values := _known(column[chosen]))
        }
        error_m = _known(self.error_m[chosen])
        if len(error_m):
            found["median_m"] = float(np.median(error_m))
            found["p90_m"] = float(np.quantile(error_m, 0.9))
        return Figures(**found)

    def score(self, scale_m: float) -> float:
        """Mean of up to three figures, each 0 for a perfect and about 1 for an ignorant answer.

        They are the median position error over the campus's usual distance from its middle, MAAE
        over the 90 degrees of a random heading, and the share of wrong regions; those that no
        photo has are left out.

        Args:
            scale_m: Median distance of training photos from their middle; without positions it
                is not read.

        Raises:
            ValueError: There is no such figure.
        """
        figures = self.figures()
        total, terms = 0.0, 0
        if figures.median_m is not None:
            total, terms = total + figures.median_m / scale_m, terms + 1
        if figures.maae_deg is not None:
            total, terms = total + figures.maae_deg / 90.0, terms + 1
        if figures.region_accuracy is not None:
            total, terms = total + 1.0 - figures.region_accuracy, terms + 1
        if not terms:
            raise ValueError("a score needs a photo with a label that is predicted")
        return total / terms


def _hits(truth: NDArray[Any], answer: NDArray[Any]) -> Floats:
    """1 where two region indices `(n,)` are equal, 0 where not, NaN without a true one."""
    return np.where(truth < 0, np.nan, (truth == answer).astype(np.float64))


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]
