"""Invented walks: predictions whose calibrated densities have one or two modes."""

import numpy as np
from numpy.typing import NDArray

from core.confidence.apply import Confidence
from core.confidence.density import Density
from core.confidence.schema import Calibration, PositionFit, ScaleFit
from core.geo import CoordinateFrame, Floats, LocalFrame
from core.inference.prediction import Prediction
from tests.confidence.worlds import density_fit

WIDTH_M = 6.0
EARTH = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))


def calibration(mass: tuple[float, float] = (0.5, 0.9)) -> Calibration:
    """A calibration of positions only: densities are right as they are, by default."""
    fit = PositionFit(
        density=density_fit(), mass=mass, scale=ScaleFit(intercept=0.0, slopes=()),
        ratio=(1.0, 2.0),
    )  # fmt: skip
    return Calibration(
        answers="", split_hash="", protocol="visit", part="calibrate", photos=40, groups=10,
        region=None, position=fit, heading=None,
    )  # fmt: skip


def walk_prediction(
    centre_m: Floats,
    weight: Floats,
    *,
    names: tuple[str, ...] = (),
    refused: NDArray[np.bool_] | None = None,
    mass: tuple[float, float] = (0.5, 0.9),
    frame: LocalFrame = EARTH,
) -> Prediction:
    """n photos, each a mixture of bells of 6 m; its pin is the heaviest, its radii 7 and 13 m.

    Args:
        centre_m: `(n, modes, 2)`.
        weight: `(n, modes)`, rows adding up to 1.
        names: Of the photos.
        refused: Which are none of this campus.
        mass: Of the areas of 50 % and 90 %.
        frame: What the metres are relative to.
    """
    n, modes = weight.shape
    names = names or tuple(f"photo_{row}.jpg" for row in range(n))
    none = np.empty((n, 0))
    pin = centre_m[np.arange(n), weight.argmax(axis=1)]
    confidence = Confidence(
        calibration(mass), none, Density(centre_m, weight, np.full(modes, WIDTH_M)),
        np.tile([7.0, 13.0], (n, 1)), np.full((n, 2), np.nan), np.full(n, np.nan),
        np.zeros(n, bool) if refused is None else refused, np.zeros(n),
    )  # fmt: skip
    return Prediction(
        names, names, (), {}, frame, none, none, pin, pin, np.full(n, 30.0),
        np.full(n, 30.0), np.ones(n), none.astype(np.int64), none, none, none.astype(np.int64),
        np.empty((n, 0), np.float32), confidence=confidence, labels=("position", "heading"),
    )  # fmt: skip


def straight(n: int, step_m: float = 20.0) -> Floats:
    """Places `(n, 2)` on a straight way to the north."""
    return np.stack([step_m * np.arange(n), np.zeros(n)], axis=1)
