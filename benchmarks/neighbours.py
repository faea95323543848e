"""Nearest positions and nearest descriptors, beside scikit-learn's ways."""

import numpy as np
from sklearn.neighbors import BallTree, NearestNeighbors

from benchmarks.pairs import compared, timed
from core.retrieval.neighbours import best
from core.splits.leak import nearest_training_m

_EARTH_M = 6_371_008.8


def neighbours(rounds: int, counts: tuple[int, ...], queries: int) -> list[str]:
    """Time both searches for more and more training photos."""
    rng, lines = np.random.default_rng(0), []
    for count in counts:
        train_m, query_m = rng.uniform(0, 1000, (2, count, 2))
        train, query = (np.radians(17.4 + each / 111_000.0) for each in (train_m, query_m))
        spent = timed(
            {
                "scikit-learn, ball tree, haversine": lambda a=train, b=query: (  # type: ignore[misc]
                    BallTree(a, metric="haversine").query(b)[0] * _EARTH_M
                ),
                "here, in local metres": lambda a=train_m, b=query_m: nearest_training_m(b, a),  # type: ignore[misc]
            },
            rounds,
        )
        lines += [f"Nearest of {count:,} positions, for as many photos:", ""]
        lines += [*compared(spent, next(iter(spent))), ""]
        gallery = rng.standard_normal((count, 256), np.float32)
        gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
        asked = gallery[rng.integers(count, size=queries)] + 0.01

        def scikit(gallery: np.ndarray = gallery, asked: np.ndarray = asked) -> object:
            model = NearestNeighbors(n_neighbors=32, metric="cosine", algorithm="brute")
            return model.fit(gallery).kneighbors(asked)

        spent = timed(
            {
                "scikit-learn, brute force, cosine": scikit,
                "here": lambda a=gallery, b=asked: best(b @ a.T, 32),  # type: ignore[misc]
            },
            rounds,
        )
        lines += [f"32 nearest of {count:,} descriptors of 256 numbers, {queries} photos:", ""]
        lines += [*compared(spent, next(iter(spent))), ""]
    return lines
