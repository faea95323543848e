"""Local features: what is kept of a photo, and that it survives compression and a file."""

from pathlib import Path

import numpy as np
import pytest

from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.local_features import (
    DIMENSIONS,
    SIDE,
    LocalFeatures,
    _detected,
    _packed,
    _unpacked,
    describe_gallery,
    describe_photos,
)
from core.retrieval.projection import Projection
from tests.retrieval.scenes import scene

MOST = 40


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Four different scenes, and a photo of nothing at all."""
    return np.stack([*(scene(seed) for seed in range(4)), np.full((SIDE, SIDE, 3), 90, np.uint8)])


@pytest.fixture(scope="module")
def local(photos: np.ndarray) -> LocalFeatures:
    """The points of all of them."""
    return describe_gallery(photos, np.arange(len(photos)), MOST)


def test_every_photo_has_its_own_points_and_an_empty_one_none(local: LocalFeatures) -> None:
    assert len(local) == 5
    assert [len(local.of(row)[0]) for row in range(5)] == [MOST] * 4 + [0]
    assert local.code.shape == (4 * MOST, DIMENSIONS // 2), "half a byte a number"


def test_points_lie_where_the_photo_has_something(local: LocalFeatures) -> None:
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    photo[40:60, 150:180] = 230
    place, _ = describe_photos([photo], MOST, local.projection).of(0)
    assert len(place) > 0
    assert (place[:, 0] > 130).all(), "x first"
    assert (place[:, 0] < 200).all()
    assert (place[:, 1] > 20).all()
    assert (place[:, 1] < 80).all()


def test_places_do_not_depend_on_the_size_of_the_photo(local: LocalFeatures) -> None:
    photo = np.full((SIDE, SIDE, 3), 90, np.uint8)
    photo[40:60, 150:180] = 230
    small = photo[::2, ::2]
    assert (
        np.abs(describe_photos([small], 1, local.projection).of(0)[0].mean(0) - [165, 50]).max()
        < 25
    )


def test_descriptors_keep_their_likeness_when_compressed(
    photos: np.ndarray, local: LocalFeatures
) -> None:
    _, exact = describe_photos([photos[0]], MOST, local.projection).of(0)
    _, stored = local.of(0)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1.0, atol=1e-5)
    assert ((exact @ stored.T).argmax(axis=1) == np.arange(MOST)).mean() > 0.9


def test_half_a_byte_a_number_is_exact_enough() -> None:
    numbers = np.random.default_rng(0).normal(size=(200, DIMENSIONS))
    given = (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)
    kept = _unpacked(_packed(given))
    assert kept.shape == given.shape
    assert (kept * given).sum(axis=1).min() > 0.97, "cosine of a descriptor with itself"


def test_parts_are_put_together_in_order(photos: np.ndarray, local: LocalFeatures) -> None:
    parts = [
        describe_photos(photos[part], MOST, local.projection) for part in (slice(2), slice(2, 5))
    ]
    joined = LocalFeatures.joined(parts)
    np.testing.assert_array_equal(joined.first, local.first)
    np.testing.assert_array_equal(joined.place, local.place)
    np.testing.assert_array_equal(joined.code, local.code)


def test_photos_of_nothing_can_be_described() -> None:
    nothing = np.zeros((3, SIDE, SIDE, 3), np.uint8)
    local = describe_gallery(nothing, np.arange(3), MOST)
    assert len(local) == 3
    assert len(local.code) == 0


def test_progress_counts_the_photos(photos: np.ndarray) -> None:
    told: list[tuple[int, int]] = []
    describe_gallery(photos, np.array([1, 3]), MOST, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_a_gallery_keeps_them_in_its_file(local: LocalFeatures, tmp_path: Path) -> None:
    names = [f"{row}.jpg" for row in range(5)]
    plain = build_gallery(
        names, names, np.eye(5), np.zeros((5, 2)), np.zeros(5), np.zeros(5, np.int64),
        split_hash="s", parts=dict.fromkeys(names, "train"),
    )  # fmt: skip
    plain.save(tmp_path)
    assert Gallery.load(tmp_path).local is None, "older galleries have none"
    with_points = Gallery(**(vars(plain) | {"local": local}))
    with_points.save(tmp_path)
    read = Gallery.load(tmp_path).local
    assert read is not None
    for name, array in local.arrays().items():
        np.testing.assert_array_equal(read.arrays()[name], array)


@pytest.mark.parametrize(
    ("first", "places", "width"), [([0, 3], 4, 16), ([1, 4], 4, 16), ([0, 5, 4], 4, 16),
                                   ([0, 4], 3, 16), ([0, 4], 4, 8)]
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(first: list[int], places: int, width: int) -> None:
    projection = Projection(np.zeros(128, np.float32), np.zeros((128, 32), np.float32))
    with pytest.raises(ValueError, match="local features"):
        LocalFeatures(
            np.array(first),
            np.zeros((places, 2), np.uint8),
            np.zeros((4, width), np.uint8),
            projection,
        )


def test_the_strongest_points_are_kept() -> None:
    photo = np.full((SIDE, SIDE, 3), 120, np.uint8)
    photo[40:60, 40:60] = 255
    photo[150:170, 150:170] = 140
    place, descriptors = _detected(photo, 500)
    assert (place > 120).all(axis=1).any(), "the faint one has points too"
    few, _ = _detected(photo, 3)
    assert (few < 90).all()
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1.0, atol=1e-5)


def test_directions_are_whitened(photos: np.ndarray, local: LocalFeatures) -> None:
    every = np.concatenate([_detected(photo, MOST)[1] for photo in photos])
    spread = ((every - local.projection.mean) @ local.projection.matrix).std(axis=0)
    assert spread.max() < 1.5 * spread.min()
