"""The overlay: orange for, blue against, grey where nothing was found."""

import numpy as np
import pytest

from core.explain.attribution import NEGATIVE, POSITIVE, Attribution, blend, scaled


def attribution(values: np.ndarray) -> Attribution:
    """An attribution over a mid-grey photo."""
    photo = np.full((*values.shape, 3), 128, np.uint8)
    return Attribution(
        "occlusion", "Region 1", "Region 1 98 %", values.astype(np.float32), photo, 1.0
    )


def test_signs_have_their_colours_and_nothing_stays_grey() -> None:
    values = np.zeros((8, 8))
    values[0, 0], values[0, 1] = 2.0, -2.0
    drawn = blend(attribution(values), opacity=1.0)
    assert drawn.dtype == np.uint8
    assert tuple(drawn[0, 0]) == POSITIVE
    assert tuple(drawn[0, 1]) == NEGATIVE
    assert (drawn[2:] == 128).all()


def test_half_the_strength_covers_half() -> None:
    values = np.zeros((4, 4))
    values[0] = 2.0
    values[1] = 1.0
    share = scaled(values.astype(np.float32))
    assert share[0, 0] == 1.0
    assert share[1, 0] == 0.5
    assert share[3, 0] == 0.0


def test_one_extreme_pixel_does_not_hide_the_rest() -> None:
    values = np.full((20, 20), 1.0, np.float32)
    values[0, 0] = 1000.0
    assert scaled(values)[5, 5] == 1.0


def test_an_empty_map_is_the_grey_photo() -> None:
    assert (blend(attribution(np.zeros((4, 4)))) == 128).all()


def test_shapes_and_numbers_are_checked_at_birth() -> None:
    photo = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"map must be \(4, 4\) float32"):
        Attribution("m", "l", "u", np.zeros((4, 5), np.float32), photo, 0.0)
    with pytest.raises(ValueError, match="not finite"):
        Attribution("m", "l", "u", np.full((4, 4), np.nan, np.float32), photo, 0.0)
