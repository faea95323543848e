"""Photos that are there twice: the same file or pixels, or the same picture in another guise.

Two photos with one view stand at one place and look one way. Where their labels say otherwise at
least one of them is wrong; nothing tells which, so the finding is about the later row.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from core.audit.disagreement import disagreement
from core.audit.finding import Finding
from core.audit.naming import row_finding
from core.audit.photo_scan import THUMB, PhotoFacts, photo_facts
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig

KINDS = {
    "duplicate_photo": "a photo whose file or pixels are those of another row's photo",
    "near_duplicate_photo": "a photo that is another row's saved anew, resized, tinted or cropped",
}
# Measured on 275 real photos and 2,000 of a demo campus: no two of them are that alike, and all
# photos that were saved at quality 40, halved, brightened by 25 % or blurred still are.
COPY_BITS, COPY_ALIKE = 8, 0.95
# Most photos with 3 to 5 % cropped off, and the few that somebody took twice from one tripod.
CROP_BITS, CROP_ALIKE = 12, 0.96
_ROWS_AT_ONCE = 512


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find exact duplicates first; photos left over are compared by what they show."""
    del config
    facts = photo_facts(rows)
    again: set[int] = set()
    for row, before, what in _exact(rows, facts):
        again.add(row)
        found = disagreement(rows, row, before)
        yield row_finding(
            rows, row, "duplicate_photo", "", "", 0.3 + 0.65 * found.amount,
            f"{what} as {_name(rows, before)}: {found.words}",
        )  # fmt: skip
    for row, before, alike, sure in _near(rows, facts, again):
        found = disagreement(rows, row, before)
        score = 0.15 + (0.7 if sure else 0.35) * found.amount
        yield row_finding(
            rows, row, "near_duplicate_photo", "", "", score,
            f"looks like {_name(rows, before)} (likeness {alike:.2f}): {found.words}",
        )  # fmt: skip


def _name(rows: LabelRows, row: int) -> str:
    return str(rows.text["photo_id"].iat[row])


def _readable(
    rows: LabelRows, facts: Sequence[PhotoFacts | None]
) -> Iterator[tuple[int, PhotoFacts]]:
    """Rows with a photo that can be read; of rows that name one photo only the first."""
    seen: set[str] = set()
    for row, (fact, photo_id) in enumerate(zip(facts, rows.text["photo_id"], strict=True)):
        if fact and not fact.fault and photo_id not in seen:
            seen.add(photo_id)
            yield row, fact


def _exact(rows: LabelRows, facts: Sequence[PhotoFacts | None]) -> Iterator[tuple[int, int, str]]:
    """Yield `(row, the first row with that photo, what is the same)`."""
    files: dict[str, int] = {}
    pixels: dict[str, int] = {}
    for row, fact in _readable(rows, facts):
        same_file = files.setdefault(fact.file_hash, row)
        same_pixels = pixels.setdefault(fact.pixel_hash, row)
        if same_file != row:
            yield row, same_file, "the same file"
        elif same_pixels != row:
            yield row, same_pixels, "the same pixels"


def _near(
    rows: LabelRows, facts: Sequence[PhotoFacts | None], without: set[int]
) -> Iterator[tuple[int, int, float, bool]]:
    """Yield `(row, the earlier row it looks most like, likeness, whether it is a plain copy)`."""
    kept = [(row, fact) for row, fact in _readable(rows, facts) if row not in without]
    if len(kept) < 2:
        return
    number = np.array([row for row, _ in kept])
    thumbs = np.stack([fact.thumb for _, fact in kept if fact.thumb is not None])
    hashes = np.array([fact.phash for _, fact in kept], np.uint64)
    for later, earlier in _close_pairs(hashes):
        best: tuple[float, bool, int] | None = None
        for other in earlier:
            found = likeness(thumbs[later], thumbs[other], hashes[later], hashes[other])
            if found and (best is None or found > best[:2]):
                best = (*found, int(other))
        if best:
            yield int(number[later]), int(number[best[2]]), best[0], best[1]


def _close_pairs(hashes: NDArray[np.uint64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield every photo with the earlier ones whose hash differs in few bits."""
    for start in range(0, len(hashes), _ROWS_AT_ONCE):
        block = hashes[start : start + _ROWS_AT_ONCE]
        stop = start + len(block)
        bits = np.bitwise_count(block[:, None] ^ hashes[None, :stop])
        for inside in np.flatnonzero((bits <= CROP_BITS).sum(axis=1) > 1):
            later = start + int(inside)
            earlier = np.flatnonzero(bits[inside, :later] <= CROP_BITS)
            if len(earlier):
                yield later, earlier


def likeness(
    one: NDArray[np.float32], other: NDArray[np.float32], bits: np.uint64, others: np.uint64
) -> tuple[float, bool] | None:
    """How alike two photos are, and whether as plain copies; None where not enough."""
    plain = float(one @ other)
    if plain >= COPY_ALIKE and int(np.bitwise_count(bits ^ others)) <= COPY_BITS:
        return min(plain, 1.0), True
    moved = max(_moved(one, other), _moved(other, one))
    return (min(moved, 1.0), False) if moved >= CROP_ALIKE else None


def _moved(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Best correlation of the middle of one photo with any part of the other, slightly enlarged."""
    middle = one.reshape(THUMB, THUMB)[4:-4, 4:-4]
    whole = other.reshape(THUMB, THUMB)
    if middle.std() == 0.0:
        return 0.0  # OpenCV takes a plain surface for like everything
    sizes = (THUMB, THUMB + 1, THUMB + 2)
    return max(
        float(
            cv2.matchTemplate(cv2.resize(whole, (side, side)), middle, cv2.TM_CCOEFF_NORMED).max()
        )
        for side in sizes
    )
