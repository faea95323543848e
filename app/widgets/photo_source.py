"""Where the photos that a model or a report names are found, so that the right one is shown."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from app import cache
from core.dataset.labels import Dataset
from core.errors import DemoError, ImageError
from core.evaluation.report import Report
from core.geo import LocalFrame, distance_m
from core.model.card import Card

SIDE_PX = 448
SAME_PLACE_M = 1.0


@dataclass(frozen=True)
class PhotoSource:
    """Photos by file name, from the loaded data set or from the demo campus itself.

    Attributes:
        frame: The metres that positions are given in.
        dataset: The loaded data set, or None. It may be another one than the model was trained
            on, with photos of the same names: a photo counts only where its label is at the
            expected place; without a place, only where the campus has the expected name.
        demo_seed: Renders photos of a demo campus that are not on disk; None elsewhere.
        campus: The expected name of the campus.
    """

    frame: LocalFrame
    dataset: Dataset | None
    demo_seed: int | None
    campus: str | None = None

    @classmethod
    def of(cls, card: Card, dataset: Dataset | None) -> "PhotoSource":
        """Photos that a checkpoint was trained on, beside the loaded data set."""
        return cls(card.local_frame, dataset, card.demo_seed, card.campus)

    @classmethod
    def judged(cls, card: Card, report: Report, dataset: Dataset | None) -> "PhotoSource":
        """Photos that a report judged, which may be of another campus than the training photos."""
        about = report.dataset
        if about is None:
            return cls(card.local_frame, dataset, None)
        return cls(card.local_frame, dataset, about.demo_seed, about.campus)

    def picture(self, filename: str, position_m: ArrayLike) -> bytes | None:
        """A photo as JPEG by its file name and its labelled place; None where it is not here.

        A photo without a labelled place (NaN) is found by its name.
        """
        row = self.row(filename, position_m)
        if row is not None and self.dataset is not None:
            try:
                return cache.thumbnail(Path(self.dataset.table.at[row, "path"]), SIDE_PX)
            except ImageError:
                return None
        if self.demo_seed is not None:
            try:
                return cache.demo_photo(self.demo_seed, filename.rsplit("/", 1)[-1])
            except DemoError:
                return None
        return None

    def row(self, filename: str, position_m: ArrayLike) -> int | None:
        """Row of the data set with this name at this place, or None."""
        if self.dataset is None or self.dataset.campus.frame != self.frame.frame:
            return None
        rows = np.flatnonzero(self.dataset.table["filename"] == filename)
        if not np.isfinite(position_m).all():
            near = rows if self.dataset.campus.name == self.campus else rows[:0]
        else:
            places = self.frame.to_metres(self.dataset.positions[rows])
            near = rows[distance_m(places, position_m) < SAME_PLACE_M]
        return int(near[0]) if len(near) else None
