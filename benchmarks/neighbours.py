"""Nearest positions and nearest descriptors, beside scikit-learn's ways."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import BallTree, NearestNeighbors

from benchmarks.effort import Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.retrieval.neighbours import best
from core.splits.leak import nearest_training_m

_EARTH_M = 6_371_008.8
_WIDTH, _NEAREST, _MOST_ASKED = 256, 32, 100_000
# A round of a million takes seconds.
_MANY = 1_000_000
_TREE, _BRUTE, _HERE = "scikit-learn, ball tree", "scikit-learn, brute force, cosine", "here"
_POSITIONS, _DESCRIPTORS = 10.0, 2.0


def measure(effort: Effort) -> list[str]:
    """Time both searches for more and more training photos."""
    lines = []
    for count in (1_000,) if effort.quick else (7_000, 100_000, _MANY):
        rounds = min(effort.rounds, 2) if count >= _MANY else effort.rounds
        lines += _positions(count, min(count, _MOST_ASKED), rounds)
        lines += _descriptors(count, 10 if effort.quick else 300, rounds)
    return lines


def _positions(count: int, asked: int, rounds: int) -> list[str]:
    rng = np.random.default_rng(0)
    train_m, query_m = rng.uniform(0, 1000, (count, 2)), rng.uniform(0, 1000, (asked, 2))
    train, query = (np.radians(17.4 + each / 111_000.0) for each in (train_m, query_m))

    def tree() -> object:
        return BallTree(train, metric="haversine").query(query)[0] * _EARTH_M

    ways: dict[str, Callable[[], object]] = {
        _TREE: tree,
        _HERE: lambda: nearest_training_m(query_m, train_m),
    }
    spent = timed(ways, rounds)
    times = times_faster(spent, _HERE, _TREE)
    return [
        f"Nearest of {count:,} positions, for {asked:,} photos; the tree in degrees, by haversine, "
        "here in local metres, both exact:",
        "",
        *compared(spent, _TREE),
        *verdict(
            f"at least {_POSITIONS:g} times faster",
            f"{times:.3g} times",
            met=times >= _POSITIONS,
            missed_in=ways[_HERE],
        ),
        "",
    ]


def _descriptors(count: int, asked: int, rounds: int) -> list[str]:
    rng = np.random.default_rng(0)
    gallery = rng.standard_normal((count, _WIDTH), np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    queries: NDArray[np.float32] = gallery[rng.integers(count, size=asked)] + np.float32(0.01)

    def brute() -> object:
        model = NearestNeighbors(n_neighbors=_NEAREST, metric="cosine", algorithm="brute")
        return model.fit(gallery).kneighbors(queries)

    ways: dict[str, Callable[[], object]] = {
        _BRUTE: brute,
        _HERE: lambda: best(np.matmul(queries, gallery.T), _NEAREST),
    }
    spent = timed(ways, rounds)
    times = times_faster(spent, _HERE, _BRUTE)
    megabytes = (gallery.nbytes + 4 * asked * count) / 1e6
    return [
        f"{_NEAREST} nearest of {count:,} descriptors of {_WIDTH} numbers, {asked} photos; "
        f"descriptors and cosines take {megabytes:,.0f} MB:",
        "",
        *compared(spent, _BRUTE),
        *verdict(
            f"at least {_DESCRIPTORS:g} times faster",
            f"{times:.3g} times",
            met=times >= _DESCRIPTORS,
            missed_in=ways[_HERE],
        ),
        "",
    ]
