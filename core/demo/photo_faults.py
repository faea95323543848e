"""Spoiled photos, each made anew from the seed, so that planting twice is planting once."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from core.demo.names import photo_name
from core.demo.photo import photo_jpeg
from core.files import write_bytes

Spoil = Callable[[bytes], bytes]
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]


def spoil_photo(images: Path, seed: int, index: int, kind: str) -> None:
    """Replace photo `index` by a spoiled one, or take it away."""
    path = images / photo_name(index)
    if kind == "missing_photo":
        path.unlink(missing_ok=True)
    else:
        write_bytes(path, _SPOILED[kind](photo_jpeg(seed, index)))


def copy_photo(images: Path, seed: int, index: int, original: int) -> None:
    """Put the file of another photo under the name of photo `index`."""
    write_bytes(images / photo_name(index), photo_jpeg(seed, original))


def tell_place(
    images: Path, seed: int, index: int, latitude: float, longitude: float, heading_deg: float
) -> None:
    """Give a photo EXIF with its position in WGS 84 degrees and its true direction."""
    exif = Image.Exif()
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N" if latitude >= 0 else "S"
    gps[ExifTags.GPS.GPSLatitude] = _three(latitude)
    gps[ExifTags.GPS.GPSLongitudeRef] = "E" if longitude >= 0 else "W"
    gps[ExifTags.GPS.GPSLongitude] = _three(longitude)
    gps[ExifTags.GPS.GPSImgDirectionRef] = "T"
    gps[ExifTags.GPS.GPSImgDirection] = round(heading_deg % 360.0, 2)
    content = exif.tobytes()
    photo = photo_jpeg(seed, index)
    # Behind the start marker comes the segment APP1: marker, length with itself, content.
    length = (len(content) + 2).to_bytes(2, "big")
    write_bytes(images / photo_name(index), photo[:2] + b"\xff\xe1" + length + content + photo[2:])


def _three(degrees: float) -> tuple[float, float, float]:
    """Degrees, minutes and seconds, as EXIF keeps them."""
    hundredths = round(abs(degrees) * 360_000)
    whole, rest = divmod(hundredths, 360_000)
    return float(whole), float(rest // 6_000), rest % 6_000 / 100.0


def _pixels(change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    def spoil(photo: bytes) -> bytes:
        pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError("a rendered photo cannot be decoded")
        changed = change(np.asarray(pixels, np.float32)).clip(0, 255).astype(np.uint8)
        return bytes(cv2.imencode(".jpg", changed, _QUALITY)[1])

    return spoil


def _small(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(pixels, (24, 24), interpolation=cv2.INTER_AREA))


def _blurred(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 5.0))


_SPOILED: dict[str, Spoil] = {
    "unreadable_photo": lambda photo: photo[: len(photo) // 3],
    "dark_photo": _pixels(lambda pixels: pixels * 0.04),
    "overexposed_photo": _pixels(lambda pixels: 235.0 + pixels * 0.3),
    "blurred_photo": _pixels(_blurred),
    "tiny_photo": _pixels(_small),
}
