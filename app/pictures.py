"""Pixels as the browser wants them."""

import io

from PIL import Image

from core.dataset.decode import Pixels

QUALITY = 88


def jpeg(pixels: Pixels) -> bytes:
    """RGB `(h, w, 3)` uint8 as a JPEG without any metadata, so that no EXIF position leaks."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
