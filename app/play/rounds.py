"""A game: which photo is next, what was answered, and the score so far.

It lives in the session. A photo that was shown is not shown again, and what the page may reveal
before an answer holds no position.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
import pandas as pd

from app.play.score import points
from core.geo import Floats, distance_m, heading_error_deg

# A photo this near to a training photo, or one that was trained on, is no test of the model.
SAME_SPOT_M = 1.0
_NEEDED = ["true_north_m", "true_east_m", "north_refined_m", "east_refined_m"]


def playable(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of predictions.csv to play with: held out, labelled, and no training photo's twin.

    Args:
        table: Of a report; its index is kept.
    """
    if not set(_NEEDED) <= set(table.columns):
        return table.iloc[:0]
    fit = table[_NEEDED].notna().all(axis=1) & ~table["seen_in_training"].astype(bool)
    if "nearest_training_m" in table:
        fit &= ~(table["nearest_training_m"] < SAME_SPOT_M)
    return table[fit]


@dataclass(frozen=True)
class Answer:
    """A position and a heading, how far off they are, and their points.

    Attributes:
        position_m: `(2,)` `[north_m, east_m]`.
        heading_deg: Degrees clockwise from north; NaN for none.
        error_m: From the true position.
        error_deg: Of the heading; NaN without one, or without a label.
        points: By the rules of `score`.
    """

    position_m: Floats
    heading_deg: float
    error_m: float
    error_deg: float
    points: int


@dataclass(frozen=True)
class Outcome:
    """A photo that was played.

    Attributes:
        photo_id: The photo.
        human: The person's answer.
        model: The model's.
        truth_m: `(2,)` where it was taken.
        truth_deg: Where the camera faced; NaN if unknown.
        radius_m: The radius that the model states; NaN if it states none.
    """

    photo_id: str
    human: Answer
    model: Answer
    truth_m: Floats
    truth_deg: float
    radius_m: float

    @property
    def won(self) -> bool:
        """Whether the person has more points than the model."""
        return self.human.points > self.model.points


@dataclass
class Game:
    """What happened in this session; one game for each report.

    Attributes:
        photo_id: The photo that is shown; None before the first and after the last one.
        outcomes: The played photos, in order.
        shown: All photos that were shown, the skipped ones too.
    """

    photo_id: str | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)

    @property
    def last(self) -> Outcome | None:
        """The outcome of the photo that is shown; None before its answer."""
        if self.outcomes and self.outcomes[-1].photo_id == self.photo_id:
            return self.outcomes[-1]
        return None

    @property
    def streak(self) -> int:
        """How many photos in a row the person has won, to the last one."""
        won = 0
        for outcome in reversed(self.outcomes):
            if not outcome.won:
                break
            won += 1
        return won

    @property
    def totals(self) -> tuple[int, int]:
        """Points of the person and of the model."""
        human = sum(outcome.human.points for outcome in self.outcomes)
        return human, sum(outcome.model.points for outcome in self.outcomes)

    def show(self, photos: Sequence[str], wanted: str | None = None) -> None:
        """Show a photo that was not shown yet, the wanted one if it is such a photo.

        Args:
            photos: All photos to play with.
            wanted: A photo that a link names.
        """
        left = [photo for photo in photos if photo not in self.shown]
        self.photo_id = wanted if wanted in left else random.choice(left) if left else None
        if self.photo_id is not None:
            self.shown.add(self.photo_id)

    def answer(self, row: pd.Series, position_m: Floats, heading_deg: float) -> Outcome:
        """Judge the person's answer to the shown photo, and the model's.

        Args:
            row: The photo's row of predictions.csv.
            position_m: `(2,)` the person's position.
            heading_deg: The person's heading; NaN for none.
        """
        truth_m = row[["true_north_m", "true_east_m"]].to_numpy(np.float64)
        model_m = row[["north_refined_m", "east_refined_m"]].to_numpy(np.float64)
        truth_deg, radius_m = float(row["true_angle"]), float(row.get("radius_90_m", nan))

        def judged(place_m: Floats, heading: float) -> Answer:
            error_m = float(distance_m(place_m[None], truth_m[None])[0])
            error_deg = float(heading_error_deg(np.array([heading]), np.array([truth_deg]))[0])
            score = points(error_m, error_deg, radius_m)
            return Answer(place_m, heading, error_m, error_deg, score)

        outcome = Outcome(
            str(row["photo_id"]), judged(position_m, heading_deg),
            judged(model_m, float(row["angle_refined"])), truth_m, truth_deg, radius_m,
        )  # fmt: skip
        self.outcomes.append(outcome)
        return outcome
