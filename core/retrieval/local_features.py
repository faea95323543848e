"""Local features: points of a photo that another photo of the same place shows again.

SIFT (Lowe 2004, "Distinctive image features from scale-invariant keypoints") with the square root
of Arandjelovic and Zisserman 2012, "Three things everyone should know to improve object retrieval",
compressed to a few whitened principal directions of half a byte each.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from core.retrieval.projection import Features, Projection, fit_projection, normalise_rows

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]

SIDE = 224
"""Photos are looked at in this size, in pixels: smaller ones show too few points."""
QUERY_POINTS = 200
"""Most keypoints of a query photo; gallery photos have fewer, because theirs are stored."""
DIMENSIONS = 32
FITTED = 100
"""Photos whose points the compression is fitted to."""
_CONTRAST = 0.02
_WIDTH = 128
# Sixteen steps from -0.5 to 0.5: numbers of a descriptor of length 1 are seldom greater.
_STEPS = 15.0


@dataclass(frozen=True)
class LocalFeatures:
    """Points of n photos, and what each looks like.

    Attributes:
        first: `(n + 1,)` photo i has the points `first[i]` to `first[i + 1]`, strongest first.
        place: `(m, 2)` uint8 x and y of every point, 0 to 255 across a photo.
        code: `(m, d / 2)` uint8 descriptors, two numbers a byte.
        projection: How descriptors were compressed; only those of one projection compare.
    """

    first: NDArray[np.int64]
    place: NDArray[np.uint8]
    code: NDArray[np.uint8]
    projection: Projection

    def __post_init__(self) -> None:
        """Check every shape, and that every point belongs to a photo."""
        m, width = self.code.shape
        if self.place.shape != (m, 2) or self.projection.matrix.shape != (_WIDTH, 2 * width):
            raise ValueError(f"local features: {self.place.shape} places, {self.code.shape} codes")
        ends = self.first[[0, -1]].tolist() if self.first.ndim == 1 and len(self.first) else []
        if ends != [0, m] or (np.diff(self.first) < 0).any():
            raise ValueError(f"local features: {m} points are not those of the photos")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.first) - 1

    def of(self, row: int) -> tuple[NDArray[np.float32], Features]:
        """Places `(p, 2)`, in pixels of `SIDE`, and descriptors `(p, d)` of one photo."""
        part = slice(self.first[row], self.first[row + 1])
        return (
            self.place[part].astype(np.float32) * np.float32(SIDE / 255.0),
            _unpacked(self.code[part]),
        )

    def rows(self, part: slice) -> Self:
        """The points of some consecutive photos."""
        start, stop, _ = part.indices(len(self))
        first, last = self.first[start], self.first[max(start, stop)]
        firsts = self.first[start : max(start, stop) + 1] - first
        return type(self)(firsts, self.place[first:last], self.code[first:last], self.projection)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file holds of them, by name."""
        return {
            "local_count": np.diff(self.first).astype(np.int32),
            "local_place": self.place,
            "local_code": self.code,
            "local_mean": self.projection.mean,
            "local_directions": self.projection.matrix,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self | None:
        """Read what `arrays` wrote; None of a file that holds no local features."""
        if "local_code" not in arrays:
            return None
        return cls(
            _firsts(arrays["local_count"]),
            arrays["local_place"],
            arrays["local_code"],
            Projection(arrays["local_mean"], arrays["local_directions"]),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put photos described by one projection together."""
        return cls(
            _firsts(np.concatenate([np.diff(part.first) for part in parts])),
            np.concatenate([part.place for part in parts]),
            np.concatenate([part.code for part in parts]),
            parts[0].projection,
        )


def describe_gallery(
    photos: Pixels, rows: NDArray[np.int64], most: int, progress: Progress | None = None
) -> LocalFeatures:
    """Describe at most `most` points of each of some photos `(n, s, s, 3)`.

    The projection is fitted to the points of `FITTED` of them, evenly chosen.
    """
    chosen = np.unique(np.linspace(0, len(rows) - 1, FITTED).round().astype(np.int64))
    descriptors = np.concatenate([_detected(photos[row], most)[1] for row in rows[chosen]])
    if len(descriptors) < DIMENSIONS:
        # Photos of nearly nothing: any projection does for what follows.
        descriptors = np.concatenate([descriptors, np.eye(_WIDTH, dtype=np.float32)])
    projection = fit_projection(descriptors, DIMENSIONS, whiten=1.0)

    def seen() -> Iterator[Pixels]:
        for done, row in enumerate(rows, start=1):
            yield photos[row]
            if progress is not None:
                progress(done, len(rows))

    return describe_photos(seen(), most, projection)


def describe_photos(photos: Iterable[Pixels], most: int, projection: Projection) -> LocalFeatures:
    """Describe at most `most` points of each photo `(s, s, 3)`, compressed by `projection`."""
    places, codes, counts = [np.empty((0, 2), np.uint8)], [], []
    codes.append(np.empty((0, projection.matrix.shape[1] // 2), np.uint8))
    for photo in photos:
        place, descriptors = _detected(photo, most)
        places.append((place * (255.0 / SIDE)).round().clip(0, 255).astype(np.uint8))
        codes.append(_packed(projection.apply(descriptors)))
        counts.append(len(place))
    return LocalFeatures(
        _firsts(np.array(counts)), np.concatenate(places), np.concatenate(codes), projection
    )


def _packed(descriptors: Features) -> NDArray[np.uint8]:
    code = (descriptors * _STEPS + _STEPS / 2.0).round().clip(0.0, _STEPS).astype(np.uint8)
    return np.asarray(code[:, 0::2] << 4 | code[:, 1::2])


def _unpacked(code: NDArray[np.uint8]) -> Features:
    pairs = np.stack([code >> 4, code & 15], axis=2).reshape(len(code), 2 * code.shape[1])
    return normalise_rows(pairs.astype(np.float32) - np.float32(_STEPS / 2.0))


def _firsts(counts: NDArray[Any]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _detected(photo: Pixels, most: int) -> tuple[NDArray[np.float32], Features]:
    """The strongest points `(p, 2)` in pixels of `SIDE`, and descriptors `(p, 128)` of length 1."""
    rule = cv2.INTER_AREA if photo.shape[0] > SIDE else cv2.INTER_CUBIC
    light = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=rule)
    keypoints, descriptors = cv2.SIFT.create(contrastThreshold=_CONTRAST).detectAndCompute(
        light, None
    )
    if descriptors is None:
        return np.empty((0, 2), np.float32), np.empty((0, _WIDTH), np.float32)
    order = np.argsort([-point.response for point in keypoints], kind="stable")[:most]
    place = np.array([point.pt for point in keypoints], np.float32)[order]
    share = descriptors[order] / np.maximum(descriptors[order].sum(axis=1, keepdims=True), 1e-12)
    return place, np.sqrt(share)
