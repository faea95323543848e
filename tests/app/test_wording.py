import numpy as np
import pytest

from app import wording
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


def test_numbers_have_one_style() -> None:
    assert [wording.metres(value) for value in (7.44, 99.94, 622.034, 1394.0)] == [
        "7.4 m", "99.9 m", "622 m", "1,394 m",
    ]  # fmt: skip
    assert wording.degrees(22.26) == "22.3°"
    assert [wording.heading(value) for value in (0.4, 271.2, 359.7)] == ["0°", "271°", "0°"]
    assert (wording.share(0.9627), wording.level(0.9)) == ("96.3 %", "90 %")


@pytest.mark.parametrize("unknown", [float("nan"), float("inf")])
def test_a_radius_that_nobody_measured_is_unknown(unknown: float) -> None:
    assert wording.radius(unknown, " m") == "unknown"
    assert wording.radius(15.6, " m") == "± 16 m"


def test_sizes_have_a_unit_that_fits() -> None:
    assert [wording.size(count) for count in (0, 999, 1500, 38_400_000, 2.5e12)] == [
        "0 B", "999 B", "1.5 kB", "38.4 MB", "2,500.0 GB",
    ]  # fmt: skip
