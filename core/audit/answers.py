"""Out-of-fold answers of a cross-validation beside the label rows that they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core.audit.rows import LabelRows
from core.errors import ConfigError
from core.evaluation.judged import read_predictions
from core.geo import Floats, heading_error_deg

PREDICTIONS = "predictions.csv"


@dataclass(frozen=True, eq=False)
class Answers:
    """What models that never saw a photo say about it; row i of everything is one photo.

    Attributes:
        table: The rows of `predictions.csv` about photos that the label rows still have, numbered
            from 0.
        row: `(n,)` the label row of each.
        position_m: `(n, 2)` labelled places in the models' local metres.
        neighbours: For each photo the numbers, within this table, of the training photos that look
            most alike.
    """

    table: pd.DataFrame
    row: np.ndarray
    position_m: Floats
    neighbours: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        """Check that everything is about the same photos."""
        n = len(self.table)
        if self.row.shape != (n,) or self.position_m.shape != (n, 2) or len(self.neighbours) != n:
            raise ValueError(f"answers about {n} photos do not fit")

    def __len__(self) -> int:
        """How many photos there are."""
        return len(self.table)

    @cached_property
    def given(self) -> np.ndarray:
        """`(n,)` labelled regions."""
        return np.asarray(self.table["true_region"], object)

    @cached_property
    def said(self) -> np.ndarray:
        """`(n,)` regions that the models name."""
        return np.asarray(self.table["region"], object)

    @cached_property
    def said_probability(self) -> Floats:
        """`(n,)` probability of the region that is named."""
        return np.asarray(self.table["region_probability"], np.float64)

    @cached_property
    def given_probability(self) -> Floats:
        """`(n,)` probability of the labelled region.

        Reports of older versions do not say it: then it is at most what the named one leaves.
        """
        if "true_region_probability" in self.table:
            return np.asarray(self.table["true_region_probability"], np.float64)
        right = self.given == self.said
        return np.where(right, self.said_probability, 1.0 - self.said_probability)

    def column(self, name: str) -> Floats:
        """A column `(n,)` of numbers."""
        return np.asarray(self.table[name], np.float64)


def read_answers(folder: Path, rows: LabelRows) -> Answers:
    """Read the pooled predictions of a cross-validation about these label rows.

    Photos that the answering model was trained on are left out: it may know their labels by heart.

    Raises:
        ConfigError: There are none, or they are about other photos.
    """
    path = folder / PREDICTIONS
    if not path.is_file():
        raise ConfigError(
            f"{folder} holds no {PREDICTIONS}: give the folder of a finished cross-validation "
            f"(python -m core crossval --out {folder} --resume goes on with one)"
        )
    table = read_predictions(path)
    table = table[~table["seen_in_training"].astype(bool)]
    row_of = {photo: row for row, photo in enumerate(rows.text["photo_id"])}
    table = table[table["photo_id"].isin(row_of)].reset_index(drop=True)
    if table.empty:
        raise ConfigError(
            f"{path} is about none of the photos in {rows.root} that it was not trained on: give "
            "the folder of a cross-validation of this dataset"
        )
    row = np.array([row_of[photo] for photo in table["photo_id"]], np.int64)
    place = np.column_stack(
        [np.asarray(table[f"true_{side}_m"], np.float64) for side in ("north", "east")]
    )
    return Answers(table, row, place, _neighbours(table))


def unchanged(answers: Answers, rows: LabelRows, column: str) -> np.ndarray:
    """Flag `(n,)` photos whose region, position or heading is still what was judged."""
    row = answers.row
    if column == "region":
        return np.asarray(rows.region[row] == answers.given)
    if column == "heading":
        turned = heading_error_deg(rows.heading_deg[row], answers.column("true_angle"))
        return np.asarray(turned < 1e-3)
    labels = np.column_stack([rows.latitude[row], rows.longitude[row]])
    judged = np.column_stack([answers.column("true_latitude"), answers.column("true_longitude")])
    return np.asarray(np.isclose(labels, judged, rtol=1e-12, atol=1e-9).all(axis=1))


def _neighbours(table: pd.DataFrame) -> tuple[np.ndarray, ...]:
    if "neighbours" not in table:
        return tuple(np.empty(0, np.int64) for _ in range(len(table)))
    place = {photo: number for number, photo in enumerate(table["photo_id"])}
    listed: Sequence[str] = table["neighbours"].fillna("").astype(str).tolist()
    return tuple(
        np.array([place[photo] for photo in text.split(";") if photo in place], np.int64)
        for text in listed
    )
