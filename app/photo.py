"""A photo that someone wants to know about: a name to show, and its bytes."""

import hashlib
from dataclasses import dataclass
from functools import cached_property


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
