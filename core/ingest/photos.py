"""The photos of a folder: which can be labelled from EXIF, why others cannot, and their copies."""

import io
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image

from core.dataset.decode import PHOTO_SUFFIXES, RAW_SUFFIXES, decode_display
from core.dataset.exif import PhotoExif, Reference, read_exif
from core.errors import ImageError, LabelError
from core.files import walk
from core.ingest.takeout import with_sidecar

Progress = Callable[[int, int], None]

NO_POSITION = "it has no GPS position"
NO_FIX = "its GPS had no valid fix when it was taken (GPSStatus V)"
NO_DIRECTION = "it has no GPS direction"
UNSAID = (
    "its direction does not say whether it counts from true or from magnetic north: say it with "
    "--direction-reference"
)
MAGNETIC = "its direction is magnetic: give the declination of the place (--declination DEG)"
_SUFFIXES = ", ".join(suffix[1:] for suffix in PHOTO_SUFFIXES)


@dataclass(frozen=True)
class Source:
    """One photo with a position and a direction in its EXIF.

    Attributes:
        path: The original.
        relative: Its path below the folder, with `/`.
        exif: Its EXIF.
        heading_deg: Degrees clockwise from true north, in `[0, 360)`.
    """

    path: Path
    relative: str
    exif: PhotoExif
    heading_deg: float

    def __post_init__(self) -> None:
        """Refuse a photo without a position."""
        if not self.exif.has_position:
            raise ValueError(f"{self.relative} has no position")

    @property
    def position_deg(self) -> tuple[float, float]:
        """WGS 84 latitude and longitude."""
        assert self.exif.latitude is not None
        assert self.exif.longitude is not None
        return self.exif.latitude, self.exif.longitude


@dataclass(frozen=True)
class LeftOut:
    """One file that does not become a labelled photo, and why."""

    relative: str
    reason: str


def gather(
    folder: Path,
    declination_deg: float | None,
    progress: Progress | None = None,
    unsaid: Reference = "",
) -> tuple[list[Source], list[LeftOut]]:
    """Read the EXIF of every file below a folder, in the order of their names.

    Args:
        folder: The folder; files and folders whose name begins with a point are passed over.
        declination_deg: What turns magnetic directions into true ones; None where unknown.
        progress: Called with `(files done, files in all)`.
        unsaid: What directions count from in photos that do not say it; empty where unknown.
    """
    sources: list[Source] = []
    left_out: list[LeftOut] = []

    def refused(closed: Path, error: OSError) -> None:
        why = f"this folder cannot be read: {error.strerror}"
        left_out.append(LeftOut(closed.relative_to(folder).as_posix(), why))

    paths = [here / name for here, names in walk(folder, refused=refused) for name in names]
    paths.sort(key=lambda path: path.relative_to(folder).as_posix())
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        read = pool.map(lambda path: _judge(folder, path, declination_deg, unsaid), paths)
        for done, found in enumerate(read, start=1):
            if isinstance(found, Source):
                sources.append(found)
            else:
                left_out.append(found)
            if progress:
                progress(done, len(paths))
    return sources, left_out


def reasons(left_out: Sequence[LeftOut]) -> dict[str, int]:
    """How many files were left out for which reason, the most frequent first."""
    counts: dict[str, int] = {}
    for each in left_out:
        kind = each.reason.partition(": ")[0]
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _judge(
    folder: Path, path: Path, declination_deg: float | None, unsaid: Reference
) -> Source | LeftOut:
    relative = path.relative_to(folder).as_posix()
    writable = relative.encode(errors="replace").decode()
    if writable != relative:
        return LeftOut(writable, "its name is no UTF-8: rename it")
    if path.suffix.lower() in RAW_SUFFIXES:
        return LeftOut(relative, "it is camera raw: export it as JPEG with its location")
    if path.suffix.lower() == ".json":
        return LeftOut(
            relative, "it is JSON: Google Takeout's are read with the photo of their name"
        )
    if path.suffix.lower() not in PHOTO_SUFFIXES:
        return LeftOut(relative, f"it is none of {_SUFFIXES}")
    try:
        exif = with_sidecar(read_exif(path, name="it"), path)
    except ImageError as error:
        return LeftOut(relative, str(error))
    except LabelError as error:
        return LeftOut(relative, str(error))
    if not exif.has_position:
        return LeftOut(relative, NO_FIX if exif.is_void else NO_POSITION)
    if exif.direction_deg is None:
        return LeftOut(relative, NO_DIRECTION)
    if not exif.reference:
        exif = replace(exif, reference=unsaid)
    heading_deg = exif.true_direction_deg(declination_deg)
    if heading_deg is None:
        return LeftOut(relative, MAGNETIC if exif.reference else UNSAID)
    return Source(path, relative, exif, heading_deg)


QUALITY = 92
# Windows takes a file of such a name for a device, whatever its extension.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}


def copy_photos(
    sources: Sequence[Source], folder: Path, size: int | None, progress: Progress | None = None
) -> tuple[dict[str, str], list[LeftOut]]:
    """Write every photo as an upright JPEG without EXIF, maker notes, thumbnail, XMP or comment.

    The pixels are encoded anew from decoded ones, so no other content of the original remains. A
    colour profile is dropped too, as training ignores it.

    Args:
        sources: The photos.
        folder: Where to write them.
        size: Longest side in pixels; None keeps that of the original.
        progress: Called with `(photos done, photos in all)`.

    Returns:
        File name of the copy by the relative path of its original, and those that cannot be read.
    """
    names = copy_names([source.relative for source in sources])
    copied: dict[str, str] = {}
    left_out: list[LeftOut] = []
    # Pillow decodes and encodes outside the interpreter lock, so threads use every core; few, as a
    # photo of 50 million pixels takes half a gigabyte while it is turned.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        done = pool.map(
            lambda source: _copy(source, folder / names[source.relative], size), sources
        )
        for number, (source, reason) in enumerate(zip(sources, done, strict=True), start=1):
            if reason:
                left_out.append(LeftOut(source.relative, reason))
            else:
                copied[source.relative] = names[source.relative]
            if progress:
                progress(number, len(sources))
    return copied, left_out


def copy_names(relative: Sequence[str]) -> dict[str, str]:
    """Name the copies, all in one folder: `gate/IMG_1.HEIC.jpeg` becomes `gate_IMG_1.HEIC.jpg`.

    The names are valid on Windows too. Two that differ by case only, or not at all, get different
    numbers.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in relative:
        parts = PurePosixPath(path).with_suffix("").parts
        # Label files read a backslash as a folder's mark, and other systems refuse some letters.
        plain = re.sub(r"[^\w.()@+ -]", "-", "_".join(parts)).strip()
        if plain.partition(".")[0].strip().lower() in _DEVICES:
            plain = f"_{plain}"
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        names[path] = f"{name}.jpg"
    return names


def _copy(source: Source, path: Path, size: int | None) -> str:
    """Write one copy; return why that is impossible, or `""`."""
    longest = max(source.exif.width, source.exif.height)
    try:
        pixels = decode_display(source.path, max_side=min(size or longest, longest), name="it")
    except ImageError as error:
        return str(error)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY)
    path.write_bytes(stream.getvalue())
    return ""
