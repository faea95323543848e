"""One pass over the photos of label rows: what every check of photos needs, read once.

Photos are untrusted: they are decoded by `core.dataset.decode`, within its limits.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from core.audit.rows import LabelRows
from core.dataset.decode import Pixels, decode_display
from core.dataset.exif import PhotoExif, read_exif
from core.errors import ImageError

Progress = Callable[[int, int], None]

# What a network sees of a photo is about as large; finer blur does it no harm.
LOOKED_AT_PIXELS = 256
THUMB = 32
HASH_SIDE = 8
_TILES = 4


@dataclass(frozen=True, eq=False)
class PhotoFacts:
    """What one photo file is.

    Attributes:
        fault: Why it cannot be read; empty if it can; else the rest is blank.
        exif: Its size and what it says about itself; None if not even that can be read.
        file_hash: SHA-256 of the file.
        pixel_hash: SHA-256 of the decoded pixels.
        brightness: Mean grey, in `[0, 1]`.
        lit: Grey that 95 % of the pixels do not exceed, in `[0, 1]`.
        burnt: Share of pixels that are all but white.
        sharpness: Logarithm of the variance of the Laplacian in the sharper fifth of 16 tiles: a
            wall or a sky in the photo is no blur.
        phash: 64-bit perceptual hash.
        thumb: `(1024,)` grey thumbnail of mean 0 and length 1, float32.
    """

    fault: str = ""
    exif: PhotoExif | None = None
    file_hash: str = ""
    pixel_hash: str = ""
    brightness: float = 0.0
    lit: float = 0.0
    burnt: float = 0.0
    sharpness: float = 0.0
    phash: int = 0
    thumb: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Refuse a readable photo without a thumbnail."""
        if not self.fault and (self.thumb is None or self.thumb.shape != (THUMB * THUMB,)):
            raise ValueError("a photo that can be read needs its thumbnail")


_KNOWN: WeakKeyDictionary[LabelRows, tuple[PhotoFacts | None, ...]] = WeakKeyDictionary()


def photo_facts(rows: LabelRows, progress: Progress | None = None) -> tuple[PhotoFacts | None, ...]:
    """Facts of the photo of every row, None if there is none; read once for these rows."""
    if rows not in _KNOWN:
        _KNOWN[rows] = tuple(scan_photos(list(rows.text["path"]), progress))
    return _KNOWN[rows]


def scan_photos(paths: Sequence[str], progress: Progress | None = None) -> list[PhotoFacts | None]:
    """Read photos, several at once; an empty path gives None.

    Args:
        paths: Files.
        progress: Called with `(photos done, photos in all)`.
    """
    facts: list[PhotoFacts | None] = []
    # Pillow and OpenCV work outside the interpreter lock, so threads use every core.
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for each in pool.map(lambda path: scan_photo(Path(path)) if path else None, paths):
            facts.append(each)
            if progress:
                progress(len(facts), len(paths))
    return facts


def scan_photo(path: Path) -> PhotoFacts:
    """Read one photo."""
    exif = None
    try:
        content = path.read_bytes()
        exif = read_exif(content, name="it")
        pixels = decode_display(content, max_side=LOOKED_AT_PIXELS, name="it")
    except OSError as error:
        return PhotoFacts(f"it cannot be opened: {error.strerror}")
    except ImageError as error:
        return PhotoFacts(str(error), exif)
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    thumb = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
    return PhotoFacts(
        exif=exif,
        file_hash=hashlib.sha256(content).hexdigest(),
        pixel_hash=_pixel_hash(pixels, exif),
        brightness=float(grey.mean() / 255.0),
        lit=float(np.quantile(grey, 0.95) / 255.0),
        burnt=float((pixels.min(axis=2) >= 250).mean()),
        sharpness=_sharpness(grey),
        phash=perceptual_hash(thumb),
        thumb=_of_length_one(thumb),
    )


def perceptual_hash(thumb: NDArray[np.float32]) -> int:
    """64-bit hash of a grey thumbnail `(32, 32)`: which low frequencies exceed their median.

    Photos that look alike differ in few bits (Zauner 2010, "Implementation and benchmarking of
    perceptual image hash functions", section 3.2.1).
    """
    low = dctn(thumb)[:HASH_SIDE, :HASH_SIDE].ravel()
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes())


def _pixel_hash(pixels: Pixels, exif: PhotoExif) -> str:
    """Hash of the pixels looked at; the size tells a photo from a smaller one of itself."""
    digest = hashlib.sha256(f"{exif.width}x{exif.height}".encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()


def _sharpness(grey: NDArray[np.uint8]) -> float:
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    tiles = [
        tile.var()
        for band in np.array_split(edges, _TILES)
        for tile in np.array_split(band, _TILES, axis=1)
    ]
    return float(np.log(np.quantile(tiles, 0.8) + 1e-3))


def _of_length_one(thumb: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = thumb.ravel() - thumb.mean()
    length = float(np.linalg.norm(flat))
    return np.asarray(flat / length if length > 0.0 else flat, np.float32)
