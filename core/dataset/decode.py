"""Photos into pixels: any size and mode, EXIF orientation applied, hostile files refused by name.

A photo that cannot be read whole is an `ImageError`; it is never patched with grey, because a
network learns grey as readily as it learns a place.
"""

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import ImageError
from core.geo import Floats

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP")
# A 10 kB PNG can unfold to gigabytes; no phone photo that a campus needs is larger than this.
MAX_PIXELS = 50_000_000
MIN_SIDE = 16
# What Pillow's parsers raise on damaged or hostile files, besides its own bomb checks.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class DecodeCounter:
    """How many photos this process has decoded; proves that stores are read, not rebuilt."""

    def __init__(self) -> None:
        """Start at none."""
        self.photos = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one decoded photo; safe from any thread."""
        with self._lock:
            self.photos += 1


counters = DecodeCounter()


def decode_photo(
    source: Path | str | bytes, *, size: int, name: str | None = None
) -> tuple[Pixels, float]:
    """Decode a photo into a centred square.

    The upright photo is cropped to its middle square and resized with antialiasing: a camera
    turned on end then shows the same part of the scene, and nothing is squashed.

    Args:
        source: A path, or the bytes of an upload.
        size: Side of the square in pixels.
        name: What to call the photo in errors; its path by default.

    Returns:
        RGB pixels `(size, size, 3)`, and the share of the upright photo's width that was kept.

    Raises:
        ImageError: The photo is missing, truncated, too large, too small or of another format.
    """
    label = name or ("upload" if isinstance(source, bytes) else str(source))
    try:
        with _open(source) as opened:
            upright = _upright(opened, label, size)
            side = min(upright.size)
            left, top = (upright.width - side) / 2, (upright.height - side) / 2
            # Palettes blend into colours that are not in them: to RGB before any resampling.
            square = _rgb(upright).resize(
                (size, size),
                Image.Resampling.BICUBIC,
                box=(left, top, left + side, top + side),
                reducing_gap=3.0,
            )
            kept = side / upright.width
    except _DAMAGE as error:
        raise ImageError(f"{label} cannot be read: {_cause(error)}") from error
    counters.add()
    return np.asarray(square), float(kept)


def decode_display(
    source: Path | str | bytes, *, max_side: int = 1024, name: str | None = None
) -> Pixels:
    """Decode a photo for the eye: RGB `(h, w, 3)`, upright, whole, longer side <= `max_side`.

    Raises:
        ImageError: As `decode_photo`.
    """
    label = name or ("upload" if isinstance(source, bytes) else str(source))
    try:
        with _open(source) as opened:
            upright = _rgb(_upright(opened, label, max_side))
            upright.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
    except _DAMAGE as error:
        raise ImageError(f"{label} cannot be read: {_cause(error)}") from error
    counters.add()
    return np.asarray(upright)


@contextmanager
def open_header(
    source: Path | str | bytes, *, name: str | None = None
) -> Iterator[tuple[tuple[int, int], Image.Exif]]:
    """Open a photo for its stored `(width, height)` and its EXIF; its pixels stay packed.

    Raises:
        ImageError: The photo is missing, too large, of another format, or its EXIF is damaged, as
            far as it is read within the block.
    """
    label = name or ("upload" if isinstance(source, bytes) else str(source))
    try:
        with _open(source) as opened:
            # Before EXIF: that of a PNG may lie behind its pixels.
            _check_size(opened, label)
            yield opened.size, opened.getexif()
    except _DAMAGE as error:
        raise ImageError(f"{label} cannot be read: {_cause(error)}") from error


def square_hfov_deg(hfov_deg: ArrayLike, kept_width: ArrayLike) -> Floats:
    """Horizontal field of view in degrees of the middle `kept_width` of a photo's width."""
    half = np.deg2rad(np.asarray(hfov_deg, np.float64)) / 2.0
    return np.asarray(np.rad2deg(2.0 * np.arctan(np.asarray(kept_width) * np.tan(half))))


def _open(source: Path | str | bytes) -> Image.Image:
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return Image.open(stream, formats=FORMATS)


def _upright(image: Image.Image, label: str, size: int) -> Image.Image:
    """Load an opened photo, no larger than useful, and turn it as its EXIF says."""
    _check_size(image, label)
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{label} has {width} x {height} pixels, too few to show a place")
    # JPEG decodes straight to 1/2, 1/4 or 1/8; twice the wanted size leaves antialiasing its due.
    shrink = 2 * size / min(width, height)
    image.draft(None, (int(width * shrink) + 1, int(height * shrink) + 1))
    image.load()
    return ImageOps.exif_transpose(image)


def _check_size(image: Image.Image, label: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{label} has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million: "
            "save it smaller"
        )


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow would clip it at 255 instead of scaling.
        grey = np.asarray(image).astype(np.float64) / 257.0
        return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _cause(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return f"it is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"it unfolds to more than {MAX_PIXELS // 1_000_000} million pixels"
    return str(error) or type(error).__name__
