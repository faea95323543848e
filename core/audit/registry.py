"""All checks of the audit, in the order in which they are made. A new check is one entry here."""

from core.audit import (
    clocks,
    duplicates,
    exif,
    headings,
    look_alikes,
    photo_looks,
    photo_twins,
    positions,
    presence,
    regions,
    unlikely,
    values,
)
from core.audit.check import Check, photos

CHECKS: tuple[Check, ...] = (
    Check("values", values.KINDS, values.find),
    Check("positions", positions.KINDS, positions.find),
    Check("regions", regions.KINDS, regions.find),
    Check("headings", headings.KINDS, headings.find),
    Check("timestamps", clocks.KINDS, clocks.find),
    Check("duplicate rows", duplicates.KINDS, duplicates.find),
    Check("missing photos", presence.KINDS, presence.find, photos),
    Check("looks of photos", photo_looks.KINDS, photo_looks.find, photos),
    Check("photos that are there twice", photo_twins.KINDS, photo_twins.find, photos),
    Check("look-alikes", look_alikes.KINDS, look_alikes.find, look_alikes.needs),
    Check("EXIF", exif.KINDS, exif.find, photos),
    Check("unlikely labels", unlikely.KINDS, unlikely.find, unlikely.needs),
)


def all_kinds() -> dict[str, str]:
    """Every kind of finding with a sentence about it."""
    return {kind: text for check in CHECKS for kind, text in check.kinds.items()}
