"""A search that leaves out all training photos near a place answers as if they were not there."""

from dataclasses import replace

import numpy as np
import pytest

from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.local_features import DIMENSIONS, LocalFeatures, PointMethod
from core.retrieval.neighbours import Neighbours, Surroundings, compared_count
from core.retrieval.projection import Projection
from core.retrieval.schema import RefineConfig

RADIUS_M = 30.0


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    rng = np.random.default_rng(0)
    ids = tuple(f"{row}.jpg" for row in range(120))
    return build_gallery(
        ids, ids, rng.normal(size=(120, 8)), rng.uniform(0, 200, (120, 2)),
        rng.uniform(0, 360, 120), rng.integers(0, 3, 120),
        split_hash="s", parts=dict.fromkeys(ids, "train"),
    )  # fmt: skip


def without(gallery: Gallery, row: np.ndarray) -> Gallery:
    arrays = {
        name: getattr(gallery, name)[row]
        for name in ("features", "position_m", "heading_deg", "region", "minute")
    }
    names = tuple(np.array(gallery.photo_ids)[row])
    return replace(gallery, photo_ids=names, filenames=names, **arrays)


@pytest.mark.trap(name="a photo's own surroundings in a search that must leave them out")
def test_the_search_equals_one_of_a_gallery_without_the_photos_near(gallery: Gallery) -> None:
    rng = np.random.default_rng(1)
    features, at_m = rng.normal(size=(6, 8)), rng.uniform(0, 200, (6, 2))
    circles = Surroundings(at_m, RADIUS_M)
    found = Neighbours.search(features, gallery, ["3.jpg", *[None] * 5], circles)
    config = RefineConfig(method="retrieval", k=7, heading_k=7)
    ranked = found.ranked(config, 7, at_m)
    nearest = found.nearest_positions(at_m, 7)
    headed = np.arange(120) % 5 == 0
    for photo in range(6):
        far = np.linalg.norm(gallery.position_m - at_m[photo], axis=1) > RADIUS_M
        far[3] &= photo != 0
        kept = np.flatnonzero(far)
        assert 50 < len(kept) < 119
        smaller = Neighbours.search(features[[photo]], without(gallery, kept))
        alone = smaller.ranked(config, 7, at_m[[photo]])
        assert found.rows[photo].tolist() == kept[smaller.rows[0]].tolist()
        np.testing.assert_allclose(found.nearest[photo], smaller.nearest[0], atol=1e-6)
        assert ranked.rows[photo].tolist() == kept[alone.rows[0]].tolist()
        np.testing.assert_allclose(ranked.score[photo], alone.score[0], atol=1e-6)
        own = smaller.nearest_positions(at_m[[photo]], 7)[0]
        assert nearest[photo].tolist() == kept[own].tolist()
        assert found.most_similar(headed)[photo] == kept[smaller.most_similar(headed[kept])[0]]


def test_a_photo_without_a_circle_finds_every_training_photo(gallery: Gallery) -> None:
    features = np.random.default_rng(2).normal(size=(2, 8))
    circles = Surroundings(np.array([[100.0, 100.0], [np.nan, np.nan]]), RADIUS_M)
    some, every = (Neighbours.search(features, gallery, None, c) for c in (circles, None))
    assert every.excluded is None
    assert (some.rows[0] != every.rows[0]).any()
    assert some.rows[1].tolist() == every.rows[1].tolist()
    assert some.nearest[1].tolist() == every.nearest[1].tolist()


@pytest.mark.parametrize(("compared", "count"), [(16, 16), (32, 32), (64, 64), (500, 119)])
def test_as_many_photos_are_compared_as_the_gallery_says(
    gallery: Gallery, compared: int, count: int
) -> None:
    none = LocalFeatures(
        np.zeros(121, np.int64), np.zeros((0, 2), np.uint16),
        np.zeros((0, DIMENSIONS // 2), np.uint8),
        Projection(np.zeros(128, np.float32), np.eye(128, DIMENSIONS, dtype=np.float32)),
        PointMethod(compared=compared),
    )  # fmt: skip
    pointed = replace(gallery, local=none)
    rng = np.random.default_rng(1)
    features, at_m = rng.normal(size=(6, 8)), rng.uniform(0, 200, (6, 2))
    circles = Surroundings(at_m, RADIUS_M)
    found = Neighbours.search(features, pointed, ["3.jpg", *[None] * 5], circles)
    assert compared_count(pointed) == count
    assert found.rows.shape == (6, 32), "evidence is of as many as ever"
    verified = found.verify_points(
        none.described([np.zeros((8, 8, 3), np.uint8)] * 6), 66.0
    ).verified
    assert verified is not None
    np.testing.assert_array_equal(verified.rows, found.compared)
    assert found.compared.shape == (6, count)
    least = min(count, 32)
    np.testing.assert_array_equal(found.compared[:, :least], found.rows[:, :least])
    outside = ~circles.inside(pointed)
    outside[0, 3] = False
    for photo, rows in enumerate(found.compared):
        assert outside[photo, rows[: outside[photo].sum()]].all(), "those left out come last"
    assert (circles.enough_outside(pointed) == (outside.sum(axis=1) >= count)).all()
