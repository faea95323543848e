import threading

from app.photo import Photo
from app.predict.upload_store import UploadStore


class Clock:
    """A clock that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def photos(size: int) -> tuple[Photo, ...]:
    return (Photo("a.jpg", b"x" * size),)


def test_photos_are_found_by_their_token_alone() -> None:
    store = UploadStore()
    tokens = {store.put(photos(10)) for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 32, "192 random bits cannot be guessed"
    assert store.get(tokens.pop()) == photos(10)
    assert store.get("") is None
    assert store.get("guess") is None


def test_photos_that_nobody_looks_at_are_forgotten() -> None:
    clock = Clock()
    store = UploadStore(kept_s=100.0, clock=clock)
    first, second = store.put(photos(10)), store.put(photos(20))
    clock.now = 60.0
    assert store.get(first) is not None
    clock.now = 120.0
    assert store.get(second) is None
    assert store.get(first) is not None, "it was looked at a minute ago"
    clock.now = 300.0
    assert store.get(first) is None
    assert store.size == 0


def test_the_memory_of_all_is_bounded_and_the_oldest_go_first() -> None:
    store = UploadStore(most_bytes=100)
    first, second = store.put(photos(40)), store.put(photos(40))
    assert store.get(first) is not None
    third = store.put(photos(40))
    assert store.get(second) is None, "the first was looked at later"
    assert store.get(first) is not None
    assert store.size == 80
    store.drop(third)
    assert store.size == 40


def test_photos_are_freed_although_nobody_asks() -> None:
    freed = threading.Event()

    class Watched(UploadStore):
        def _on_timer(self) -> None:
            super()._on_timer()
            freed.set()

    store = Watched(kept_s=0.05)
    store.put(photos(10))
    assert freed.wait(30.0)
    assert store.size == 0
