"""JPEG files as phones write them: EXIF with GPS, maker notes, a thumbnail and XMP."""

import io

import numpy as np
from PIL import ExifTags, Image

MAKER = b"MAKERNOTE-secret"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>XMP-secret</x:xmpmeta>"


def phone_photo(
    *,
    size: tuple[int, int] = (96, 72),
    latitude: float | None = 17.445,
    longitude: float | None = 78.349,
    direction: object = 90.0,
    reference: str | None = "T",
    accuracy: float | None = 5.0,
    focal35: int | None = 26,
    orientation: int = 1,
    taken: str | None = "2024:03:05 15:03:20",
    seed: int = 0,
    pixels: np.ndarray | None = None,
    xmp: bytes | None = XMP,
) -> bytes:
    """Encode one photo; what is None is left out."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Phone-secret"
    exif[ExifTags.Base.Orientation] = orientation
    lens = exif.get_ifd(ExifTags.IFD.Exif)
    lens[ExifTags.Base.MakerNote] = MAKER
    if focal35 is not None:
        lens[ExifTags.Base.FocalLengthIn35mmFilm] = focal35
    if taken is not None:
        lens[ExifTags.Base.DateTimeOriginal] = taken
    gps, tags = exif.get_ifd(ExifTags.IFD.GPSInfo), ExifTags.GPS
    if latitude is not None and longitude is not None:
        gps[tags.GPSLatitudeRef] = "S" if latitude < 0 else "N"
        gps[tags.GPSLatitude] = sexagesimal(abs(latitude))
        gps[tags.GPSLongitudeRef] = "W" if longitude < 0 else "E"
        gps[tags.GPSLongitude] = sexagesimal(abs(longitude))
    if direction is not None:
        gps[tags.GPSImgDirection] = direction
    if reference is not None:
        gps[tags.GPSImgDirectionRef] = reference
    if accuracy is not None:
        gps[tags.GPSHPositioningError] = accuracy
    if pixels is None:
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    # Pillow writes XMP and EXIF where a phone does: in APP1 segments.
    Image.fromarray(pixels).save(
        stream, "JPEG", quality=90, exif=exif, **({} if xmp is None else {"xmp": xmp})
    )
    return stream.getvalue()


def sexagesimal(degrees: float) -> tuple[float, float, float]:
    """Degrees, minutes and seconds, as EXIF wants them."""
    minutes = degrees % 1.0 * 60.0
    return float(int(degrees)), float(int(minutes)), minutes % 1.0 * 60.0
