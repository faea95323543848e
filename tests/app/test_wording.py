import numpy as np
import pytest

from app.wording import position, spoken
from core.geo import CoordinateFrame


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (CoordinateFrame("degrees"), "12.001500°, 77.000100°"),
        (CoordinateFrame("planar_metres"), "12.0 m, 77.0 m"),
        (CoordinateFrame("scaled_degrees", 1e-6), "12, 77"),
    ],
)
def test_a_position_is_as_precise_as_its_unit(frame: CoordinateFrame, words: str) -> None:
    assert position(np.array([12.0015, 77.0001]), frame) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (8.4, "8 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_are_spoken_in_two_units(seconds: float | None, words: str) -> None:
    assert spoken(seconds) == words
