"""Planting faults in labels and photos of a demo campus, with the answers in `faults.csv`.

No audit reads the answers. Spoiled photos are made anew from the seed, so that planting twice gives
the same as planting once.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from core.demo.label_faults import (
    LABEL_FAULTS,
    MOVING,
    SLIPS,
    Changes,
    Row,
    fault_counts,
    metres_moved,
)
from core.demo.photo import photo_jpeg
from core.demo.seeds import photo_index, photo_name, stream
from core.files import write_bytes, write_text

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


FAULTS_FILE = "faults.csv"
COLUMNS = ("filename", "fault", "column", "true", "written", "moved_m")
"""What was planted where; of a photo that was replaced by another's, `written` is the other."""
# Less than this is within the noise of the labels, so it would be no fault.
LEAST_MOVED_M = 30.0
TWIN = "twin"
"""The fault under which the answers name a photo whose file was copied: itself it is sound."""


@dataclass
class _Field:
    """The label rows of a demo campus, and what was planted in them."""

    out: Path
    seed: int
    rows: list[Row]
    truth: dict[str, Row]
    answers: list[tuple[str, ...]] = field(default_factory=list)
    more: list[tuple[int, Row]] = field(default_factory=list)

    def answer(self, row: int, kind: str, changes: Changes) -> None:
        """Note what was planted in a row."""
        old = self.rows[row]
        for column in changes or {"": ""}:
            moved = metres_moved(old, changes) if column in ("latitude", "longitude") else 0.0
            self.answers.append(
                (old["filename"], kind, column, old.get(column, ""), changes.get(column, ""),
                 f"{moved:.1f}")
            )  # fmt: skip


def plant_faults(
    out: Path, seed: int, rate: float, kinds: tuple[str, ...], fault_seed: int
) -> None:
    """Spoil labels and photos of a finished demo folder and write `faults.csv` last.

    A photo gets one fault at most. The same arguments plant the same faults.

    Args:
        out: Folder with `labels.csv`, `truth.csv` and `images/`, all still sound.
        seed: Seed of the campus.
        rate: Share of the photos that get a fault, over all kinds without a share of their own.
        kinds: `kind` or `kind=share`; none: all.
        fault_seed: Seeds what is planted where.
    """
    rows = _read(out / "labels.csv")
    truth = {row["filename"]: row for row in _read(out / "truth.csv")}
    planted = _Field(out, seed, rows, truth)
    free = list(stream(seed, "faults", fault_seed).permutation(len(rows)))
    for kind, count in fault_counts(rate, kinds, len(rows)).items():
        rng = stream(seed, f"fault {kind}", fault_seed)
        for _ in range(count):
            if not _plant(planted, kind, free, rng):
                break
    for row, again in sorted(planted.more, key=lambda entry: -entry[0]):
        rows.insert(row + 1, again)
    _write(out / "labels.csv", tuple(rows[0]), [tuple(row.values()) for row in rows])
    _write(out / FAULTS_FILE, COLUMNS, planted.answers)


def _plant(planted: _Field, kind: str, free: list[int], rng: np.random.Generator) -> bool:
    """Plant one fault in the first free row that can have it; False where none can."""
    for place, row in enumerate(free):
        slip = SLIPS.get(kind)
        changes = slip(planted.rows[row], rng) if slip else {}
        if changes is None:
            continue
        if kind in MOVING and metres_moved(planted.rows[row], changes) < LEAST_MOVED_M:
            continue
        del free[place]
        if kind in LABEL_FAULTS:
            _spoil_label(planted, kind, int(row), changes, rng)
        else:
            _spoil_photo(planted, kind, int(row), changes, free)
        return True
    return False


def _spoil_label(
    planted: _Field, kind: str, row: int, changes: Changes, rng: np.random.Generator
) -> None:
    if kind == "duplicate_row":
        planted.more.append((row, dict(planted.rows[row])))
    elif kind == "contradiction":
        changes = {
            "angle": str((int(planted.rows[row]["angle"]) + int(rng.integers(20, 340))) % 360)
        }
        planted.more.append((row, planted.rows[row] | changes))
    planted.answer(row, kind, changes)
    if kind in SLIPS:
        planted.rows[row] |= changes


def _spoil_photo(planted: _Field, kind: str, row: int, changes: Changes, free: list[int]) -> None:
    images, seed, rows = planted.out / "images", planted.seed, planted.rows
    index = photo_index(rows[row]["filename"])
    if kind == "duplicate_photo":
        original = int(free.pop())
        changes = {"": rows[original]["filename"]}
        copy_photo(images, seed, index, photo_index(rows[original]["filename"]))
        planted.answer(original, TWIN, {})
    elif kind in SLIPS:
        # A sound photo with EXIF beside it, so that EXIF alone gives nothing away.
        for each in (row, int(free.pop())):
            name = rows[each]["filename"]
            true = planted.truth[name]
            tell_place(
                images, seed, photo_index(name), float(true["latitude"]),
                float(true["longitude"]), float(true["heading_deg"]),
            )  # fmt: skip
    else:
        spoil_photo(images, seed, index, kind)
    planted.answer(row, kind, changes)
    if kind in SLIPS:
        rows[row] |= changes


def _read(path: Path) -> list[Row]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def _write(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
