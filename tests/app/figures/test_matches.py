"""Matched keypoints are drawn where they are, in both photos."""

import numpy as np

from app.figures.matches import GAP_PX, MOST_LINES, SIDE_PX, draw_matches
from app.theme import SERIES, rgb

GREY = np.full((64, 64, 3), 128, np.uint8)
WHITE = np.full((224, 224, 3), 255, np.uint8)


def test_a_line_joins_the_two_places() -> None:
    picture = draw_matches(GREY, WHITE, np.array([[0.25, 0.5]]), np.array([[0.75, 0.5]]))
    assert picture.shape == (SIDE_PX, 2 * SIDE_PX + GAP_PX, 4)
    left, right = int(0.25 * SIDE_PX), SIDE_PX + GAP_PX + int(0.75 * SIDE_PX)
    colour = list(rgb(SERIES[0]))
    middle = SIDE_PX // 2
    assert picture[middle, left, :3].tolist() == colour
    assert picture[middle, right, :3].tolist() == colour
    assert (picture[middle, left:right, 3] > 200).all()
    assert picture[middle, left - 20, :3].tolist() == [128, 128, 128]
    assert picture[middle, right + 20, :3].tolist() == [255, 255, 255]


def test_without_matches_the_photos_stand_side_by_side() -> None:
    nothing = np.empty((0, 2))
    picture = draw_matches(GREY, WHITE, nothing, nothing)
    assert (picture[:, :SIDE_PX, :3] == 128).all()
    assert (picture[:, SIDE_PX : SIDE_PX + GAP_PX, 3] == 0).all()
    assert (picture[:, SIDE_PX + GAP_PX :, :3] == 255).all()


def test_many_matches_are_thinned_evenly() -> None:
    y = np.linspace(0.0, 0.999, 5 * MOST_LINES)
    left = np.stack([np.zeros_like(y), y], axis=1)
    picture = draw_matches(GREY, GREY, left, left)
    changed = (picture[:, SIDE_PX // 2, :3] != 128).any(axis=1)
    assert changed[: SIDE_PX // 8].any()
    assert changed[-SIDE_PX // 8 :].any()
    assert not changed.all()
