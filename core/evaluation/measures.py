"""The measures that comparisons look at, as one value a photo and a way to sum them up."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.evaluation.schema import Kind
from core.geo import Floats
from core.headline import Figure, PhotoErrors

Unit = Literal["share", "m", "deg"]


@dataclass(frozen=True)
class Measure:
    """One figure of a comparison.

    Attributes:
        name: Key, as in `report.json` where it has one.
        title: In words.
        unit: `share` in `[0, 1]`, `m` or `deg`.
        higher_is_better: False for errors.
        median: Summed up by the median; else by the mean.
    """

    name: Figure
    title: str
    unit: Unit
    higher_is_better: bool = False
    median: bool = False

    def shown(self, value: float) -> str:
        """A figure in words."""
        if self.unit == "share":
            return f"{value:.1%}"
        return f"{value:.1f}{'°' if self.unit == 'deg' else ' m'}"

    def number(self, difference: float) -> str:
        """A difference as a signed number: points of a hundred, metres or degrees."""
        value = round(100.0 * difference if self.unit == "share" else difference, 1)
        return f"{value:+.1f}" if value else "0.0"

    def gap(self, difference: float) -> str:
        """A difference in words, with its sign and unit."""
        unit = {"share": " points", "m": " m", "deg": "°"}[self.unit]
        return f"{self.number(difference)}{unit}"


MEASURES = (
    Measure("region_accuracy", "Region accuracy", "share", higher_is_better=True),
    Measure("median_m", "Median position error", "m", median=True),
    Measure("mean_m", "Mean position error", "m"),
    Measure("within_10m", "Share within 10 m", "share", higher_is_better=True),
    Measure("within_25m", "Share within 25 m", "share", higher_is_better=True),
    Measure("maae_deg", "Mean heading error", "deg"),
    Measure("joint_10m_15deg", "Share within 10 m and 15°", "share", higher_is_better=True),
)
PER_REGION: tuple[Figure, ...] = ("region_accuracy", "median_m", "maae_deg")
"""Measures that are also compared region by region."""


def photo_values(table: pd.DataFrame, kind: Kind) -> Floats:
    """Return one row a photo and one column per entry of `MEASURES`, `(n, 7)`.

    Args:
        table: Rows of predictions.csv.
        kind: Refined by training photos, or the network's own answers. Its own region is known
            where the report has the column `region_head`.
    """
    ending = "_refined" if kind == "refined" else ""
    head = kind == "raw" and "region_head" in table.columns
    named = table["region_head" if head else "region"]
    errors = PhotoErrors(
        table[f"error{ending}_m"].to_numpy(np.float64),
        table[f"heading_error{ending}_deg"].to_numpy(np.float64),
        (named == table["true_region"]).to_numpy(),
    )
    values = errors.means | {"median_m": errors.error_m}
    return np.stack([values[measure.name] for measure in MEASURES], axis=1)


def summed_up(values: Floats) -> Floats:
    """The measures of `(n, 7)` photo values, `(7,)`."""
    middle = np.array([measure.median for measure in MEASURES])
    return np.where(middle, np.median(values, axis=0), values.mean(axis=0))
