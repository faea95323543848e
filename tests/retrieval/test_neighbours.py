"""The greatest scores of each row, found by looking at groups of columns first."""

import numpy as np
import pytest

from core.retrieval import neighbours
from core.retrieval.neighbours import _GROUP, _promising, best, row_parts, search_in_parts
from tests.retrieval.test_gallery import make_gallery


@pytest.mark.parametrize("columns", [1, 40, 4 * 5 * _GROUP, 4 * 5 * _GROUP + 1, 9_999])
def test_the_greatest_scores_are_those_of_a_sort(columns: int) -> None:
    score = np.random.default_rng(columns).standard_normal((6, columns), np.float32)
    # A whole group, the columns beyond the last group, and photos outside of a radius.
    score[0, :: max(columns // _GROUP, 1)] += 100.0
    score[1, -3:] += 100.0
    score[2, columns // 2 :] = -np.inf
    k = min(5, columns // 2 or 1)
    rows, greatest = best(score, k)
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(rows, order)
    np.testing.assert_array_equal(greatest, np.take_along_axis(score, order, axis=1))


def test_only_a_few_columns_of_a_large_gallery_are_partitioned() -> None:
    score = np.random.default_rng(0).standard_normal((2, 100_000), np.float32)
    promising = _promising(score, 32)
    assert promising is not None
    assert promising.shape == (2, 32 * _GROUP)
    assert best(score, 0)[0].shape == (2, 0)


def test_a_large_gallery_is_searched_by_fewer_photos_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [part.stop for part in row_parts(1000, 11_000)] == [512, 1024]
    assert {part.stop - part.start for part in row_parts(50, 1_000_000)} == {10}
    assert next(row_parts(3, 10**9)) == slice(0, 1)
    gallery = make_gallery()
    queries = np.random.default_rng(2).normal(size=(7, 6))
    ((_, whole),) = search_in_parts(queries, gallery)
    monkeypatch.setattr(neighbours, "MOST_COSINES", 2 * len(gallery))
    parts = list(search_in_parts(queries, gallery))
    assert [len(part) for _, part in parts] == [2, 2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([part.rows for _, part in parts]), whole.rows)
