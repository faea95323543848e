"""Uploaded photos that outlive a reload of the page, in the memory of the server for a while.

A reload begins another session, which knows nothing of the one before. So photos are kept here
under a random token, which the address of the page holds: who has the address sees the photos, and
nobody else can guess it. They are never written to disk.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from app.photo import Photo

KEPT_S = 2 * 3600.0
"""Seconds after which photos that nobody looked at are forgotten."""
MOST_BYTES = 1_000_000_000
"""What all uploads may take together; the ones that were not looked at for longest go first."""
_TOKEN_BYTES = 24


@dataclass
class _Held:
    photos: tuple[Photo, ...]
    seen: float

    @property
    def size(self) -> int:
        return sum(len(photo.content) for photo in self.photos)


class UploadStore:
    """Photos by token; safe from any thread."""

    def __init__(
        self,
        *,
        kept_s: float = KEPT_S,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start empty.

        Args:
            kept_s: Seconds for which photos are kept after they were last looked at.
            most_bytes: What all photos may take together.
            clock: Seconds that only grow.
        """
        self._kept_s, self._most_bytes, self._clock = kept_s, most_bytes, clock
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def put(self, photos: tuple[Photo, ...]) -> str:
        """Keep photos and return their token; more than fits alone is kept alone."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._held[token] = _Held(photos, self._clock())
            self._forget()
        return token

    def get(self, token: str) -> tuple[Photo, ...] | None:
        """The photos of a token; None if it is unknown, or they are forgotten."""
        with self._lock:
            self._forget()
            held = self._held.get(token)
            if held is None:
                return None
            held.seen = self._clock()
            self._held.move_to_end(token)
            return held.photos

    def drop(self, token: str) -> None:
        """Forget the photos of a token, if there are any."""
        with self._lock:
            self._held.pop(token, None)

    @property
    def size(self) -> int:
        """Bytes of all photos that are kept."""
        with self._lock:
            return sum(held.size for held in self._held.values())

    def _forget(self) -> None:
        """Forget what is too old, then what is too much, and look again when the next one is old.

        Tokens stand in the order in which they were last looked at.
        """
        now = self._clock()
        sizes = sum(held.size for held in self._held.values())
        for token, held in list(self._held.items()):
            old = now - held.seen >= self._kept_s
            if not old and (sizes <= self._most_bytes or len(self._held) == 1):
                break
            sizes -= held.size
            del self._held[token]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held:
            first = next(iter(self._held.values()))
            self._timer = threading.Timer(self._kept_s - (now - first.seen) + 1.0, self._on_timer)
            self._timer.daemon = True
            self._timer.start()

    def _on_timer(self) -> None:
        with self._lock:
            self._forget()
