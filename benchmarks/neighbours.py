"""Nearest positions and nearest descriptors, beside scikit-learn's ways."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import BallTree, NearestNeighbors
from threadpoolctl import threadpool_limits

from benchmarks.effort import CHECKPOINT, Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.amounts import percent
from core.retrieval.gallery import Gallery
from core.retrieval.neighbours import best
from core.retrieval.projection import normalise_rows
from core.splits.leak import nearest_training_m

_EARTH_M = 6_371_008.8
_WIDTH, _NEAREST, _MOST_ASKED = 256, 32, 100_000
# From here on an index might be worth its approximation.
_LARGE = 200_000
_ASKED, _LIKE, _LISTS_READ = 256, 10, 8
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
    return lines + _indexed(3_000 if effort.quick else _LARGE, min(effort.rounds, 3))


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


def _indexed(count: int, rounds: int) -> list[str]:
    """Compare the exact search with an index that reads a few of its lists, if it is installed."""
    if find_spec("faiss") is None:
        return ["An approximate index was not measured: `pip install faiss-cpu`.", ""]
    # No requirement of Bearings, so that nothing else imports it.
    faiss = import_module("faiss")
    every = many_descriptors(count + _ASKED)
    gallery, queries = every[:count], every[count:]
    lists = max(1, int(4.0 * count**0.5))
    built = faiss.index_factory(gallery.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    built.train(gallery)
    built.add(gallery)
    built.nprobe = _LISTS_READ
    faiss.omp_set_num_threads(1)
    exact, index = "here, exact", "faiss, inverted lists"
    ways: dict[str, Callable[[], object]] = {
        exact: lambda: best(np.matmul(queries, gallery.T), _NEAREST),
        index: lambda: built.search(queries, _NEAREST),
    }
    with threadpool_limits(1):
        spent = timed(ways, rounds)
    truth = best(np.matmul(queries, gallery.T), 5)[0]
    found = built.search(queries, _NEAREST)[1]
    hits = [len({*own} & {*others}) for own, others in zip(truth, found, strict=True)]
    recall = percent(float(np.mean(hits)) / truth.shape[1], 1)
    a_photo = {name: [each / _ASKED for each in own] for name, own in spent.items()}
    return [
        f"{_NEAREST} nearest of {count:,} descriptors like those of the shipped model "
        f"({gallery.shape[1]} numbers), {_ASKED} photos, one thread. The index has {lists:,} "
        f"lists, of which it reads {_LISTS_READ}; it finds {recall} of the 5 "
        f"nearest, and holds a copy of the descriptors ({gallery.nbytes / 1e6:,.0f} MB):",
        "",
        *compared(a_photo, exact, "ms a photo"),
        "",
    ]


def many_descriptors(count: int) -> NDArray[np.float32]:
    """Descriptors between those of photos of the shipped gallery that look alike, with noise."""
    rng = np.random.default_rng(0)
    own = Gallery.load(CHECKPOINT).features
    alike = best(own @ own.T, _LIKE)[0]
    first = rng.integers(len(own), size=count)
    second = alike[first, rng.integers(_LIKE, size=count)]
    share = rng.uniform(0.5, 1.0, (count, 1)).astype(np.float32)
    noise = rng.standard_normal((count, own.shape[1]), np.float32) / np.float32(own.shape[1] ** 0.5)
    return normalise_rows(share * own[first] + (1 - share) * own[second] + noise / 2)
