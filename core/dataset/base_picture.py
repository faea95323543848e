"""A picture below the maps: an aerial photo, a plan or a GeoTIFF, placed by its four corners.

`[map]` of campus.toml names a picture beside the labels, and its corners; or the picture has a
world file, or is a GeoTIFF. Without `[map]`, `campus.tif` is read. It is content from elsewhere, so
its size in bytes and in pixels is bounded.
"""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from core.dataset.campus import MapSettings, read_map_settings
from core.dataset.layout import CAMPUS_FILE
from core.errors import LabelError
from core.geo import CoordinateFrame, Floats, LocalFrame

USUAL = "campus.tif"
MOST_BYTES = 256 * 2**20
MOST_PIXELS = 64_000_000
DRAWN_SIDE_PX = 1600
"""Longer side that a map draws: every page with a map sends it to the browser."""
_QUALITY = 78
_LARGEST_M = 20_000.0
_SMALLEST_M = 1.0
_WORLD_FILES = {".png": ".pgw", ".jpg": ".jgw", ".jpeg": ".jgw", ".tif": ".tfw", ".tiff": ".tfw"}
# GeoTIFF (OGC 19-008r4): tags, and keys of the directory.
_SCALE, _TIEPOINT, _TRANSFORM, _KEYS = 33550, 33922, 34264, 34735
_MODEL_TYPE, _RASTER_TYPE, _GEOGRAPHIC, _PROJECTED = 1024, 1025, 2048, 3072
_POINT, _USER_DEFINED = 2, 32767
_ORDER = "top left, top right, bottom right, bottom left"
_IN_WGS84 = "save it in WGS 84 (gdalwarp -t_srs EPSG:4326 in.tif out.tif)"


@dataclass(frozen=True, eq=False)
class BasePicture:
    """A picture that maps draw below all else.

    Attributes:
        content: The picture as WebP, at most `DRAWN_SIDE_PX` on its longer side.
        corners: `(4, 2)` of top left, top right, bottom right and bottom left: degrees
            `[latitude, longitude]`, or `[north_m, east_m]` as labels where `planar`.
        planar: Whether the labels are metres without degrees.
        attribution: Whom the map names as its source.
    """

    content: bytes
    corners: Floats
    planar: bool
    attribution: str = ""

    def corners_m(self, frame: LocalFrame) -> Floats | None:
        """Its corners `(4, 2)` in local metres; None where the map has other coordinates."""
        if self.planar == frame.frame.has_degrees:
            return None
        return frame.to_metres(self.corners) if self.planar else frame.from_degrees(self.corners)


def picture_files(root: Path) -> list[Path]:
    """The files that the picture of a data set depends on, for caches.

    Raises:
        LabelError: campus.toml is damaged.
    """
    path = _picture_path(root, read_map_settings(root))
    return [root / CAMPUS_FILE, *([path, _world_file(path)] if path is not None else [])]


def read_base_picture(root: Path) -> BasePicture | None:
    """Read the picture of a data set; None if it has none.

    Raises:
        LabelError: The picture or its place is missing, damaged, too large or not plausible.
    """
    settings = read_map_settings(root)
    path = _picture_path(root, settings)
    if path is None:
        return None
    if not path.is_file():
        raise LabelError(f"{root / CAMPUS_FILE}: [map] names {path.name}, which is not there")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise LabelError(
            f"{path} has {size / 2**20:,.0f} MB: save a smaller one (at most "
            f"{MOST_BYTES // 2**20} MB)"
        )
    planar = settings.frame == "planar_metres"
    picture, size_px, tags = _read(path)
    corners = _placed(root, path, settings, size_px, tags, planar=planar)
    _check_corners(path, corners, planar=planar)
    with io.BytesIO() as out:
        picture.save(out, "WEBP", quality=_QUALITY)
        return BasePicture(out.getvalue(), corners, planar, " ".join(settings.attribution.split()))


def _picture_path(root: Path, settings: MapSettings) -> Path | None:
    if not settings.picture:
        usual = root / USUAL
        return usual if usual.is_file() else None
    name = PurePosixPath(settings.picture.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        raise LabelError(
            f"{root / CAMPUS_FILE}: [map] picture must be a file beside the labels, and not "
            f"{settings.picture!r}"
        )
    return root / name


def _world_file(path: Path) -> Path:
    return path.with_suffix(_WORLD_FILES.get(path.suffix.lower(), ".wld"))


def _read(path: Path) -> tuple[Image.Image, tuple[int, int], Mapping[int, Any]]:
    """The picture as it is drawn, its size before, and the tags of a TIFF."""
    try:
        with warnings.catch_warnings():
            # The bound below is smaller than the one that Pillow warns of; GeoTIFF has tags that
            # Pillow does not know.
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise LabelError(
                        f"{path} has {width:,} x {height:,} pixels: save a smaller one (at most "
                        f"{MOST_PIXELS // 1_000_000} million pixels; maps draw "
                        f"{DRAWN_SIDE_PX:,} on the longer side)"
                    )
                if opened.mode.startswith(("I", "F")):
                    raise UnidentifiedImageError(opened.mode)
                tags = dict(opened.tag_v2) if isinstance(
                    opened, TiffImagePlugin.TiffImageFile) else {}  # fmt: skip
                # A JPEG is decoded at about the size that is drawn.
                opened.draft("RGB", (DRAWN_SIDE_PX, DRAWN_SIDE_PX))
                alpha = opened.mode in ("RGBA", "LA", "PA") or "transparency" in opened.info
                drawn = opened.convert("RGBA" if alpha else "RGB")
    except UnidentifiedImageError as error:
        raise LabelError(
            f"{path} is no picture that can be read: save it as PNG, JPEG, or TIFF with 8 bits "
            "for each of red, green and blue"
        ) from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise LabelError(f"{path} is damaged ({error}): save it again") from error
    drawn.thumbnail((DRAWN_SIDE_PX, DRAWN_SIDE_PX), Image.Resampling.LANCZOS)
    return drawn, (width, height), tags


def _placed(
    root: Path,
    path: Path,
    settings: MapSettings,
    size_px: tuple[int, int],
    tags: Mapping[int, Any],
    *,
    planar: bool,
) -> Floats:
    """Corners `(4, 2)` from campus.toml, else the world file, else the tags of a GeoTIFF."""
    if settings.corners:
        corners = np.asarray(settings.corners, np.float64)
        return _projected(path, corners[:, ::-1], settings.crs, planar) if settings.crs else corners
    world = _world_file(path)
    if world.is_file():
        x_y = _of_world_file(world, size_px)
        if planar or not settings.crs:
            return x_y[:, ::-1]
        return _projected(path, x_y, settings.crs, planar)
    if _KEYS in tags:
        x_y, crs = _of_geotiff(path, size_px, tags)
        return _projected(path, x_y, settings.crs or crs, planar)
    raise LabelError(
        f"{path}: it is unknown where it lies. Write its corners under [map] in "
        f"{root / CAMPUS_FILE}: corners = [[latitude, longitude], ...] of {_ORDER}; or put "
        f"{world.name} beside it"
    )


def _of_world_file(path: Path, size_px: tuple[int, int]) -> Floats:
    """Corners `(4, 2)` `[x, y]`; the six numbers are of the middle of the top left pixel."""
    try:
        a, d, b, e, c, f = (float(word) for word in path.read_text("ascii", "replace").split())
    except ValueError as error:
        raise LabelError(f"{path} is no world file of six numbers: export it again") from error
    matrix = np.array([[a, b], [d, e]])
    first = np.array([c, f]) - matrix @ np.array([0.5, 0.5])
    return np.asarray(_pixels(size_px) @ matrix.T + first)


def _pixels(size_px: tuple[int, int]) -> Floats:
    width, height = size_px
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def _of_geotiff(
    path: Path, size_px: tuple[int, int], tags: Mapping[int, Any]
) -> tuple[Floats, str]:
    """Corners `(4, 2)` `[x, y]`, and their coordinate system as an EPSG code."""
    keys = np.asarray(tags[_KEYS], np.int64).ravel()
    values = {int(k): int(v) for k, where, _, v in keys[4:].reshape(-1, 4) if not where}
    code = values.get(_PROJECTED, values.get(_GEOGRAPHIC, 0))
    if not 0 < code < _USER_DEFINED:
        raise LabelError(f"{path} names no EPSG code of its coordinates: {_IN_WGS84}")
    pixels = _pixels(size_px)
    if values.get(_RASTER_TYPE) == _POINT:
        # The coordinates are of the middles of pixels.
        pixels = pixels - 0.5
    try:
        if _TRANSFORM in tags:
            matrix = np.asarray(tags[_TRANSFORM], np.float64).reshape(4, 4)
            x_y = pixels @ matrix[:2, :2].T + matrix[:2, 3]
        else:
            column, row, _, x, y, _ = np.asarray(tags[_TIEPOINT], np.float64)[:6]
            across, down = np.asarray(tags[_SCALE], np.float64)[:2]
            x_y = (pixels - [column, row]) * [across, -down] + [x, y]
    except (KeyError, ValueError) as error:
        raise LabelError(f"{path} does not say where it lies: {_IN_WGS84}") from error
    return x_y, f"EPSG:{code}"


def _projected(path: Path, x_y: Floats, crs: str, planar: bool) -> Floats:
    """Corners `(4, 2)` `[x, y]` of a coordinate system as degrees `[latitude, longitude]`."""
    from pyproj import Transformer  # Slow to import, and few data sets need it.
    from pyproj.exceptions import ProjError

    if planar:
        raise LabelError(
            f"{path} lies on Earth, and the labels are metres without degrees: write its corners "
            f"in metres [north, east] under [map] in {CAMPUS_FILE}"
        )
    try:
        to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        longitude, latitude = to_degrees.transform(x_y[:, 0], x_y[:, 1])
    except ProjError as error:
        raise LabelError(f"{path}: {crs!r} is no known coordinate system: {_IN_WGS84}") from error
    return np.column_stack([latitude, longitude])


def _check_corners(path: Path, corners: Floats, *, planar: bool) -> None:
    """Refuse corners that are no place, cross, mirror the picture, or are of no campus's size."""
    if not np.isfinite(corners).all():
        raise LabelError(f"{path}: its corners are no place: correct them, or {_IN_WGS84}")
    metres = corners
    if not planar:
        if (np.abs(corners) > [90.0, 360.0]).any():
            raise LabelError(
                f"{path}: its corners are no degrees ({corners[0, 0]:g}, {corners[0, 1]:g}): write "
                f'[latitude, longitude], or crs = "EPSG:..." under [map] in {CAMPUS_FILE}'
            )
        middle = corners.mean(axis=0)
        frame = LocalFrame(CoordinateFrame("degrees"), (float(middle[0]), float(middle[1])))
        metres = frame.from_degrees(corners)
    sides = np.roll(metres, -1, axis=0) - metres
    lengths = np.hypot(*sides.T)
    if lengths.max() > _LARGEST_M or lengths.min() < _SMALLEST_M:
        raise LabelError(
            f"{path} is {lengths.min():,.1f} m to {lengths.max():,.1f} m at its sides on the "
            f"ground: sides of {_SMALLEST_M:.0f} m to {_LARGEST_M / 1000:.0f} km can be drawn; "
            "correct its corners"
        )
    following = np.roll(sides, -1, axis=0)
    # Positive for a turn to the left as north is up: north is the first coordinate.
    turns = sides[:, 1] * following[:, 0] - sides[:, 0] * following[:, 1]
    if (turns < 0).all():
        return
    if (turns > 0).all():
        raise LabelError(
            f"{path}: its corners would mirror the picture: write them in the order {_ORDER}, each "
            + ("[north, east]" if planar else "[latitude, longitude]")
        )
    raise LabelError(f"{path}: the lines between its corners cross: write them in the order "
                     f"{_ORDER}")  # fmt: skip
