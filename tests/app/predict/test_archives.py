import io
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from app.predict import archives
from app.predict.archives import MOST_PHOTOS, photos_of


@dataclass
class Given:
    """A file as Streamlit gives it."""

    name: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def getvalue(self) -> bytes:
        return self.content


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def packed(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_photos_of_an_archive_are_named_by_their_last_part() -> None:
    content = jpeg()
    archive = packed(
        {
            "walk/a.jpg": content, "../../etc/b.JPG": content, "c\\d.jpg": content,
            "__MACOSX/._a.jpg": b"", ".hidden/e.jpg": content, "walk/": b"", "walk/notes.txt": b"x",
        }
    )  # fmt: skip
    chosen = photos_of([Given("walk.ZIP", archive)])
    assert [photo.name for photo in chosen.photos] == ["a.jpg", "b.JPG", "d.jpg"]
    assert all(photo.content == content for photo in chosen.photos)
    [note] = chosen.notes
    assert "notes.txt" in note


def test_an_archive_does_not_unfold_to_more_than_may_be_uploaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = jpeg()
    monkeypatch.setattr(archives, "LARGEST_SUM_MB", 2.5 * len(content) / 1_000_000)
    chosen = photos_of(
        [Given("a.zip", packed(dict.fromkeys(("1.jpg", "2.jpg", "3.jpg"), content)))]
    )
    assert [photo.name for photo in chosen.photos] == ["1.jpg", "2.jpg"]
    [note] = chosen.notes
    assert note.endswith("MB in all, left out: 3.jpg.")


def test_what_is_no_photo_is_named() -> None:
    files = [Given("notes.pdf", b"%PDF"), Given("page.html", b"<"), Given("image:1000", jpeg())]
    chosen = photos_of(files)
    assert [photo.name for photo in chosen.photos] == ["image:1000"], "phones leave suffixes out"
    [note] = chosen.notes
    assert note.endswith("left out: notes.pdf, page.html.")


def test_an_archive_that_unfolds_to_fill_the_memory_is_left_out() -> None:
    bomb = packed({"bomb.bmp": b"\0" * 15_000_000, "a.jpg": jpeg()})
    assert len(bomb) < 100_000
    chosen = photos_of([Given("bomb.zip", bomb)])
    assert [photo.name for photo in chosen.photos] == ["a.jpg"]
    assert "bomb.bmp unfolds to more" in chosen.notes[0]


def test_an_entry_that_claims_to_be_small_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "LARGEST_MB", 0.001)
    content = np.random.default_rng(0).bytes(5000)
    raw = packed({"a.jpg": content}, zipfile.ZIP_STORED)
    lied = raw.replace((5000).to_bytes(4, "little"), (500).to_bytes(4, "little"))
    assert not photos_of([Given("a.zip", lied)]).photos
    [note] = photos_of([Given("a.zip", raw)]).notes
    assert note.startswith("Larger than")


def test_too_many_photos_and_entries_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    content = jpeg()
    archive = packed({f"{number}.jpg": content for number in range(MOST_PHOTOS + 3)})
    chosen = photos_of([Given("many.zip", archive)])
    assert len(chosen.photos) == MOST_PHOTOS
    assert chosen.notes == (f"Only the first {MOST_PHOTOS} photos are predicted; 3 more are not.",)
    monkeypatch.setattr(archives, "MOST_ENTRIES", 10)
    assert photos_of([Given("many.zip", archive)]).notes == (
        "many.zip has more than 10 entries, left out.",
    )


@pytest.mark.parametrize("content", [b"", b"no archive", packed({"a.jpg": jpeg()})[:60]])
def test_a_damaged_archive_is_named(content: bytes) -> None:
    chosen = photos_of([Given("torn.zip", content)])
    assert not chosen.photos
    assert "torn.zip cannot be read" in chosen.notes[0]
