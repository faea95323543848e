"""human_answers.csv: where people believed photos were taken, as a baseline for the model.

A line holds one answer of a person to one held-out photo, in the label units of the data set. No
name is needed; a nickname only tells people apart.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd

from core.dataset.layout import HUMAN_ANSWERS, STORE_FOLDER
from core.errors import LabelError
from core.evaluation.intervals import (
    CONFIDENCE,
    DRAWS,
    Counts,
    cluster_draws,
    joint_intervals,
    resampled_means,
    resampled_medians,
)
from core.files import read_lines, sweep, write_text
from core.geo import Floats, LocalFrame, distance_m, heading_error_deg
from core.headline import Interval
from core.locks import Lock

COLUMNS = ("photo_id", "answered", "nickname", "latitude", "longitude", "heading_deg")
LONGEST_NICKNAME = 24
FEWEST_ANSWERS = 5
"""With fewer answers there is no baseline: a median of three guesses says nothing."""
_SEED = 0
_NUMBERS = ("latitude", "longitude", "heading_deg")


@dataclass(frozen=True)
class HumanAnswer:
    """One answer of a person.

    Attributes:
        photo_id: The photo.
        answered: When, in UTC, as ISO 8601 writes it.
        nickname: Empty if the person gave none.
        latitude: In the label units of the data set, as `longitude`.
        longitude: See `latitude`.
        heading_deg: Degrees clockwise from north; NaN if the person gave none.
    """

    photo_id: str
    answered: str
    nickname: str
    latitude: float
    longitude: float
    heading_deg: float

    def __post_init__(self) -> None:
        """Reject an answer without a photo or a position."""
        if not self.photo_id or not (isfinite(self.latitude) and isfinite(self.longitude)):
            raise ValueError("an answer needs a photo and a position")


def tidy_nickname(text: str) -> str:
    """A nickname without needless blanks, nor a first sign that spreadsheets take for a formula."""
    return " ".join(text.split()).lstrip("=+-@ ")[:LONGEST_NICKNAME].strip()


def read_answers(folder: Path) -> tuple[HumanAnswer, ...]:
    """Read the answers of a dataset folder, the oldest first; none without the file.

    Raises:
        LabelError: The file is no table of answers.
    """
    path = folder / HUMAN_ANSWERS
    lines = read_lines(path, COLUMNS, error=LabelError) or []
    answers = []
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        try:
            photo_id, answered, nickname, *numbers = line
            latitude, longitude, heading_deg = (float(text or "nan") for text in numbers)
            answers.append(
                HumanAnswer(photo_id, answered, nickname, latitude, longitude, heading_deg)
            )
        except ValueError as error:
            raise LabelError(f"{path}, line {number}: {error}; mend or delete the line") from error
    return tuple(answers)


def add_answer(folder: Path, answer: HumanAnswer) -> None:
    """Add an answer to those of a dataset folder; the file is replaced at once.

    Raises:
        LabelError: The file is damaged, or the folder cannot be written to.
        LockHeld: Another process has been adding answers for longer than a second.
    """
    path = folder / HUMAN_ANSWERS
    try:
        lock = Lock.take(folder / STORE_FOLDER / "human_answers")
        try:
            write_text(path, _text([*read_answers(folder), answer]))
            sweep(folder, HUMAN_ANSWERS)
        finally:
            lock.close()
    except OSError as error:
        raise LabelError(
            f"{path} cannot be written ({error.strerror}): answers are stored beside the labels, "
            "so copy the dataset to a folder that you may write to"
        ) from error


def _text(answers: Sequence[HumanAnswer]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in answers:
        numbers = [getattr(each, name) for name in _NUMBERS]
        cells = ["" if not isfinite(value) else repr(value) for value in numbers]
        writer.writerow([each.photo_id, each.answered, each.nickname, *cells])
    return text.getvalue()


@dataclass(frozen=True)
class PairedFigure:
    """One figure of people and of the model on the same photos.

    Attributes:
        title: Its name.
        unit: `m` or `deg`.
        human: Of the answers of people.
        human_interval: 95 % interval of it; None with answers to one photo only.
        model: Of the model's answers to the same photos, a photo as often as people answered it.
        interval: 95 % interval of `human - model`; None with answers to one photo only.
    """

    title: str
    unit: str
    human: float
    human_interval: Interval | None
    model: float
    interval: Interval | None

    @property
    def difference(self) -> float:
        """`human - model`: positive if the model is better."""
        return self.human - self.model


@dataclass(frozen=True)
class HumanBaseline:
    """People against the model on the same photos.

    Attributes:
        answers: How many answers count.
        photos: To how many photos.
        left_out: Answers to photos that the report does not hold, or that repeat an earlier one.
        nearer: Share of answers nearer to the truth than the model's.
        figures: Median position error; mean heading error if there are headings.
    """

    answers: int
    photos: int
    left_out: int
    nearer: float
    figures: tuple[PairedFigure, ...]


def human_baseline(
    answers: Sequence[HumanAnswer], table: pd.DataFrame, frame: LocalFrame
) -> HumanBaseline | None:
    """Compare answers of people with the refined answers of a model, photo by photo.

    Whole photos are resampled, as answers to one photo are correlated. Of several answers under
    one nickname to one photo the first counts: after it the person has seen the truth.

    Args:
        answers: The oldest first.
        table: Rows of predictions.csv with positions.
        frame: The local metres of that table.

    Returns:
        None with fewer than `FEWEST_ANSWERS` answers that count.
    """
    kept = _counted(answers, set(table["photo_id"]))
    if len(kept) < FEWEST_ANSWERS:
        return None
    rows = table.set_index("photo_id").loc[[each.photo_id for each in kept]]
    truth_m = rows[["true_north_m", "true_east_m"]].to_numpy(np.float64)
    guess_m = frame.to_metres(np.array([[each.latitude, each.longitude] for each in kept]))
    headings = np.array([each.heading_deg for each in kept])
    error_deg = heading_error_deg(headings, rows["true_angle"].to_numpy(np.float64))
    human = np.stack([distance_m(guess_m, truth_m), error_deg], axis=1)
    names = ["error_refined_m", "heading_error_refined_deg"]
    model = rows[names].to_numpy(np.float64)
    # Only where both have an answer and the photo has the label.
    missing = np.isnan(human) | np.isnan(model)
    human, model = np.where(missing, np.nan, human), np.where(missing, np.nan, model)
    photos = np.unique(rows.index.to_numpy(str), return_inverse=True)[1]
    if missing[:, 0].all():
        return None
    figures = [_paired("Median position error", "m", human[:, 0], model[:, 0], photos)]
    if not missing[:, 1].all():
        figures.append(_paired("Mean heading error", "deg", human[:, 1], model[:, 1], photos))
    known = ~missing[:, 0]
    return HumanBaseline(
        answers=len(kept),
        photos=int(photos.max()) + 1,
        left_out=len(answers) - len(kept),
        nearer=float((human[known, 0] < model[known, 0]).mean()),
        figures=tuple(figures),
    )


def _counted(answers: Sequence[HumanAnswer], judged: set[str]) -> list[HumanAnswer]:
    kept, seen = [], set()
    for each in answers:
        key = (each.nickname, each.photo_id)
        if each.photo_id in judged and not (each.nickname and key in seen):
            seen.add(key)
            kept.append(each)
    return kept


def _paired(title: str, unit: str, human: Floats, model: Floats, photos: Counts) -> PairedFigure:
    known = ~np.isnan(human)
    human, model = human[known], model[known]
    groups = np.unique(photos[known], return_inverse=True)[1]
    statistic = np.median if unit == "m" else np.mean
    count = int(groups.max()) + 1
    own = between = None
    if count > 1:
        drawn = cluster_draws(count, DRAWS, np.random.default_rng(_SEED))
        draws = [_resampled(values, groups, drawn, unit) for values in (human, model)]
        own = _interval(draws[0], count)
        between = _interval(draws[0] - draws[1], count)
    return PairedFigure(
        title, unit, float(statistic(human)), own, float(statistic(model)), between
    )  # fmt: skip


def _resampled(values: Floats, groups: Counts, drawn: Counts, unit: str) -> Floats:
    if unit == "m":
        return resampled_medians(values, groups, drawn)
    return resampled_means(values[:, None], groups, drawn)[:, 0]


def _interval(draws: Floats, count: int) -> Interval:
    low, high = joint_intervals(draws[:, None], CONFIDENCE, np.array([count]))[0]
    return float(low), float(high)
