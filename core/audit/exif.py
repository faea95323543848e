"""Labels against what the photos say about themselves: position and heading in EXIF."""

from collections.abc import Iterator

import numpy as np

from core.audit.finding import Finding
from core.audit.naming import row_finding, written
from core.audit.photo_scan import photo_facts
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.dataset.exif import PhotoExif
from core.geo import CoordinateFrame, LocalFrame, distance_m, heading_error_deg
from core.inference.records import label_decimals

KINDS = {
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


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find rows whose photo says something else, beyond what both may be off.

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
    apart = float(distance_m(*rows.ground.place(np.stack([said, label]))))
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
        f"its EXIF position{known} lies {rows.ground.length(apart)} from the label; "
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
