"""A photo to predict or explain: name, bytes, decoded in the worker, encoded for the browser."""

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from core.dataset.decode import Pixels
from core.dataset.decode_worker import worker
from core.dataset.exif import PhotoExif
from core.errors import ImageError

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

    def square(self, size: int) -> Pixels:
        """Its middle square as a model sees it, `(size, size, 3)`.

        Raises:
            ImageError: As `DecodeWorker.photo`, also below.
        """
        return worker().photo(self.content, size=size, name=self.name)[0]

    def whole(self, max_side: int) -> Pixels:
        """The photo for the eye, `(h, w, 3)`, upright, its longer side `max_side` at most."""
        return worker().display(self.content, max_side=max_side, name=self.name)

    @cached_property
    def exif(self) -> PhotoExif | None:
        """What its metadata say; None if they are damaged."""
        try:
            return worker().exif(self.content, name=self.name)
        except ImageError:
            return None


def jpeg(pixels: Pixels) -> bytes:
    """RGB `(h, w, 3)` uint8 as a JPEG without any metadata, so that no EXIF position leaks."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
