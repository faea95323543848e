from math import nan

import pytest

from app.play.score import points


@pytest.mark.parametrize(
    ("error_m", "error_deg", "radius_m", "expected"),
    [
        (0.0, 0.0, 20.0, 150),
        (20.0, 90.0, 20.0, 50),
        (40.0, 180.0, 20.0, 25),
        (20.0, 45.0, 20.0, 75),
        (20.0, nan, 20.0, 50),
        (1000.0, 9.0, 20.0, 45),
        # A model that states no radius: 25 m stand in for it.
        (25.0, nan, nan, 50),
        (50.0, nan, 0.0, 25),
    ],
)
def test_points_halve_with_each_stated_radius_and_fall_with_the_heading(
    error_m: float, error_deg: float, radius_m: float, expected: int
) -> None:
    assert points(error_m, error_deg, radius_m) == expected
