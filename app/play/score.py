"""The rules of the game: points of one answer, by the same rule for a person and for the model."""

from math import exp2, isfinite

PLACE_POINTS, HEADING_POINTS = 100, 50
USUAL_RADIUS_M = 25.0
"""Stands in for the radius of a model that states none."""
_HEADING_LIMIT_DEG = 90.0

RULES = (
    f"The true spot gives {PLACE_POINTS} points; each radius of the model's 90 % area that you are "
    f"off halves them. The heading gives up to {HEADING_POINTS} more, and none from "
    f"{_HEADING_LIMIT_DEG:.0f}° off. The model gets points by the same rule; with more points than "
    "the model, you win the photo."
)
"""The rules in a few sentences."""


def points(error_m: float, heading_error_deg: float, radius_m: float) -> int:
    """Points of an answer, 0 to 150.

    Args:
        error_m: Distance from the true position.
        heading_error_deg: Error of the heading; NaN without one, which gives no points.
        radius_m: The radius that the model states for this photo; NaN if it states none.
    """
    radius = radius_m if isfinite(radius_m) and radius_m > 0 else USUAL_RADIUS_M
    place = PLACE_POINTS * exp2(-error_m / radius)
    share = 1.0 - heading_error_deg / _HEADING_LIMIT_DEG if isfinite(heading_error_deg) else 0.0
    return round(place + HEADING_POINTS * max(share, 0.0))
