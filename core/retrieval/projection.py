"""Linear compression of features, fitted on gallery features only, so that galleries stay small."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Projection:
    """Features minus `mean`, times `matrix`.

    Attributes:
        mean: `(d,)` float32, the mean of the L2-normalised gallery features.
        matrix: `(d, p)` float32, the leading principal directions (scaled when whitened).
    """

    mean: Features
    matrix: Features

    def __post_init__(self) -> None:
        """Reject parts that do not fit together."""
        if self.matrix.ndim != 2 or self.mean.shape != self.matrix.shape[:1]:
            raise ValueError(
                f"projection (d, p) and mean (d,) must agree, got {self.matrix.shape} and "
                f"{self.mean.shape}"
            )

    def apply(self, unit: Features) -> Features:
        """Project features `(n, d)` of length 1; the result `(n, p)` has length 1 again."""
        return normalise_rows((unit - self.mean) @ self.matrix)


def fit_projection(features: Features, dimensions: int, *, whiten: float = 0.0) -> Projection:
    """Fit principal directions to gallery features `(n, d)`.

    Args:
        features: `(n, d)` features of training photos only.
        dimensions: Number of directions to keep; at most `min(n, d)` exist and are kept.
        whiten: Power of the inverse standard deviation that scales each direction: 0 is plain
            PCA, 1 whitens fully (Jégou & Chum 2012, "Negative evidences and co-occurences").
    """
    unit = normalise_rows(features)
    mean = unit.mean(axis=0)
    centred = (unit - mean).astype(np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = np.argsort(variances)[::-1][: min(dimensions, *features.shape)]
    # A floor under the variance keeps whitening from blowing up directions that hold only noise.
    spread = np.sqrt(np.maximum(variances[kept], 1e-4 * variances[kept].max() + 1e-12))
    return Projection(mean, (directions[:, kept] * spread**-whiten).astype(np.float32))


def normalise_rows(features: NDArray[np.floating[Any]]) -> Features:
    """Scale each row of `(n, d)` to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-12), np.float32)
