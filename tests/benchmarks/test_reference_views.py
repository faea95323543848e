"""The reference's augmentation as it ran: pixels, and what becomes of the heading label."""

import numpy as np
import pytest

from benchmarks.reference_recipe.views import (
    RECIPES,
    ROTATION_DEG,
    _about_centre,
    _rotation,
    random_crop,
    reference_view,
)
from core.geo import heading_error_deg


def photo(side: int = 48) -> np.ndarray:
    """A smooth photo whose left differs from its right."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    return np.stack([across, down, across + down], axis=2).astype(np.uint8)


def views(name: str, count: int = 200) -> list[tuple[np.ndarray, float]]:
    """Many views of one photo that faces 100 degrees."""
    return [
        reference_view(photo(), 100.0, RECIPES[name], np.random.default_rng(seed), 32)
        for seed in range(count)
    ]


@pytest.mark.parametrize("name", ["region", "position"])
def test_labels_stay_in_the_other_networks(name: str) -> None:
    assert {heading for _, heading in views(name, 20)} == {100.0}


def test_the_heading_network_is_taught_the_mirrored_and_the_turned_angle() -> None:
    seen = views("heading")
    mirrored = np.array([view[:, :8, 0].mean() > view[:, -8:, 0].mean() for view, _ in seen])
    headings = np.array([heading for _, heading in seen])
    assert 0.35 < mirrored.mean() < 0.65
    expected = np.where(mirrored, 260.0, 100.0)
    assert heading_error_deg(headings, expected).max() <= ROTATION_DEG
    assert headings[~mirrored].std() > 4.0


def test_rotation_leaves_black_corners_and_keeps_the_centre() -> None:
    bright = np.full((48, 48, 3), 200, np.uint8)
    corner = [
        reference_view(bright, 0.0, RECIPES["region"], np.random.default_rng(seed), 32)[0][0, 0, 0]
        for seed in range(40)
    ]
    assert min(corner) == 0
    matrix = _about_centre(_rotation(90.0), 33)
    assert np.allclose(matrix @ [16.0, 16.0, 1.0], [16.0, 16.0])
    # Counter-clockwise: what lay to the right lies above.
    assert np.allclose(matrix @ [26.0, 16.0, 1.0], [16.0, 6.0])


def test_crops_hold_four_fifths_or_more_of_the_photo() -> None:
    rng = np.random.default_rng(0)
    areas = [random_crop(photo(100), rng).shape for _ in range(200)]
    shares = [height * width / 10_000 for height, width, _ in areas]
    assert 0.79 <= min(shares) < 0.85
    assert 0.95 < max(shares) <= 1.0


def test_a_view_depends_on_its_generator_alone() -> None:
    first, second = (
        reference_view(photo(), 10.0, RECIPES["position"], np.random.default_rng(3), 32)[0]
        for _ in range(2)
    )
    assert np.array_equal(first, second)
