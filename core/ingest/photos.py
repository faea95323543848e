"""The photos of a folder: which can be labelled from EXIF, why others cannot, and their copies."""

import io
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from core.dataset.decode import MIN_SIDE, PHOTO_SUFFIXES, RAW_SUFFIXES, Pixels, decode_display
from core.dataset.exif import PhotoExif, read_exif
from core.errors import ImageError, LabelError
from core.files import walk
from core.ingest.panorama import MAX_SIDE, Sphere, cut, sphere_of, view_side
from core.ingest.schema import VIDEO_SUFFIXES, IngestConfig
from core.ingest.takeout import sidecars_of, with_sidecar

Progress = Callable[[int, int], None]

NO_POSITION = "it has no GPS position"
NO_DIRECTION = "it has no GPS direction"
UNSAID = (
    "its direction does not say whether it counts from true or from magnetic north: say it with "
    "--direction-reference"
)
MAGNETIC = "its direction is magnetic: give the declination of the place (--declination DEG)"
TWO_MIDDLES = "its panorama is cropped, so that its heading may mean one of two columns"
NOTHING = "it has neither a position, nor a direction, nor a folder as its region"
_SUFFIXES = ", ".join(suffix[1:] for suffix in PHOTO_SUFFIXES)


@dataclass(frozen=True)
class Source:
    """One photo with a label at least.

    Attributes:
        path: The original.
        relative: Its path below the folder, with `/`.
        exif: Its EXIF.
        heading_deg: Degrees clockwise from true north, in `[0, 360)`, or None.
        sphere: What a panorama that is to be cut shows; None for other photos.
        lacks: Why it has no position, or no heading, by the label.
    """

    path: Path
    relative: str
    exif: PhotoExif
    heading_deg: float | None
    sphere: Sphere | None
    lacks: Mapping[str, str]

    @property
    def position_deg(self) -> tuple[float, float] | None:
        """WGS 84 latitude and longitude, or None."""
        if self.exif.latitude is None or self.exif.longitude is None:
            return None
        return self.exif.latitude, self.exif.longitude


@dataclass(frozen=True)
class LeftOut:
    """One file that does not become a labelled photo, and why."""

    relative: str
    reason: str


def gather(
    config: IngestConfig, progress: Progress | None = None
) -> tuple[list[Source], list[LeftOut]]:
    """Read the EXIF of every file below the folder of photos, in the order of their names.

    Args:
        config: Names the folder, and says what directions mean and which labels there are; files
            and folders whose name begins with a point are passed over.
        progress: Called with `(files done, files in all)`.
    """
    folder = config.photos
    sources: list[Source] = []
    left_out: list[LeftOut] = []

    def refused(closed: Path, error: OSError) -> None:
        why = f"this folder cannot be read: {error.strerror}"
        left_out.append(LeftOut(closed.relative_to(folder).as_posix(), why))

    paths = [here / name for here, names in walk(folder, refused=refused) for name in names]
    sidecars = sidecars_of(paths)
    paths = [path for path in paths if path not in sidecars]
    paths.sort(key=lambda path: path.relative_to(folder).as_posix())
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        read = pool.map(lambda path: _judge(path, config), paths)
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
    return dict(Counter(kind(each.reason) for each in left_out).most_common())


def kind(reason: str) -> str:
    """A reason without what differs from photo to photo."""
    return reason.partition(": ")[0]


def _judge(path: Path, config: IngestConfig) -> Source | LeftOut:
    relative = path.relative_to(config.photos).as_posix()
    writable = relative.encode(errors="replace").decode()
    if writable != relative:
        return LeftOut(writable, "its name is no UTF-8: rename it")
    if path.suffix.lower() in RAW_SUFFIXES:
        return LeftOut(relative, "it is camera raw: export it as JPEG with its location")
    if path.suffix.lower() == ".json":
        return LeftOut(relative, "it is JSON, but no photo of its name is beside it")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return LeftOut(relative, "it is a video: ingest it by itself, with --track")
    if path.suffix.lower() not in PHOTO_SUFFIXES:
        return LeftOut(relative, f"it is none of {_SUFFIXES}")
    try:
        exif = with_sidecar(read_exif(path, name="it"), path)
    except (ImageError, LabelError) as error:
        return LeftOut(relative, str(error))
    if exif.position_fault:
        return LeftOut(relative, exif.position_fault)
    sphere = sphere_of(exif, config.panorama_shape) if config.cuts_panoramas else None
    if isinstance(sphere, str):
        return LeftOut(relative, sphere)
    heading_deg, no_heading = _heading(exif, sphere, config)
    lacks = {} if exif.has_position else {"position": NO_POSITION}
    if heading_deg is None:
        lacks["heading"] = no_heading
        if not exif.has_position and not config.region_from_folders:
            return LeftOut(relative, NOTHING)
    return Source(path, relative, exif, heading_deg, sphere, lacks)


def _heading(
    exif: PhotoExif, sphere: Sphere | None, config: IngestConfig
) -> tuple[float | None, str]:
    """Degrees from true north of the middle of the photo; or why that is unknown."""
    if sphere is not None and not sphere.has_one_middle:
        return None, TWO_MIDDLES
    if sphere is not None and exif.pano is not None and exif.pano.heading_deg is not None:
        return exif.pano.heading_deg, ""
    if exif.direction_deg is None:
        return None, exif.direction_fault or NO_DIRECTION
    if not exif.reference:
        exif = replace(exif, reference=config.direction_reference or "")
    heading_deg = exif.true_direction_deg(config.declination)
    return heading_deg, "" if heading_deg is not None else MAGNETIC if exif.reference else UNSAID


QUALITY = 92
# Windows takes a file of such a name for a device, whatever its extension.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}


@dataclass(frozen=True)
class Copy:
    """A photo of the dataset: a whole original, or a view of a panorama.

    Attributes:
        source: The original.
        name: File name of the copy.
        heading_deg: Degrees clockwise from true north, or None.
        hfov_deg: Field of view across it in degrees, or None.
    """

    source: Source
    name: str
    heading_deg: float | None
    hfov_deg: float | None


def copy_photos(
    sources: Sequence[Source],
    folder: Path,
    config: IngestConfig,
    progress: Progress | None = None,
) -> tuple[list[Copy], list[LeftOut]]:
    """Write every photo as an upright JPEG without EXIF, maker notes, thumbnail, XMP or comment.

    The pixels are encoded anew from decoded ones, so no other content of the original remains. A
    colour profile is dropped too, as training ignores it. A panorama becomes its views.

    Args:
        sources: The photos.
        folder: Where to write them.
        config: Longest side of the copies; number and field of view of the views of panoramas.
        progress: Called with `(photos done, photos in all)`.

    Returns:
        The copies in the order of the photos, and the photos that cannot be read.
    """
    names = copy_names([source.relative for source in sources])
    copies: list[Copy] = []
    left_out: list[LeftOut] = []
    # Pillow decodes and encodes outside the interpreter lock, so threads use every core; few, as a
    # photo of 50 million pixels takes half a gigabyte while it is turned.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        done = pool.map(
            lambda source: _copies(source, folder / names[source.relative], config), sources
        )
        for number, (source, made) in enumerate(zip(sources, done, strict=True), start=1):
            if isinstance(made, str):
                left_out.append(LeftOut(source.relative, made))
            else:
                copies += made
            if progress:
                progress(number, len(sources))
    return copies, left_out


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


def _copies(source: Source, path: Path, config: IngestConfig) -> list[Copy] | str:
    """Write the copy of one photo, or its views; return why that is impossible as a text."""
    if source.sphere is not None:
        return _views(source, source.sphere, path, config)
    longest = max(source.exif.width, source.exif.height)
    try:
        pixels = decode_display(
            source.path, max_side=min(config.size or longest, longest), name="it"
        )
    except ImageError as error:
        return str(error)
    _write(pixels, path)
    return [Copy(source, path.name, source.heading_deg, source.exif.hfov_deg)]


def _views(source: Source, sphere: Sphere, path: Path, config: IngestConfig) -> list[Copy] | str:
    whole = view_side(source.exif.width, sphere, config.view_hfov)
    longest = max(source.exif.width, source.exif.height)
    # Views are as large as asked; a larger panorama is decoded small, which also smooths it.
    small = min(1.0, (config.size or whole) / max(whole, 1), MAX_SIDE / longest)
    try:
        pixels = decode_display(source.path, max_side=max(round(longest * small), 1), name="it")
    except ImageError as error:
        return str(error)
    side = view_side(pixels.shape[1], sphere, config.view_hfov)
    if side < MIN_SIDE:
        return f"its views would be {side} pixels wide: too few to show a place"
    bearings = np.arange(config.views) * 360.0 / config.views
    views = cut(pixels, sphere, bearings, config.view_hfov, side)
    if not views:
        return f"its panorama is too narrow for views of {config.view_hfov:g} degrees"
    copies = []
    for bearing, view in views.items():
        name = f"{path.stem}~{bearing:05.1f}.jpg"  # no original is called so: see copy_names
        _write(view, path.with_name(name))
        north = source.heading_deg
        heading = None if north is None else (north + bearing) % 360.0
        copies.append(Copy(source, name, heading, config.view_hfov))
    return copies


def _write(pixels: Pixels, path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY)
    path.write_bytes(stream.getvalue())
