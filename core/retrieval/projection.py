"""Linear compression of features, fitted on gallery features only, so that galleries stay small.

A descriptor may have several parts, such as two stages of a network: each is compressed by itself,
and all count alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

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


USUAL: tuple[int, float] = (256, 0.5)
"""Dimensions of each part and strength of whitening, unless the options name one of them.

In a backbone made for another task, a few directions vary most and matter least; dividing by a root
of the spread gives the others weight (Jégou & Chum 2012). The ablation supports half.
"""


def space_options(dimensions: int | None, whiten: float | None) -> tuple[int | None, float]:
    """Dimensions (None: all) and whitening that options name."""
    return USUAL if dimensions is None and whiten is None else (dimensions, whiten or 0.0)


@dataclass(frozen=True)
class DescriptorSpace:
    """How descriptors of several parts become comparable by one cosine.

    Attributes:
        widths: Width of each part of a raw descriptor.
        projections: Of each part; None: it is only normalised.
    """

    widths: tuple[int, ...]
    projections: tuple[Projection | None, ...]

    def __post_init__(self) -> None:
        """Check that every part has its projection."""
        fits = len(self.widths) == len(self.projections) > 0 and all(
            projection is None or len(projection.mean) == width
            for width, projection in zip(self.widths, self.projections, strict=False)
        )
        if not fits:
            raise ValueError(f"descriptor parts {self.widths} and their projections do not fit")

    @property
    def dimensions(self) -> int:
        """Dimensions `d` of descriptors in this space."""
        return sum(self.kept)

    @property
    def kept(self) -> tuple[int, ...]:
        """Dimensions of each part in this space."""
        return tuple(
            width if projection is None else projection.matrix.shape[1]
            for width, projection in zip(self.widths, self.projections, strict=True)
        )

    def since(self, part: int) -> Self:
        """The space of the descriptors' parts from one on."""
        return type(self)(self.widths[part:], self.projections[part:])

    @classmethod
    def fit(
        cls, raw: Features, widths: tuple[int, ...], dimensions: int | None, whiten: float
    ) -> Self:
        """Fit the space to raw descriptors `(n, sum(widths))` of training photos.

        A part that is neither compressed nor whitened has no projection.

        Args:
            raw: Descriptors as the network gives them.
            widths: Of their parts.
            dimensions: Most directions that are kept of a part; None: all.
            whiten: See `fit_projection`.
        """
        return cls(
            widths,
            tuple(
                fit_projection(part, min(dimensions or width, width), whiten=whiten)
                if whiten or (dimensions or width) < width
                else None
                for part, width in zip(_parts(raw, widths), widths, strict=True)
            ),
        )

    def apply(self, raw: Features) -> Features:
        """Return descriptors `(n, d)` of length 1 of raw ones `(n, sum(widths))`."""
        if raw.shape[1] != sum(self.widths):
            raise ValueError(
                f"features of width {raw.shape[1]} do not fit descriptors of width "
                f"{sum(self.widths)}"
            )
        parts = [
            unit if projection is None else projection.apply(unit)
            for unit, projection in zip(
                map(normalise_rows, _parts(raw, self.widths)), self.projections, strict=True
            )
        ]
        # A single part is not divided by its length twice, so that it stays bit for bit the same.
        return parts[0] if len(parts) == 1 else normalise_rows(np.concatenate(parts, axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file holds of it, by name; of a single part only what earlier versions read."""
        arrays: dict[str, NDArray[Any]] = {}
        for index, projection in enumerate(self.projections):
            if projection is not None:
                suffix = "" if len(self.widths) == 1 else f"_{index}"
                arrays[f"projection{suffix}"] = projection.matrix
                arrays[f"mean{suffix}"] = projection.mean
        if len(self.widths) > 1:
            arrays["widths"] = np.array(self.widths, np.int32)
        return arrays

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Read what `arrays` wrote, or an earlier version; `features` are beside it."""
        if "widths" not in arrays:
            if "projection" not in arrays:
                return cls((arrays["features"].shape[1],), (None,))
            single = Projection(arrays["mean"], arrays["projection"])
            return cls((len(single.mean),), (single,))
        widths = tuple(int(width) for width in arrays["widths"])
        return cls(
            widths,
            tuple(
                Projection(arrays[f"mean_{index}"], arrays[f"projection_{index}"])
                if f"projection_{index}" in arrays
                else None
                for index in range(len(widths))
            ),
        )


def _parts(raw: Features, widths: tuple[int, ...]) -> list[Features]:
    return np.split(raw, np.cumsum(widths)[:-1], axis=1)


def normalise_rows(features: NDArray[np.floating[Any]]) -> Features:
    """Scale each row of `(n, d)` to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-12), np.float32)
