"""A photo to predict or explain: its name, its bytes, and pixels encoded for the browser."""

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from core.dataset.decode import Pixels

QUALITY = 88


@dataclass(frozen=True)
class Photo:
    """An uploaded or chosen photo.

    Attributes:
        name: As the browser or the data set gives it. It is only shown, never used as a path.
        content: The bytes of the file, undecoded.
    """

    name: str
    content: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content: equal digests are equal photos."""
        return hashlib.sha256(self.content).hexdigest()


def jpeg(pixels: Pixels) -> bytes:
    """RGB `(h, w, 3)` uint8 as a JPEG without any metadata, so that no EXIF position leaks."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
