"""Photos that show little: unreadable, tiny, oddly shaped, dark, overexposed or blurred.

Dark, bright and blurred are measured against the other photos of the dataset: a campus at night or
a soft lens is no fault of one photo. Robust z is `(x - median) / (1.4826 MAD)`.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from core.amounts import percent
from core.audit.findings import Finding, row_finding, written
from core.audit.photo_scan import PhotoFacts, photo_facts
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.dataset.exif import PhotoExif
from core.geo import CoordinateFrame, Floats, LocalFrame, distance_m, heading_error_deg
from core.inference.export import label_decimals

APPEARANCE_KINDS = {
    "unreadable_photo": "a photo that cannot be decoded whole",
    "tiny_photo": "a photo with few pixels, or far fewer than the rest",
    "odd_shape": "a photo whose shape hardly another one has",
    "dark_photo": "a photo too dark to show a place, or far darker than the rest",
    "overexposed_photo": "a photo with nothing but white, or far brighter than the rest",
    "blurred_photo": "a photo far less sharp than the rest",
}
FEWEST_PIXELS = 64
TINY_SHARE = 0.25
RARE_SHARE = 0.02
SAME_SHAPE = 0.03  # shapes this close, relatively, are one: 4:3 is saved as 1023 x 768 too
EXTREME_SHAPE = 2.6
FAR = 4.0
SOFT = 4.5  # plain walls and lawns come to 4.3 below
# Of 275 real photos none is darker or brighter than the middle two; a black one is always wrong.
BLACK, DIM, BRIGHT, BURNT = 0.2, 0.3, 0.75, 0.4
# A dataset of equal photos has no spread; finer differences than these are none.
_LEAST_SPREAD = {"brightness": 0.03, "sharpness": 0.25}
_FEW, _ENOUGH = 8, 20


def find_appearance(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find photos that show little."""
    del config
    facts = photo_facts(rows)
    yield from _unreadable(rows, facts)
    good = [(row, fact) for row, fact in enumerate(facts) if fact and not fact.fault]
    if not good:
        return
    number = np.array([row for row, _ in good])
    seen = [fact for _, fact in good]
    yield from _sizes(rows, number, seen)
    yield from _light(rows, number, seen)
    yield from _blur(rows, number, seen)


def robust_z(values: Floats, least_spread: float) -> Floats:
    """Robust z of values `(n,)`; zeros if there are too few to compare."""
    if len(values) < _FEW:
        return np.zeros(len(values))
    middle = np.median(values)
    spread = max(1.4826 * float(np.median(np.abs(values - middle))), least_spread)
    return np.asarray((values - middle) / spread)


def beyond(amount: float, limit: float) -> float:
    """Score of something that lies beyond a limit: a half on it, 0.95 at twice of it and more."""
    return float(np.clip(0.5 + 0.45 * (amount / limit - 1.0), 0.5, 0.95))


def _unreadable(rows: LabelRows, facts: Sequence[PhotoFacts | None]) -> Iterator[Finding]:
    for row, fact in enumerate(facts):
        if fact is None:
            continue
        small = fact.exif is not None and _side(fact) < FEWEST_PIXELS
        if fact.fault and not small:
            yield row_finding(rows, row, "unreadable_photo", "", "", 1.0, fact.fault)
        elif small and fact.exif:
            yield row_finding(
                rows, row, "tiny_photo", "", "", 1.0,
                f"{fact.exif.width} x {fact.exif.height} pixels are too few to show a place",
            )  # fmt: skip


def _side(fact: PhotoFacts) -> int:
    assert fact.exif is not None
    return min(fact.exif.width, fact.exif.height)


def _sizes(rows: LabelRows, number: np.ndarray, seen: Sequence[PhotoFacts]) -> Iterator[Finding]:
    sizes = np.array(
        [(fact.exif.width, fact.exif.height) for fact in seen if fact.exif], np.float64
    )
    side = sizes.min(axis=1)
    usual = float(np.median(side))
    for place in np.flatnonzero((side >= FEWEST_PIXELS) & (side < TINY_SHARE * usual)):
        yield row_finding(
            rows, int(number[place]), "tiny_photo", "", "",
            float(np.clip(1.0 - side[place] / usual, 0.0, 1.0)) * 0.7,
            f"its shorter side has {side[place]:.0f} pixels, those of the rest {usual:.0f}",
        )  # fmt: skip
    shape = np.log(sizes.max(axis=1) / side)  # a photo on end has the shape of one that is not
    ordered = np.sort(shape)
    within = np.searchsorted(ordered, shape + SAME_SHAPE, "right") - np.searchsorted(
        ordered, shape - SAME_SHAPE, "left"
    )
    share = within / len(shape)
    rare = (within <= max(RARE_SHARE * len(shape), 1.0)) & (len(shape) >= _ENOUGH)
    for place in np.flatnonzero(rare | (shape > np.log(EXTREME_SHAPE))):
        extreme = shape[place] > np.log(EXTREME_SHAPE)
        width, height = sizes[place]
        yield row_finding(
            rows, int(number[place]), "odd_shape", "", "", 0.7 if extreme else 0.2,
            f"{width:.0f} x {height:.0f} pixels: "
            f"{percent(share[place], 1)} of the photos have this shape",
        )  # fmt: skip


def _light(rows: LabelRows, number: np.ndarray, seen: Sequence[PhotoFacts]) -> Iterator[Finding]:
    bright = np.array([fact.brightness for fact in seen])
    z = robust_z(bright, _LEAST_SPREAD["brightness"])
    for place, fact in enumerate(seen):
        row = int(number[place])
        words = f"mean brightness {fact.brightness:.2f}, of the rest {np.median(bright):.2f}"
        if fact.lit < BLACK:
            yield row_finding(
                rows, row, "dark_photo", "", "", 0.95,
                f"95 % of it are darker than {fact.lit:.2f}; {words}",
            )  # fmt: skip
        elif z[place] < -FAR and fact.brightness < DIM:
            yield row_finding(rows, row, "dark_photo", "", "", beyond(-z[place], FAR), words)
        elif fact.burnt > BURNT or (z[place] > FAR and fact.brightness > BRIGHT):
            score = max(fact.burnt, beyond(z[place], FAR) if z[place] > FAR else 0.5)
            yield row_finding(
                rows, row, "overexposed_photo", "", "", min(score, 0.95),
                f"{percent(fact.burnt)} of it are white; {words}",
            )  # fmt: skip


def _blur(rows: LabelRows, number: np.ndarray, seen: Sequence[PhotoFacts]) -> Iterator[Finding]:
    # A black or white photo has no edges either; it is named for that.
    shown = [n for n, fact in enumerate(seen) if fact.lit >= BLACK and fact.burnt <= BURNT]
    z = robust_z(np.array([seen[n].sharpness for n in shown]), _LEAST_SPREAD["sharpness"])
    for place in np.flatnonzero(z < -SOFT):
        yield row_finding(
            rows, int(number[shown[place]]), "blurred_photo", "", "", beyond(-z[place], SOFT),
            f"its sharpest parts lie {-z[place]:.1f} robust deviations below those of the rest",
        )  # fmt: skip


EXIF_KINDS = {
    "exif_position": "a position that contradicts the GPS position in the photo's EXIF",
    "exif_heading": "a heading that contradicts the GPS direction in the photo's EXIF",
}
# A phone's accuracy is a radius of 68 %; without one, 15 m stand for it. The label itself may be
# off by as much as somebody who clicks on a map.
USUAL_ACCURACY_M = 15.0
ACCURACIES = 3.0
LABEL_M = 15.0
# Compasses of phones are off by 20 degrees near steel; labels are rounded.
COMPASS_DEG = 45.0
# Magnetic north lies within this of true north wherever people live in numbers.
LARGEST_DECLINATION_DEG = 25.0


def find_exif(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find rows whose EXIF contradicts the label by more than the errors of both.

    A magnetic direction is compared as a true one only with `config.declination`; without it the
    limit is wider and nothing is proposed.
    """
    for row, fact in enumerate(photo_facts(rows)):
        if fact is None or fact.exif is None:
            continue
        if rows.frame and rows.frame.has_degrees and fact.exif.has_position:
            yield from _position(rows, row, fact.exif, rows.frame)
        if fact.exif.direction_deg is not None:
            yield from _heading(rows, row, fact.exif, config.declination)


def _position(
    rows: LabelRows, row: int, exif: PhotoExif, frame: CoordinateFrame
) -> Iterator[Finding]:
    said = frame.from_degrees(np.array([[exif.latitude, exif.longitude]], np.float64))[0]
    label = np.array([rows.latitude[row], rows.longitude[row]])
    if not np.isfinite(label).all():
        return
    # Far labels need no projection to be far, and may be no place on Earth at all.
    apart = float(distance_m(*rows.extent.place(np.stack([said, label]))))
    if apart < 1e5:
        local = LocalFrame(frame, (float(said[0]), float(said[1])))
        apart = float(distance_m(*local.to_metres([said, label])))
    accuracy = USUAL_ACCURACY_M if exif.accuracy_m is None else exif.accuracy_m
    limit = ACCURACIES * accuracy + LABEL_M
    if apart <= limit:
        return
    decimals = label_decimals(frame)
    known = "" if exif.accuracy_m is None else f", accurate to {exif.accuracy_m:.0f} m,"
    yield row_finding(
        rows, row, "exif_position", "position",
        f"{written(float(said[0]), decimals)} {written(float(said[1]), decimals)}",
        1.0 - 0.5 * limit / apart,
        f"its EXIF position{known} lies {rows.extent.length(apart)} from the label; "
        f"{limit:.0f} m are allowed",
    )  # fmt: skip


def _heading(
    rows: LabelRows, row: int, exif: PhotoExif, declination_deg: float | None
) -> Iterator[Finding]:
    direction = exif.true_direction_deg(declination_deg)
    proposal = "" if direction is None else written(round(direction, 1) % 360.0)
    said = exif.direction_deg if direction is None else direction
    turned = float(heading_error_deg(rows.heading_deg[row], np.float64(said or 0.0)))
    limit = COMPASS_DEG + (LARGEST_DECLINATION_DEG if direction is None else 0.0)
    if not turned > limit:
        return
    north = {"true": "true north", "magnetic": "magnetic north", "": "a north it does not name"}
    turning = ""
    if exif.reference == "magnetic" and declination_deg is not None:
        turning = f", {said:.0f}° with the declination of {declination_deg:g}°"
    score = 0.5 + 0.4 * (turned - limit) / (180.0 - limit)
    yield row_finding(
        rows, row, "exif_heading", "angle", proposal, score,
        f"its EXIF direction is {exif.direction_deg:.0f}° from {north[exif.reference]}{turning}: "
        f"{turned:.0f}° from the label; {limit:.0f}° are allowed",
    )  # fmt: skip
