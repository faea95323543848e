"""Photos into pixels: any size and mode, EXIF orientation applied, hostile files refused by name.

The one module that opens photos, with the one list of the formats and suffixes that are read. A
photo that cannot be read whole is an `ImageError`; it is never patched with grey, because a network
learns grey as readily as it learns a place.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from core.errors import FAULTS, ImageError, reason
from core.files import read_regular
from core.geo import Floats

Pixels = NDArray[np.uint8]

# Pillow's names, each with the suffixes of its files; of a TIFF or a GIF the first picture is read.
_SUFFIXES_OF = {
    "JPEG": (".jpg", ".jpeg", ".jfif", ".jpe"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "HEIF": (".heic", ".heif", ".hif"),
    "AVIF": (".avif",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
}
FORMATS = tuple(_SUFFIXES_OF)
PHOTO_SUFFIXES = tuple(suffix for suffixes in _SUFFIXES_OF.values() for suffix in suffixes)
# For people: pages, help and errors.
FORMATS_TEXT = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF"
# Undeveloped photos: named where they are refused, so that none is passed over in silence.
RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2")

_PNG = b"\x89PNG\r\n\x1a\n"
_SIGNATURES = (
    b"\xff\xd8\xff", _PNG, b"II*\0", b"MM\0*", b"BM", b"GIF87a", b"GIF89a",
)  # fmt: skip
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")

# A JPEG is decoded straight to 1/2, 1/4 or 1/8, so 200-megapixel phones and large panoramas are
# read; every other format unfolds whole, and 10 kB of it can unfold to gigabytes.
MAX_JPEG_PIXELS = 2**28
MAX_PIXELS = 100_000_000
MIN_SIDE = 16
# A scan of a progressive JPEG is a pass over the whole photo: cameras and programs write some 10,
# and 355 kB of empty ones take half a minute. A PNG of 100 megapixels has some 40,000 chunks.
MOST_SCANS = 64
MOST_CHUNKS = 100_000
_SCAN = b"\xff\xda"
_CHUNKS = (b"IDAT", b"tEXt", b"zTXt", b"iTXt")
# Largest file of a photo.
MOST_PHOTO_BYTES = 1_000_000_000
# What photos that are decoded at the same moment may take together; a larger one is decoded alone.
MEMORY_BYTES = 1_000_000_000
# Pillow warns on the terminal, then refuses; the limits above are checked before any pixel is read.
Image.MAX_IMAGE_PIXELS = None
# Rows are turned into RGB in pieces of about so many pixels, so that no second whole copy is made.
_PIECE_PIXELS = 1_000_000
# TIFF tags (TIFF 6.0; DNG 1.7): what the first picture is for, its size, the version of a DNG.
_NEW_SUBFILE_TYPE, _WIDTH, _LENGTH, _DNG_VERSION = 254, 256, 257, 50706


def known_signature(head: bytes) -> bool:
    """Return whether the first 16 bytes of a file are those of a format that is read."""
    if head[4:8] == b"ftyp":
        return head[8:12] in (*_HEIF_BRANDS, *_AVIF_BRANDS)
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


class _Memory:
    """Bytes that are handed out to decoding threads, up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._changed = threading.Condition()

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, or nothing is in use, and take them for the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self.used or self.used + size <= self.limit)
            self.used += size
        try:
            yield
        finally:
            with self._changed:
                self.used -= size
                self._changed.notify_all()


_memory = _Memory(MEMORY_BYTES)


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
    label = _label(source, name)
    with _refusing(label), _read(source) as opened, _loaded(opened, label, size) as upright:
        side = min(upright.size)
        left, top = (upright.width - side) / 2, (upright.height - side) / 2
        square = upright.resize(
            (size, size),
            Image.Resampling.BICUBIC,
            box=(left, top, left + side, top + side),
            reducing_gap=3.0,
        )
        kept = side / upright.width
    counters.add()
    return np.asarray(square), float(kept)


def decode_display(
    source: Path | str | bytes, *, max_side: int = 1024, name: str | None = None
) -> Pixels:
    """Decode a photo for the eye: RGB `(h, w, 3)`, upright, whole, longer side <= `max_side`.

    Raises:
        ImageError: As `decode_photo`.
    """
    label = _label(source, name)
    with _refusing(label), _read(source) as opened, _loaded(opened, label, max_side) as upright:
        upright.thumbnail((max_side, max_side), Image.Resampling.BICUBIC)
        pixels = np.asarray(upright)
    counters.add()
    return pixels


@dataclass(frozen=True)
class Header:
    """A photo's metadata.

    Attributes:
        size: Stored `(width, height)` in pixels.
        exif: Its EXIF, parsed as far as it is read.
        xmp: Its XMP packet; empty if there is none.
    """

    size: tuple[int, int]
    exif: Image.Exif
    xmp: bytes


@contextmanager
def open_header(source: Path | str | bytes, *, name: str | None = None) -> Iterator[Header]:
    """Open a photo for its metadata; its pixels stay packed.

    Raises:
        ImageError: The photo is missing, too large, of another format, or its EXIF is damaged, as
            far as it is read within the block.
    """
    label = _label(source, name)
    with _refusing(label), _open(source) as opened:
        _check(opened, label)
        # The EXIF of a PNG may lie behind its pixels, all of which Pillow then unfolds.
        unfolded = 4 * opened.width * opened.height if opened.format == "PNG" else 0
        with _memory.held(unfolded):
            exif = opened.getexif()
        xmp = opened.info.get("xmp") or opened.info.get("XML:com.adobe.xmp") or b""
        size = opened.size
        if isinstance(opened, TiffImagePlugin.TiffImageFile):
            # Pillow gives the size of a turned TIFF as it will be once turned.
            size = (int(opened.tag_v2[_WIDTH]), int(opened.tag_v2[_LENGTH]))
        yield Header(size, exif, xmp.encode() if isinstance(xmp, str) else bytes(xmp))


def square_hfov_deg(hfov_deg: ArrayLike, kept_width: ArrayLike) -> Floats:
    """Horizontal field of view in degrees of the middle `kept_width` of a photo's width."""
    half = np.deg2rad(np.asarray(hfov_deg, np.float64)) / 2.0
    return np.asarray(np.rad2deg(2.0 * np.arctan(np.asarray(kept_width) * np.tan(half))))


def _label(source: Path | str | bytes, name: str | None) -> str:
    return name or ("upload" if isinstance(source, bytes) else str(source))


@contextmanager
def _refusing(label: str) -> Iterator[None]:
    """Turn what Pillow raises on a damaged file into an `ImageError` that names the photo."""
    try:
        yield
    except FAULTS as error:
        raise ImageError(f"{label} cannot be read: {_cause(error)}") from error


@cache
def _heif_is_read() -> bool:
    """Teach Pillow HEIC, once; False where the package is not installed."""
    try:
        from pi_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True


def _open(source: Path | str | bytes) -> Image.Image:
    heif = _heif_is_read()
    # Whoever opens a FIFO waits for ever; that there is no such file, opening it says.
    if not isinstance(source, bytes) and Path(source).exists() and not Path(source).is_file():
        raise ValueError("it is no regular file")
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return Image.open(stream, formats=[name for name in FORMATS if heif or name != "HEIF"])


def _read(source: Path | str | bytes) -> Image.Image:
    """Open a photo whose pixels will be decoded; refuse one that is made to take long."""
    content = source if isinstance(source, bytes) else read_regular(Path(source), MOST_PHOTO_BYTES)
    # Pixels of a PNG hold the names of chunks only by chance, and those of a JPEG no marker.
    if content.startswith(_PNG) and sum(map(content.count, _CHUNKS)) > MOST_CHUNKS:
        raise ValueError(f"it has more than {MOST_CHUNKS:,} chunks; save it again")
    image = _open(content)
    if image.info.get("progressive") and content.count(_SCAN) > MOST_SCANS:
        raise ValueError(f"it has more than {MOST_SCANS} progressive scans; save it again")
    return image


def _check(image: Image.Image, label: str) -> None:
    """Refuse, before any pixel is read, what is too large or no developed photo."""
    width, height = image.size
    is_jpeg = image.format in ("JPEG", "MPO")
    most = MAX_JPEG_PIXELS if is_jpeg else MAX_PIXELS
    if width * height > most:
        raise ImageError(
            f"{label} has {width} x {height} pixels; at most {most // 1_000_000} million are read "
            f"of a {'JPEG: save it smaller' if is_jpeg else f'{image.format}: save it as JPEG'}"
        )
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        if _DNG_VERSION in tags or int(tags.get(_NEW_SUBFILE_TYPE, 0)) & 1:
            raise ImageError(f"{label} is a camera raw file, not a photo: export it as JPEG")


@contextmanager
def _loaded(image: Image.Image, label: str, size: int) -> Iterator[Image.Image]:
    """Load an opened photo, no larger than useful: RGB, turned as its EXIF says.

    What it takes of the memory of all decoding threads is given back after the block.
    """
    _check(image, label)
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{label} has {width} x {height} pixels, too few to show a place")
    # A progressive JPEG keeps the coefficients of the whole photo, however small it is decoded.
    kept = 3 * width * height if image.info.get("progressive") else 0
    # Twice the wanted size leaves antialiasing its due.
    shrink = 2 * size / min(width, height)
    image.draft(None, (int(width * shrink) + 1, int(height * shrink) + 1))
    # Pillow keeps 4 bytes a pixel; once as decoded, once turned or in RGB.
    with _memory.held(kept + 8 * image.width * image.height):
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        yield image if image.mode == "RGB" and "transparency" not in image.info else _rgb(image)


def _rgb(image: Image.Image) -> Image.Image:
    """Return a loaded image in RGB, converted a few rows at a time, on white where transparent.

    Palettes blend into colours that are not in them, so this comes before any resampling.
    """
    result = Image.new("RGB", image.size)
    rows = max(1, _PIECE_PIXELS // image.width)
    for top in range(0, image.height, rows):
        piece = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(_rgb_piece(piece), (0, top))
    return result


def _rgb_piece(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # 16-bit grey; Pillow would clip it at 255 instead of scaling.
        grey = np.asarray(image).astype(np.float64) / 257.0
        return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError("its pixels are numbers of 32 bits without a known range; save it as JPEG")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _cause(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        missing = "" if _heif_is_read() else " (HEIC needs: pip install -r requirements.txt)"
        return f"it is no {FORMATS_TEXT} image{missing}"
    if isinstance(error, MemoryError):
        return "there is too little memory for it; save it smaller"
    return reason(error)
