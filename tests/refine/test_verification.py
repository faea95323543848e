"""Geometric verification: the same place agrees, another, a mirrored or a shuffled one does not."""

import numpy as np
import pytest

from core.refine.local_features import SIDE, LocalFeatures, describe, describe_gallery
from core.refine.verification import agreeing_points
from tests.refine.scenes import scene, stepped_aside

MOST = 128
CHANCE = 8


@pytest.fixture(scope="module")
def gallery() -> LocalFeatures:
    """The points of six scenes."""
    photos = np.stack([scene(seed) for seed in range(6)])
    return describe_gallery(photos, np.arange(6), MOST)


def agreeing(gallery: LocalFeatures, *photos: np.ndarray) -> np.ndarray:
    """Points of each photo that agree with each scene, `(n, 6)`."""
    rows = np.tile(np.arange(6), (len(photos), 1))
    return agreeing_points(describe(photos, MOST, gallery.projection), gallery, rows)


def test_a_photo_agrees_with_its_own_place_alone(gallery: LocalFeatures) -> None:
    found = agreeing(gallery, *(stepped_aside(scene(seed)) for seed in range(6)))
    own = np.eye(6, dtype=bool)
    assert found[own].min() > 2 * CHANCE
    assert found[~own].max() <= CHANCE


def test_it_agrees_with_itself_in_nearly_every_point(gallery: LocalFeatures) -> None:
    points = len(gallery.of(2)[0])
    assert 0.9 * points < agreeing(gallery, scene(2))[0, 2] <= points


def test_a_mirrored_photo_agrees_with_nothing(gallery: LocalFeatures) -> None:
    assert agreeing(gallery, scene(1)[:, ::-1])[0].max() <= CHANCE


def test_a_flattened_photo_is_no_view_of_the_place(gallery: LocalFeatures) -> None:
    photo = scene(1)
    squeezed = np.full_like(photo, 120)
    squeezed[: SIDE // 25] = photo[:: SIDE // (SIDE // 25)][: SIDE // 25]
    assert agreeing(gallery, squeezed)[0].max() <= CHANCE


def test_the_same_things_in_another_arrangement_agree_in_part_only(gallery: LocalFeatures) -> None:
    photo, half = scene(3), SIDE // 2
    shuffled = np.concatenate(
        [
            np.concatenate([photo[half:, half:], photo[half:, :half]], axis=1),
            np.concatenate([photo[:half, half:], photo[:half, :half]], axis=1),
        ]
    )
    assert agreeing(gallery, shuffled)[0, 3] < 0.6 * agreeing(gallery, photo)[0, 3]


def test_a_photo_of_nothing_agrees_with_nothing(gallery: LocalFeatures) -> None:
    assert agreeing(gallery, np.zeros((SIDE, SIDE, 3), np.uint8)).tolist() == [[0] * 6]


def test_the_rows_decide_what_is_compared(gallery: LocalFeatures) -> None:
    asked = describe([scene(4)], MOST, gallery.projection)
    found = agreeing_points(asked, gallery, np.array([[4, 0, 4]]))
    assert found[0, 0] == found[0, 2] > found[0, 1]
    assert agreeing_points(asked, gallery, np.empty((1, 0), np.int64)).shape == (1, 0)


def test_the_same_photo_always_agrees_as_well(gallery: LocalFeatures) -> None:
    photo = stepped_aside(scene(5))
    first = agreeing(gallery, photo)
    np.testing.assert_array_equal(first, agreeing(gallery, photo))
