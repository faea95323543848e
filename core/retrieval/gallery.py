"""The gallery: features, positions and headings of the training photos, and nothing else.

On disk it is `gallery.safetensors` (arrays) and `gallery.json` (names, split hash). The JSON holds
the digest of the arrays, so that a torn or mixed pair of files is noticed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from scipy.spatial import cKDTree

from core.errors import CheckpointError, SplitError
from core.files import write_bytes, write_json
from core.geo import Floats, wrap_heading_deg
from core.retrieval.local_features import LocalFeatures
from core.retrieval.projection import Features, Projection, fit_projection, normalise_rows

SCHEMA_VERSION = 1
ARRAYS = "gallery.safetensors"
NAMES = "gallery.json"


@dataclass(frozen=True)
class Gallery:
    """Training photos as the refinement sees them; row i of every field is one photo.

    Attributes:
        photo_ids: Keys of the photos, unique.
        filenames: Names as in the label file.
        features: `(n, d)` float32, L2-normalised, after the projection where there is one.
        position_m: `(n, 2)` `[north_m, east_m]` in the checkpoint's local frame.
        heading_deg: `(n,)` in `[0, 360)`.
        region: `(n,)` indices into the checkpoint's regions.
        minute: `(n,)` minute of the day, NaN where unknown.
        split_hash: Hash of the split whose training part this is.
        projection: What was applied to the network's features; None means only normalised.
        local: Points of each photo, to verify by; None in a gallery that was made without.
    """

    photo_ids: tuple[str, ...]
    filenames: tuple[str, ...]
    features: Features
    position_m: Floats
    heading_deg: Floats
    region: NDArray[np.int64]
    minute: Floats
    split_hash: str
    projection: Projection | None = None
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
        wrong = [name for name, fits in shapes.items() if not fits]
        if wrong or n == 0:
            raise ValueError(f"gallery of {n} photos: {', '.join(wrong) or 'it'} does not fit")
        if len(set(self.photo_ids)) != n:
            raise ValueError("gallery holds a photo twice")
        if not (np.isfinite(self.features).all() and np.isfinite(self.position_m).all()):
            raise ValueError("gallery holds features or positions that are not finite")
        lengths = np.linalg.norm(self.features, axis=1)
        if np.abs(lengths[lengths > 0] - 1.0).max(initial=0.0) > 5e-3:
            raise ValueError("gallery features must be L2-normalised")

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.photo_ids)

    @cached_property
    def tree(self) -> cKDTree:
        """Positions in metres as a k-d tree (exact, float64)."""
        return cKDTree(self.position_m)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each photo id."""
        return {photo_id: row for row, photo_id in enumerate(self.photo_ids)}

    def rows_of(self, ids: Sequence[str | None] | None, n: int) -> NDArray[np.int64]:
        """Rows `(n,)` of n photo ids; -1 for None and for photos that are not here."""
        if ids is None:
            return np.full(n, -1)
        if len(ids) != n:
            raise ValueError(f"{len(ids)} ids for {n} photos")
        return np.array([self.row_of.get(name, -1) if name else -1 for name in ids], np.int64)

    def embed(self, features: ArrayLike) -> Features:
        """Bring the network's features `(m, D)` into the gallery's space `(m, d)`, length 1."""
        unit = normalise_rows(np.asarray(features, np.float32))
        if self.projection is not None:
            unit = self.projection.apply(unit)
        if unit.shape[1] != self.features.shape[1]:
            raise ValueError(
                f"features of width {unit.shape[1]} do not fit a gallery of width "
                f"{self.features.shape[1]}"
            )
        return unit

    def check_split(self, split_hash: str) -> None:
        """Raise SplitError unless the gallery was made from the split with this hash."""
        if split_hash != self.split_hash:
            raise SplitError(
                f"the gallery belongs to split {self.split_hash[:12]}, not to {split_hash[:12]}: "
                "train again, or use the gallery saved beside this checkpoint"
            )

    def check_training_only(self, parts: Mapping[str, str]) -> None:
        """Raise SplitError if `parts` (photo id -> part) puts a gallery photo outside training."""
        strangers = [name for name in self.photo_ids if parts.get(name) != "train"]
        if strangers:
            raise SplitError(
                f"{len(strangers)} gallery photos are not in the training part (first: "
                f"{strangers[:3]}): a gallery may hold training photos only"
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
        if self.projection is not None:
            arrays["projection"] = self.projection.matrix
            arrays["mean"] = self.projection.mean
        if self.local is not None:
            arrays |= self.local.arrays()
        names = {
            "split_hash": self.split_hash,
            "photo_ids": list(self.photo_ids),
            "filenames": list(self.filenames),
        }
        write_gallery(folder, arrays, names)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the gallery of a checkpoint folder.

        Raises:
            CheckpointError: A file is missing, damaged, of another version, or not the other's.
        """
        names, arrays = read_gallery(folder)
        try:
            return cls._assemble(names, arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"gallery in {folder} is damaged ({error}): copy the checkpoint folder again"
            ) from error

    @classmethod
    def _assemble(cls, names: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        projection = None
        if "projection" in arrays:
            projection = Projection(arrays["mean"], arrays["projection"])
        return cls(
            tuple(names["photo_ids"]),
            tuple(names["filenames"]),
            arrays["features"].astype(np.float32),
            arrays["position_m"].astype(np.float64),
            arrays["heading_deg"].astype(np.float64),
            arrays["region"].astype(np.int64),
            arrays["minute"].astype(np.float64),
            names["split_hash"],
            projection,
            LocalFeatures.of_arrays(arrays),
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
    dimensions: int | None = None,
    whiten: float = 0.0,
) -> Gallery:
    """Build the gallery of a split's training part.

    Args:
        photo_ids: Keys of the training photos.
        filenames: Their names in the label file.
        features: `(n, D)` pooled features of the unaugmented photos, any length.
        position_m: `(n, 2)` `[north_m, east_m]`.
        heading_deg: `(n,)` degrees.
        region: `(n,)` region indices.
        split_hash: Hash of the split.
        parts: The split's parts by photo id; a photo outside "train" is a SplitError.
        minute: `(n,)` minute of the day, NaN or absent where unknown.
        dimensions: Compress features to at most this many principal directions.
        whiten: See `fit_projection`.
    """
    raw = np.asarray(features, np.float32)
    unit = normalise_rows(raw)
    projection = None
    if dimensions is not None and dimensions < raw.shape[1]:
        projection = fit_projection(raw, dimensions, whiten=whiten)
        unit = projection.apply(unit)
    # Rounded to what the file holds, so that a reloaded gallery refines bit for bit the same.
    unit = unit.astype(np.float16).astype(np.float32)
    gallery = Gallery(
        tuple(photo_ids),
        tuple(filenames),
        unit,
        np.asarray(position_m, np.float64),
        wrap_heading_deg(heading_deg),
        np.asarray(region, np.int64),
        np.full(len(raw), np.nan) if minute is None else np.asarray(minute, np.float64),
        split_hash,
        projection,
    )
    gallery.check_training_only(parts)
    return gallery


def write_gallery(folder: Path, arrays: dict[str, NDArray[Any]], names: dict[str, Any]) -> None:
    """Write the arrays, then the JSON that names them by digest, each at once."""
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    write_bytes(folder / ARRAYS, content)
    digest = hashlib.sha256(content).hexdigest()
    write_json(folder / NAMES, {"schema_version": SCHEMA_VERSION, "sha256": digest, **names})


def has_gallery(folder: Path) -> bool:
    """Whether `folder` claims to hold a gallery."""
    return (folder / NAMES).exists()


def read_gallery(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read the names and the arrays; CheckpointError where a file is missing or damaged."""
    names = _read_names(folder / NAMES)
    return names, _read_arrays(folder / ARRAYS, str(names["sha256"]))


def _read_names(path: Path) -> dict[str, Any]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"no gallery at {path}: train again or copy it there") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is unreadable ({error}): copy it again") from error
    wanted = {"schema_version", "split_hash", "sha256", "photo_ids", "filenames"}
    if not isinstance(names, dict) or not wanted <= names.keys():
        raise CheckpointError(f"{path} lacks one of {sorted(wanted)}: copy it again")
    if names["schema_version"] != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} has schema version {names['schema_version']}, this program reads "
            f"{SCHEMA_VERSION}: train again or use the version that wrote it"
        )
    return names


def _read_arrays(path: Path, digest: str) -> dict[str, NDArray[Any]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}): copy it again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise CheckpointError(
            f"{path} is not the file that {NAMES} names (damaged, or of another gallery): "
            "copy the checkpoint folder again as a whole"
        )
    try:
        arrays: dict[str, NDArray[Any]] = load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}): copy it again") from error
    return arrays
