"""The gallery: features, positions and headings of the training photos, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from core.errors import CheckpointError, SplitError
from core.geo import Floats
from core.refine.gallery_files import read_gallery, write_gallery
from core.refine.local_features import LocalFeatures
from core.refine.projection import Features, Projection, normalise_rows


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
