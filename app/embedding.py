"""Photos in two dimensions by their descriptors; shared by sessions and kept between starts.

The principal plane takes a moment. Neighbourhoods (t-SNE) take minutes for tens of thousands of
photos: a thread arranges them, and the result is kept in `layouts/` of the workspace, so that a
link to a selected area shows the same photos after a restart.
"""

import hashlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from app import cache
from app.workspace import workspace
from core.deletion.layouts import gallery_key, layout_name
from core.errors import storage_text
from core.evaluation.descriptors import FILE, read_descriptors
from core.files import write_bytes
from core.geo import Floats
from core.retrieval.embedding import neighbour_plane, principal_plane
from core.retrieval.gallery import Gallery
from core.retrieval.projection import Features

Plane = Literal["pca", "tsne"]
PLANES: tuple[Plane, ...] = get_args(Plane)
THREAD = "arrangement"
MOST_KEPT = 40
"""Arrangements that a workspace keeps."""
# A guess from 11 s of one core for 2,000 photos of 128 dimensions; it grows a little faster.
_SECONDS_PER_THOUSAND = 4.0


@dataclass(frozen=True, eq=False)
class Described:
    """Photos with descriptors: the training photos, then those of a report.

    Attributes:
        gallery: Rows `(n,)` of the gallery. Training photos that are in the report are not here.
        namesakes: How many training photos are left out because another photo of the report has
            their name.
        evaluated: Rows `(m,)` of `predictions.csv`; none if the report has no descriptors.
        features: `(n + m, d)` of length 1.
        key: Of the gallery, then of all descriptors and their order.
    """

    gallery: NDArray[np.int64]
    namesakes: int
    evaluated: NDArray[np.int64]
    features: Features
    key: str

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.features)

    @property
    def training(self) -> Features:
        """Descriptors of the training photos."""
        return self.features[: len(self.gallery)]

    @property
    def others(self) -> Features:
        """Descriptors of the report's photos."""
        return self.features[len(self.gallery) :]


@dataclass
class Arrangement:
    """A plane that a thread computes.

    Attributes:
        place: `(n, 2)` once it is done.
        begun: When it began, on the clock of `time.monotonic`; None before.
        fault: Why it could not be done.
    """

    place: Floats | None = None
    begun: float | None = None
    fault: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return 0.0 if self.begun is None else time.monotonic() - self.begun


def described(checkpoint: Path, report: Path | None) -> Described | None:
    """The photos of a model and one of its reports; None if the model has no gallery.

    Raises:
        CheckpointError: The gallery, the table or the descriptors are damaged.
    """
    gallery = cache.gallery(checkpoint)
    if gallery is None:
        return None
    files = [] if report is None else [report / "predictions.csv", report / FILE]
    key = gallery_key(cache.gallery_folder(checkpoint))
    return _described(gallery, report, key, (gallery.digest, cache.stamp(*files)))


def principal(photos: Described) -> Floats:
    """Places `(n, 2)` on the principal plane of the gallery."""
    return _principal(photos, photos.key)


def neighbourhoods(photos: Described) -> Arrangement:
    """The plane on which similar photos lie together; a thread begins it if nobody has."""
    made = _arrangement(photos.key)
    with made.lock:
        if made.begun is None:
            made.begun = time.monotonic()
            made.place = _kept(photos)
            if made.place is None:
                # The folder is read here: a thread has no session that names a workspace.
                folder = workspace().layouts
                threading.Thread(
                    target=_arrange, args=(made, photos, folder), name=THREAD, daemon=True
                ).start()
    return made


def known(photos: Described, plane: Plane) -> Floats | None:
    """Places `(n, 2)` on a plane; None if they take long and are not computed yet."""
    if plane == "pca":
        return principal(photos)
    held = _arrangement(photos.key).place
    return _kept(photos) if held is None else held


def places_on(photos: Described, planes: Iterable[Plane]) -> dict[Plane, Floats]:
    """Places `(n, 2)` of the photos on planes, as far as these are known."""
    found = {plane: known(photos, plane) for plane in planes}
    return {plane: place for plane, place in found.items() if place is not None}


def expected_s(count: int) -> float:
    """Roughly how many seconds the neighbourhoods of so many photos take on two cores."""
    return float(_SECONDS_PER_THOUSAND * (count / 1000.0) ** 1.1)


@st.cache_resource(max_entries=4, show_spinner=False)
def _described(
    _gallery: Gallery, report: Path | None, prefix: str, key: tuple[str, cache.Stamp]
) -> Described:
    rows = np.arange(len(_gallery))
    if report is None:
        return _joined(_gallery, prefix, rows, 0, np.zeros(0, np.int64), _gallery.features[:0])
    table = cache.predictions(report)
    ids = tuple(table["photo_id"])
    found = read_descriptors(report, ids, _gallery)
    if found is None:
        return _joined(_gallery, prefix, rows, 0, np.zeros(0, np.int64), _gallery.features[:0])
    shared = _gallery.rows_of(ids, len(ids))
    seen = np.zeros(len(ids), bool)
    if "seen_in_training" in table:
        seen = table["seen_in_training"].to_numpy(bool)
    kept = np.setdiff1d(rows, shared)
    namesakes = int(((shared >= 0) & ~seen).sum())
    return _joined(_gallery, prefix, kept, namesakes, np.arange(len(ids)), found)


def _joined(
    gallery: Gallery, prefix: str, kept: NDArray[np.int64], namesakes: int,
    evaluated: NDArray[np.int64], others: Features,
) -> Described:  # fmt: skip
    features = np.concatenate([gallery.features[kept], others])
    key = hashlib.sha256(features.astype(np.float16).tobytes()).hexdigest()[:32]
    return Described(kept, namesakes, evaluated, features, f"{prefix}-{len(kept)}-{key}")


@st.cache_resource(max_entries=4, show_spinner=False)
def _principal(_photos: Described, key: str) -> Floats:
    return principal_plane(_photos.training, _photos.others)


@st.cache_resource(max_entries=8, show_spinner=False)
def _arrangement(key: str) -> Arrangement:
    return Arrangement()


def _arrange(made: Arrangement, photos: Described, folder: Path) -> None:
    """Compute a plane, and keep it in a folder; runs in a thread of its own."""
    try:
        place = neighbour_plane(photos.training, photos.others).astype(np.float32)
    except (MemoryError, ValueError) as error:
        made.fault = f"The photos could not be arranged: {error}"
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / _name(photos), save({"place": place}))
        files = sorted(folder.glob(layout_name("*")), key=lambda file: file.stat().st_mtime_ns)
        for file in files[:-MOST_KEPT]:
            file.unlink(missing_ok=True)
    except OSError as error:
        # It is shown all the same, and computed again after the next start.
        made.fault = storage_text(error) or str(error)
    made.place = place.astype(np.float64)


def _kept(photos: Described) -> Floats | None:
    """A plane that was kept; a damaged file counts as none and is written again."""
    file = workspace().layouts / _name(photos)
    try:
        place = load(file.read_bytes())["place"].astype(np.float64)
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    return place if place.shape == (len(photos), 2) and np.isfinite(place).all() else None


def _name(photos: Described) -> str:
    return layout_name(photos.key)
