"""A walk: the answers about its photos, put in order of time and smoothed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.geo import Floats, distance_m
from core.inference.prediction import Prediction
from core.labels import Label, listed
from core.splits.visits import GAP_MINUTES
from core.walk.observation import Grid, observe
from core.walk.times import Moments
from core.walk.track import Motion, smooth

Flag = Literal["jump", "overruled", "no time", "refused"]
FLAGS: tuple[Flag, ...] = get_args(Flag)
MEANING: dict[Flag, str] = {
    "jump": "the step from the photo before is faster than the speed limit",
    "overruled": "alone, the photo points elsewhere: the photos before and after it decided",
    "no time": "left out of the track: its time is unknown",
    "refused": "left out of the track: it does not look like this campus",
}


@dataclass(frozen=True)
class Walk:
    """The track through m of the n photos of a walk.

    Attributes:
        prediction: The answers about all n photos, each for itself.
        moments: When they were taken.
        rows: `(m,)` indices of the photos on the track, in the order of time.
        seconds: `(m,)` since the first photo that has a time.
        position_m: `(m, 2)` smoothed `[north_m, east_m]`.
        radius_m: `(m, 2)` radius about it that holds the true position 50 % and 90 % of the time.
        segment: `(m,)` number of the stretch; a jump, or a pause of over ten minutes, begins one.
        flags: What to know about each of the n photos.
        motion: How people were taken to move.
        notes: What was assumed about times.
    """

    prediction: Prediction
    moments: Moments
    rows: NDArray[np.int64]
    seconds: Floats
    position_m: Floats
    radius_m: Floats
    segment: NDArray[np.int64]
    flags: tuple[tuple[Flag, ...], ...]
    motion: Motion
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check every shape."""
        n, m = len(self.prediction), len(self.rows)
        sides = (self.position_m.shape, self.radius_m.shape, self.segment.shape, len(self.seconds))
        if sides != ((m, 2), (m, 2), (m,), m) or len(self.flags) != n:
            raise ValueError(f"a track of {m} of {n} photos does not fit: {sides}")

    @property
    def degrees(self) -> Floats:
        """`(m, 2)` smoothed WGS 84 degrees; FrameError where the frame is planar."""
        return self.prediction.local_frame.to_degrees(self.position_m)


def check_walk(labels: Collection[Label], calibrated: bool) -> None:
    """Raise ConfigError if a model of these labels cannot answer for a walk."""
    if "position" not in labels:
        raise ConfigError(
            f"a walk is a track of positions, and this model predicts {listed(labels)} only"
        )
    if not calibrated:
        raise ConfigError(
            "a walk is put together from calibrated areas, and this checkpoint is not calibrated: "
            "run `python -m core calibrate` first"
        )


def make_walk(
    prediction: Prediction,
    moments: Moments,
    training_m: Floats,
    motion: Motion | None = None,
    *,
    keep_refused: bool = False,
) -> Walk:
    """Smooth the answers about the photos of a walk.

    Photos without a time, and refused ones, are left out of the track.

    Args:
        prediction: About n photos, with confidence.
        moments: When they were taken.
        training_m: `(k, 2)` positions of the training photos: where the campus is.
        motion: How people move.
        keep_refused: Whether refused photos are on the track too; they say nothing themselves.

    Raises:
        ConfigError: The prediction is not calibrated, or no photo is left for the track.
    """
    motion = motion or Motion()
    check_walk(prediction.labels, prediction.confidence is not None)
    kept = np.ones(len(moments.rows), bool)
    if not keep_refused:
        kept = ~prediction.refused[moments.rows]
    rows, seconds = moments.rows[kept], moments.seconds[kept]
    if not len(rows):
        raise ConfigError("no photo is left for the track: all are refused or without a time")
    confidence = prediction.confidence
    if confidence is None or confidence.density is None:
        raise ConfigError("the positions of this checkpoint are not calibrated")
    about = np.concatenate([training_m, prediction.position_refined_m[rows]])
    grid = Grid.about(about, float(confidence.density.width_m.min()) / 2.0, len(rows))
    cells = observe(confidence.rows(rows), grid)
    track = smooth(cells, grid, seconds, moments.resolution_s, motion)
    pause = np.diff(seconds, prepend=seconds[:1]) > 60.0 * GAP_MINUTES
    return Walk(
        prediction=prediction,
        moments=moments,
        rows=rows,
        seconds=seconds,
        position_m=track.position_m,
        radius_m=track.radius_m,
        segment=np.cumsum(track.jump | pause),
        flags=_flags(prediction, moments, rows, track.position_m, track.jump),
        motion=motion,
        notes=moments.notes,
    )


def _flags(
    prediction: Prediction,
    moments: Moments,
    rows: NDArray[np.int64],
    position_m: Floats,
    jump: NDArray[np.bool_],
) -> tuple[tuple[Flag, ...], ...]:
    """Flags of all photos; a photo is overruled if the track leaves its own radius of 90 %."""
    confidence = prediction.confidence
    flags: list[tuple[Flag, ...]] = [("no time",)] * len(prediction)
    for row in moments.rows:
        flags[row] = ("refused",)
    moved_m = distance_m(position_m, prediction.position_refined_m[rows])
    for place, row in enumerate(rows):
        radius_m = np.nan if confidence is None else confidence.radius_m[row, -1]
        # Where the radius is not known nothing is said: a comparison with NaN is false.
        marks = {
            "jump": bool(jump[place]),
            "overruled": bool(moved_m[place] > radius_m),
            "no time": False,
            "refused": bool(prediction.refused[row]),
        }
        flags[row] = tuple(name for name in FLAGS if marks[name])
    return tuple(flags)
