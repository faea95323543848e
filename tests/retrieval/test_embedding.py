"""Descriptors in two dimensions, and pairs that look alike and are not of one place."""

import numpy as np
import pytest

from core.retrieval.embedding import alike_pairs, neighbour_plane, principal_plane
from core.retrieval.projection import normalise_rows


def _groups(count: int, each: int, dimensions: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors of groups of similar photos, and the group of each."""
    random = np.random.default_rng(0)
    middles = random.normal(size=(count, dimensions))
    group = np.repeat(np.arange(count), each)
    return normalise_rows(
        middles[group] + 0.05 * random.normal(size=(len(group), dimensions))
    ), group


def test_the_principal_plane_holds_the_most_variance_and_places_others_on_it() -> None:
    random = np.random.default_rng(1)
    photos = (random.normal(size=(200, 5)) * [0.1, 3.0, 0.1, 1.0, 0.1]).astype(np.float32)
    place = principal_plane(photos[:150], photos[150:])
    centred = photos - photos[:150].mean(axis=0)
    assert np.corrcoef(place[:, 0], centred[:, 1])[0, 1] == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.corrcoef(place[:, 1], centred[:, 3])[0, 1]) == pytest.approx(1.0, abs=0.01)
    # Other photos do not move the plane.
    np.testing.assert_allclose(principal_plane(photos[:150], photos[:0]), place[:150])


def test_a_plane_of_one_dimension_is_a_line() -> None:
    place = principal_plane(
        np.array([[1.0], [-1.0], [1.0]], np.float32), np.zeros((0, 1), np.float32)
    )
    assert place[:, 1].tolist() == [0.0, 0.0, 0.0]
    assert place[0, 0] == place[2, 0] != place[1, 0]


def test_similar_photos_lie_together_and_the_same_photos_lie_alike() -> None:
    photos, group = _groups(4, 15)
    first = neighbour_plane(photos[:45], photos[45:])
    distances = np.linalg.norm(first[:, None] - first[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (group[distances.argmin(axis=1)] == group).all()
    np.testing.assert_allclose(neighbour_plane(photos[:45], photos[45:]), first)
    # Too few to arrange: the principal plane.
    assert neighbour_plane(photos[:2], photos[:0]).shape == (2, 2)


def test_pairs_are_the_most_similar_ones_of_two_places() -> None:
    photos, group = _groups(3, 4)
    # Photo 0 and photo 5 show the same, in different groups.
    photos[5] = photos[0]
    place = np.column_stack([group * 100.0, np.arange(len(group))])
    for found in (
        alike_pairs(photos, place, apart_m=50.0),
        alike_pairs(photos, region=group),
    ):
        assert found.rows[0].tolist() == [0, 5]
        assert found.similarity[0] == pytest.approx(1.0, abs=1e-5)
        assert (np.diff(found.similarity) <= 0).all()
        assert (group[found.rows[:, 0]] != group[found.rows[:, 1]]).all()
        assert len(np.unique(found.rows, axis=0)) == len(found.rows)
    assert len(alike_pairs(photos, region=group, most=2).rows) == 2


def test_photos_without_the_label_are_in_no_pair() -> None:
    photos, group = _groups(2, 3)
    region, place = np.where(np.arange(6) == 0, -1, group), np.full((6, 2), np.nan)
    assert 0 not in alike_pairs(photos, region=region).rows
    assert len(alike_pairs(photos, place).rows) == 0
    assert len(alike_pairs(photos, region=np.zeros(6)).rows) == 0
