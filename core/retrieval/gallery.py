"""The gallery: descriptors, positions and headings of the training photos, and nothing else.

Photos of a data set with positions have one; a heading or a region may be missing. Photos of a data
set without positions have none at all.

On disk it is `gallery.safetensors` (arrays) and `gallery.json` (names, split hash). The JSON holds
the digest of the arrays, so that a torn or mixed pair of files is detected.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel
from safetensors.numpy import load, save

from core.errors import CheckpointError, SplitError
from core.files import (
    checked,
    read_object,
    read_tensors,
    refusing,
    write_bytes,
    write_json,
)
from core.geo import Floats, wrap_heading_deg
from core.labels import LABELS, Label
from core.retrieval.local_features import LocalFeatures
from core.retrieval.projection import DescriptorSpace, Features, normalise_rows

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

SCHEMA_VERSION = 1
PARTIAL_VERSION = 2
"""Of a gallery in which a label is missing: programs that expect all of them must not read it."""
POINTS_VERSION = 3
"""Of a gallery that names how its points are compared: older programs would compare otherwise."""
ARRAYS = "gallery.safetensors"
NAMES = "gallery.json"
_REMEDY = "copy the checkpoint folder again as a whole"


class _Names(BaseModel):
    """Content of `gallery.json`."""

    schema_version: int
    sha256: str
    split_hash: str
    photo_ids: tuple[str, ...]
    filenames: tuple[str, ...]
    points: dict[str, str | int] | None = None


@dataclass(frozen=True)
class Gallery:
    """The training photos; row i of every field is one photo.

    Attributes:
        photo_ids: Keys of the photos, unique.
        filenames: Names as in the label file.
        features: `(n, d)` float32 descriptors in `space`, of length 1.
        position_m: `(n, 2)` `[north_m, east_m]` in the checkpoint's local frame; all NaN in a
            gallery without positions.
        heading_deg: `(n,)` in `[0, 360)`, NaN for a photo without a heading.
        region: `(n,)` indices into the checkpoint's regions, -1 for a photo without a region.
        minute: `(n,)` minute of the day, NaN where unknown.
        split_hash: Hash of the split whose training part this is.
        space: How descriptors that the network gives become those; one part, by default.
        local: Keypoints of each photo for geometric verification; None if it has none.
    """

    photo_ids: tuple[str, ...]
    filenames: tuple[str, ...]
    features: Features
    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]
    minute: Floats
    split_hash: str
    space: DescriptorSpace | None = None
    local: LocalFeatures | None = None

    def __post_init__(self) -> None:
        """Check every shape, the lengths of the features and that no photo occurs twice."""
        n = len(self.photo_ids)
        shapes = {
            "filenames": (len(self.filenames),) == (n,),
            "features": self.features.ndim == 2 and len(self.features) == n,
            "position_m": self.position_m.shape == (n, 2),
            "heading_deg": self.heading_deg.shape == (n,),
            "region": self.region.shape == (n,),
            "minute": self.minute.shape == (n,),
            "local": self.local is None or len(self.local) == n,
        }
        if self.space is not None:
            shapes["space"] = self.space.dimensions == self.features.shape[-1]
        wrong = [name for name, fits in shapes.items() if not fits]
        if wrong or n == 0:
            raise ValueError(f"gallery of {n} photos: {', '.join(wrong) or 'it'} does not fit")
        if len(set(self.photo_ids)) != n:
            raise ValueError("gallery holds a photo twice")
        placed = np.isfinite(self.position_m)
        if not np.isfinite(self.features).all() or placed.any() != placed.all():
            raise ValueError("gallery holds features or positions that are not finite")
        lengths = np.linalg.norm(self.features, axis=1)
        if np.abs(lengths[lengths > 0] - 1.0).max(initial=0.0) > 5e-3:
            raise ValueError("gallery features must be L2-normalised")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photo_ids)

    @cached_property
    def descriptor_space(self) -> DescriptorSpace:
        """The space of the descriptors."""
        return self.space or DescriptorSpace((self.features.shape[1],), (None,))

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """The labels that at least one photo has."""
        has = {
            "position": bool(np.isfinite(self.position_m).any()),
            "heading": bool(np.isfinite(self.heading_deg).any()),
            "region": bool((self.region >= 0).any()),
        }
        return tuple(label for label in LABELS if has[label])

    @property
    def partial(self) -> bool:
        """Whether a photo lacks a label."""
        complete = np.isfinite(self.position_m).all() and np.isfinite(self.heading_deg).all()
        return not (complete and (self.region >= 0).all())

    @cached_property
    def digest(self) -> str:
        """A hash of its photos and their descriptors, as the file holds them."""
        content = np.ascontiguousarray(self.features.astype(np.float16)).tobytes()
        names = "\n".join(self.photo_ids).encode()
        return hashlib.sha256(names + b"\n" + content).hexdigest()

    @cached_property
    def tree(self) -> "cKDTree":
        """Positions in metres as a k-d tree (exact, float64); ValueError without positions."""
        from scipy.spatial import cKDTree  # no answer needs it, and it takes 0.3 s to import

        return cKDTree(self.position_m)

    def nearest_anchors(self, anchors_m: Floats) -> NDArray[np.int64]:
        """Row `(n,)` of the anchor `(k, 2)` nearest to each photo; kept for the next call."""
        key = anchors_m.tobytes()
        if key not in self._anchors:
            # Some hundreds: a k-d tree would take longer to import than this takes.
            squares = (anchors_m**2).sum(axis=1) - 2.0 * self.position_m @ anchors_m.T
            self._anchors[key] = squares.argmin(axis=1)
        return self._anchors[key]

    @cached_property
    def _anchors(self) -> dict[bytes, NDArray[np.int64]]:
        return {}

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each photo id."""
        return {photo_id: row for row, photo_id in enumerate(self.photo_ids)}

    def rows_of(self, ids: Sequence[str | None] | None, n: int) -> NDArray[np.int64]:
        """Rows `(n,)` of n photo ids; -1 for None and for photos that are not in the gallery."""
        if ids is None:
            return np.full(n, -1)
        if len(ids) != n:
            raise ValueError(f"{len(ids)} ids for {n} photos")
        return np.array([self.row_of.get(name, -1) if name else -1 for name in ids], np.int64)

    def embed(self, features: ArrayLike) -> Features:
        """Project and normalise descriptors `(m, D)` that the network gives, to `(m, d)`."""
        return self.descriptor_space.apply(np.asarray(features, np.float32))

    def since(self, part: int) -> Self:
        """The gallery whose descriptors are the parts from one on."""
        space = self.descriptor_space
        features = self.features[:, sum(space.kept[:part]) :]
        return replace(self, features=normalise_rows(features), space=space.since(part), local=None)

    def check_split(self, split_hash: str) -> None:
        """Raise SplitError unless the gallery was made from the split with this hash."""
        if split_hash != self.split_hash:
            raise SplitError(
                f"the gallery belongs to split {self.split_hash[:12]}, not to {split_hash[:12]}: "
                "train again, or use the gallery that was saved with this checkpoint"
            )

    def check_training_only(self, parts: Mapping[str, str]) -> None:
        """Raise SplitError if `parts` (photo id -> part) puts a gallery photo outside training."""
        leaked = [name for name in self.photo_ids if parts.get(name) != "train"]
        if leaked:
            raise SplitError(
                f"{len(leaked):,} gallery photos are not in the training part (first: "
                f"{leaked[:3]}): a gallery may hold training photos only"
            )

    def save(self, folder: Path) -> None:
        """Write `gallery.safetensors` (features as float16) and `gallery.json` into `folder`."""
        arrays: dict[str, NDArray[Any]] = {
            "features": self.features.astype(np.float16),
            "position_m": self.position_m,
            "heading_deg": self.heading_deg,
            "region": self.region.astype(np.int32),
            "minute": self.minute,
        }
        arrays |= self.descriptor_space.arrays()
        if self.local is not None:
            arrays |= self.local.arrays()
        names: dict[str, Any] = {
            "split_hash": self.split_hash,
            "photo_ids": list(self.photo_ids),
            "filenames": list(self.filenames),
        }
        # The arrays first: the JSON names them by digest.
        content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        write_bytes(folder / ARRAYS, content)
        digest = hashlib.sha256(content).hexdigest()
        version = PARTIAL_VERSION if self.partial else SCHEMA_VERSION
        method = None if self.local is None else self.local.record()
        if method is not None:
            version, names["points"] = POINTS_VERSION, method
        write_json(folder / NAMES, {"schema_version": version, "sha256": digest, **names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the gallery of a checkpoint folder.

        Raises:
            CheckpointError: A file is missing, damaged, of another version, or the two files do
                not belong together.
        """
        names = _read_names(folder / NAMES)
        arrays = read_tensors(folder / ARRAYS, load, _REMEDY, CheckpointError, names.sha256)
        with refusing(folder / ARRAYS, _REMEDY, CheckpointError):
            return cls._assemble(names, arrays)

    @classmethod
    def _assemble(cls, names: _Names, arrays: dict[str, NDArray[Any]]) -> Self:
        return cls(
            names.photo_ids,
            names.filenames,
            arrays["features"].astype(np.float32),
            arrays["position_m"].astype(np.float64),
            arrays["heading_deg"].astype(np.float64),
            arrays["region"].astype(np.int64),
            arrays["minute"].astype(np.float64),
            names.split_hash,
            DescriptorSpace.of_arrays(arrays),
            LocalFeatures.of_arrays(arrays, names.points),
        )


def build_gallery(
    photo_ids: Sequence[str],
    filenames: Sequence[str],
    features: ArrayLike,
    position_m: ArrayLike,
    heading_deg: ArrayLike,
    region: ArrayLike,
    *,
    split_hash: str,
    parts: Mapping[str, str],
    minute: ArrayLike | None = None,
    widths: tuple[int, ...] | None = None,
    dimensions: int | None = None,
    whiten: float = 0.0,
) -> Gallery:
    """Build the gallery of a split's training part.

    Args:
        photo_ids: Keys of the training photos.
        filenames: Their names in the label file.
        features: `(n, D)` descriptors of the unaugmented photos, as the network gives them.
        position_m: `(n, 2)` `[north_m, east_m]`; all NaN without positions.
        heading_deg: `(n,)` degrees; NaN for a photo without a heading.
        region: `(n,)` region indices; -1 for a photo without a region.
        split_hash: Hash of the split.
        parts: The split's parts by photo id; a photo outside "train" is a SplitError.
        minute: `(n,)` minute of the day, NaN if unknown.
        widths: Widths of the parts of a descriptor; None: it has one part.
        dimensions: Compress each part to at most this many principal directions.
        whiten: See `fit_projection`.
    """
    raw = np.asarray(features, np.float32)
    space = DescriptorSpace.fit(raw, widths or (raw.shape[1],), dimensions, whiten)
    # Rounded to what the file holds, so that a reloaded gallery refines bit for bit the same.
    unit = space.apply(raw).astype(np.float16).astype(np.float32)
    gallery = Gallery(
        tuple(photo_ids),
        tuple(filenames),
        unit,
        np.asarray(position_m, np.float64),
        wrap_heading_deg(heading_deg),
        np.asarray(region, np.int64),
        np.full(len(raw), np.nan) if minute is None else np.asarray(minute, np.float64),
        split_hash,
        space,
    )
    gallery.check_training_only(parts)
    return gallery


def described_anew(
    gallery: Gallery,
    descriptors: ArrayLike,
    widths: tuple[int, ...],
    dimensions: int | None,
    whiten: float,
) -> Gallery:
    """Return the gallery with other descriptors `(n, D)` of its photos; see `build_gallery`."""
    return build_gallery(
        gallery.photo_ids,
        gallery.filenames,
        descriptors,
        gallery.position_m,
        gallery.heading_deg,
        gallery.region,
        split_hash=gallery.split_hash,
        parts=dict.fromkeys(gallery.photo_ids, "train"),
        minute=gallery.minute,
        widths=widths,
        dimensions=dimensions,
        whiten=whiten,
    )


def has_gallery(folder: Path) -> bool:
    """Whether `folder` holds a gallery, whole or damaged."""
    return (folder / NAMES).exists()


def _read_names(path: Path) -> _Names:
    content = read_object(path, _REMEDY, CheckpointError)
    if content is None:
        raise CheckpointError(f"no gallery at {path}: train again, or {_REMEDY}")
    version = content.get("schema_version", SCHEMA_VERSION)
    if version not in (SCHEMA_VERSION, PARTIAL_VERSION, POINTS_VERSION):
        raise CheckpointError(
            f"{path} has schema version {version}, this program reads {SCHEMA_VERSION} to "
            f"{POINTS_VERSION}: train again or use the version that wrote it"
        )
    return checked(content, _Names, path, _REMEDY, CheckpointError)
