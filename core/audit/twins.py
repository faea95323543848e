"""Pairs of photos that show one view though their labels contradict: copies and look-alikes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.audit.findings import Finding, photos, row_finding
from core.audit.photo_scan import THUMB, PhotoFacts, photo_facts
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.geo import Floats, heading_error_deg

# Labels may differ by this much (GPS of phones, typing) without an error.
NEAR_M = 20.0
NEAR_DEG = 30.0
# If the frame is unknown, in parts of the campus's spread.
NEAR_SPREADS = 0.15


@dataclass(frozen=True)
class Disagreement:
    """How the labels of one row differ from another's.

    Attributes:
        amount: 0 if they agree within the usual error of labels, 1 if they are twice as far
            apart or more.
        words: The differences for people.
    """

    amount: float
    words: str

    def __post_init__(self) -> None:
        """Refuse an amount that is no share."""
        if not 0.0 <= self.amount <= 1.0:
            raise ValueError(f"amount lies in [0, 1], got {self.amount}")


def disagreement(rows: LabelRows, first: int, second: int) -> Disagreement:
    """Compare region, position and heading of two rows; what one of them lacks is not compared."""
    amounts, words = [0.0], []
    extent = rows.extent
    apart = float(np.hypot(*(extent.position[first] - extent.position[second])))
    if np.isfinite(apart):
        near = NEAR_M if extent.unit == "m" else max(NEAR_SPREADS * extent.spread, 1e-9)
        amounts.append(_excess(apart, near))
        words.append(f"{extent.length(apart)} apart")
    turned = float(heading_error_deg(rows.heading_deg[first], rows.heading_deg[second]))
    if np.isfinite(turned):
        amounts.append(_excess(turned, NEAR_DEG))
        words.append(f"headings {turned:.0f}° apart")
    one, other = rows.region[first], rows.region[second]
    if one and other:
        # Beside a border, one of two photos of a spot may rightly be in the other region.
        amounts.append(0.7 if one != other else 0.0)
        words.append("same region" if one == other else f"regions {other} and {one}")
    return Disagreement(max(amounts), ", ".join(words) or "no labels to compare")


def _excess(value: float, near: float) -> float:
    return float(np.clip(value / near - 1.0, 0.0, 1.0))


# Photos that are there twice: the same file or pixels, or the same picture in another guise.
#
# Two photos with one view stand at one place and look one way. Where their labels say otherwise at
# least one of them is wrong; nothing tells which, so the finding is about the later row.


TWIN_KINDS = {
    "duplicate_photo": "a photo whose file or pixels are those of another row's photo",
    "near_duplicate_photo": "a photo that is another row's saved anew, resized, tinted or cropped",
}
# Measured on 275 real photos and 2,000 of a demo campus: no two of them are that alike, and all
# photos that were saved at quality 40, halved, brightened by 25 % or blurred still are.
COPY_BITS, COPY_ALIKE = 8, 0.95
# Most photos with 3 to 5 % cropped off, and the few that somebody took twice from one tripod.
CROP_BITS, CROP_ALIKE = 12, 0.96
_ROWS_AT_ONCE = 512


def find_twins(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
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


# Photos that a trained network takes for one another though their labels contradict.
#
# Two photos are taken for one another where each is the other's nearest, and more alike than three
# in
# four of those nearest pairs whose labels agree: the dataset itself says what alike is. Where
# labels
# agree nothing is found, for photos of one spot are meant to look alike; copies are a matter of
# `photo_twins`.


LOOK_ALIKE_KINDS = {
    "look_alike_elsewhere": "a photo that a network takes for one whose labels contradict",
}
# Fewer pairs than these whose labels agree do not say what alike means.
FEWEST_PAIRS = 10
# Labels are apart for good, not by what GPS and hands are off.
APART = 0.5
LIKER_THAN = 0.75
_AT_ONCE = 64

Features = NDArray[np.float32]
FeaturesOf = Callable[[list[str]], Features]


def needs_look_alikes(rows: LabelRows, config: AuditConfig) -> str:
    """Need photos and a network."""
    if config.checkpoint is None:
        return "it needs a trained model (--checkpoint DIR)"
    return photos(rows, config)


def find_look_alikes(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Compare every photo with the one that the network of `config.checkpoint` finds nearest."""
    assert config.checkpoint is not None
    yield from find_with(rows, network_features(config.checkpoint))


def find_with(rows: LabelRows, features_of: FeaturesOf) -> Iterator[Finding]:
    """Compare photos by features: `features_of(paths)` gives `(n, D)` for n photos."""
    readable = [row for row, fact in enumerate(photo_facts(rows)) if fact and not fact.fault]
    if len(readable) < 2:
        return
    number = np.array(readable)
    other, alike = nearest(features_of([str(rows.text["path"].iat[row]) for row in readable]))
    found = [
        disagreement(rows, int(number[place]), int(number[other[place]]))
        for place in range(len(number))
    ]
    amount = np.array([each.amount for each in found])
    agreeing = alike[amount == 0.0]
    if len(agreeing) < FEWEST_PAIRS:
        return
    usual = float(np.quantile(agreeing, LIKER_THAN))
    mutual = other[other] == np.arange(len(other))
    for place in np.flatnonzero((amount >= APART) & (alike >= usual) & mutual):
        least = (alike[place] - usual) / max(1.0 - usual, 1e-9)
        row, match = int(number[place]), int(number[other[place]])
        yield row_finding(
            rows, row, "look_alike_elsewhere", "", "",
            float(np.clip(0.3 + 0.5 * amount[place] * least, 0.0, 0.8)),
            f"the network finds it as like {rows.text['photo_id'].iat[match]} "
            f"({alike[place]:.3f}) as one spot's most alike photos are ({usual:.3f}): "
            f"{found[place].words}",
        )  # fmt: skip


def nearest(features: Features) -> tuple[NDArray[np.int64], Floats]:
    """The most similar other photo of each `(n,)`, and the cosine `(n,)`, of features `(n, D)`."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(length == 0.0, 1.0, length)
    other = np.empty(len(unit), np.int64)
    alike = np.empty(len(unit), np.float64)
    for start in range(0, len(unit), 512):
        cosine = unit[start : start + 512] @ unit.T
        cosine[np.arange(len(cosine)), start + np.arange(len(cosine))] = -2.0
        other[start : start + 512] = cosine.argmax(axis=1)
        alike[start : start + 512] = cosine.max(axis=1)
    return other, alike


def network_features(checkpoint: Path) -> FeaturesOf:
    """Features of a checkpoint's network, photos decoded as it was trained."""
    from core.inference.loading import load_predictor  # torch: only for those who ask

    predictor = load_predictor(checkpoint)

    def features_of(paths: list[str]) -> Features:
        parts = []
        for start in range(0, len(paths), _AT_ONCE):
            pixels = np.stack([predictor.decode(path) for path in paths[start : start + _AT_ONCE]])
            descriptor = predictor.predict_photos(pixels).descriptor
            parts.append(descriptor[:, : predictor.model.width])
        return np.concatenate(parts)

    return features_of
