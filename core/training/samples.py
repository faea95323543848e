"""A few fixed validation photos with the answer of each epoch, for people who watch a run.

`samples.jsonl` in the run folder gets a line an epoch. The answers are those that validation
computes anyway: of the network alone, before refinement. No torch here.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from core.files import append_json_line, read_json_lines
from core.geo import Floats, distance_m, heading_error_deg
from core.headline import PhotoErrors
from core.training.run_folder import Validation

if TYPE_CHECKING:
    from core.training.data import TrainingData  # torch

Answers = tuple[Floats | None, Floats | None, NDArray[np.int64] | None]
"""Positions in metres `(n, 2)`, headings in degrees `(n,)`, regions `(n,)`, as predicted."""
SAMPLES = "samples.jsonl"
MOST = 6
Place = tuple[float, float]


@dataclass(frozen=True)
class PhotoAnswer:
    """What is true of a photo, and what the network says; None for what is not known.

    Attributes:
        photo_id: The photo.
        true_position_m: `[north_m, east_m]` of its label.
        true_heading_deg: Of its label.
        true_region: Of its label.
        position_m: Predicted, in the same metres.
        heading_deg: Predicted.
        region: Predicted.
    """

    photo_id: str
    true_position_m: Place | None
    true_heading_deg: float | None
    true_region: str | None
    position_m: Place | None
    heading_deg: float | None
    region: str | None

    @property
    def error_m(self) -> float | None:
        """Distance of the predicted from the true position."""
        if self.true_position_m is None or self.position_m is None:
            return None
        return float(distance_m(np.array(self.true_position_m), np.array(self.position_m)))

    @property
    def turned_deg(self) -> float | None:
        """Angle between the predicted and the true heading."""
        if self.true_heading_deg is None or self.heading_deg is None:
            return None
        return float(heading_error_deg(self.true_heading_deg, self.heading_deg))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what was stored."""
        places = {
            name: None if value[name] is None else (float(value[name][0]), float(value[name][1]))
            for name in ("true_position_m", "position_m")
        }
        return cls(**(value | places))


@dataclass(frozen=True)
class EpochSample:
    """The answers of one epoch."""

    epoch: int
    photos: tuple[PhotoAnswer, ...]


def sampled(count: int) -> NDArray[np.int64]:
    """Return which of `count` validation photos are shown: at most six, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(MOST, count)).round().astype(np.int64))


def answers_of(
    data: "TrainingData",
    positions_m: Floats | None,
    headings_deg: Floats | None,
    regions: NDArray[np.int64] | None,
) -> tuple[PhotoAnswer, ...]:
    """The sampled validation photos with their answers.

    Args:
        data: The labels.
        positions_m: `(n, 2)` predicted positions of all validation photos; None without.
        headings_deg: `(n,)` predicted headings; None without.
        regions: `(n,)` predicted regions; None without.
    """
    rows = data.rows["val"]
    names, photos = data.dataset.regions, data.dataset.table["photo_id"]

    def region(index: int) -> str | None:
        return names[index] if index >= 0 else None

    return tuple(
        PhotoAnswer(
            str(photos[rows[at]]),
            _place(data.position_m[rows[at]]),
            _number(data.heading_deg[rows[at]]),
            region(int(data.region[rows[at]])),
            None if positions_m is None else _place(positions_m[at]),
            None if headings_deg is None else _number(headings_deg[at]),
            None if regions is None else region(int(regions[at])),
        )
        for at in sampled(len(rows))
    )


def validation_of(loss: float, answers: Answers, data: "TrainingData") -> Validation:
    """The figures of answers for the validation photos; `score` is that of `PhotoErrors`."""
    rows = data.rows["val"]
    errors = PhotoErrors.between(
        (data.position_m[rows], data.heading_deg[rows], data.region[rows]), answers
    )
    figures = errors.figures()
    return Validation(
        loss,
        figures.region_accuracy,
        figures.median_m,
        figures.mean_m,
        figures.maae_deg,
        errors.score(data.scale_m),
    )


def append_sample(run: Path, epoch: int, photos: Sequence[PhotoAnswer]) -> None:
    """Append the answers of an epoch to the run's file."""
    line = {"epoch": epoch, "photos": [asdict(photo) for photo in photos]}
    append_json_line(run / SAMPLES, line)


def read_samples(run: Path) -> list[EpochSample]:
    """Return the answers of each epoch, in order; none of a run of an older version.

    An epoch that a resume repeated is there once, as it was last.
    """
    found = {}
    for line in read_json_lines(run / SAMPLES):
        try:
            photos = tuple(PhotoAnswer.from_json(photo) for photo in line["photos"])
            found[int(line["epoch"])] = EpochSample(int(line["epoch"]), photos)
        except (KeyError, IndexError, TypeError, ValueError):
            # Another version wrote it, or somebody changed it; nothing depends on it.
            continue
    return [found[epoch] for epoch in sorted(found)]


def _number(value: float) -> float | None:
    return round(float(value), 2) if math.isfinite(value) else None


def _place(place: Floats) -> Place | None:
    if not np.isfinite(place).all():
        return None
    return round(float(place[0]), 2), round(float(place[1]), 2)
