"""All checks of the audit, in the order in which they are made. A new check is one entry here."""

from core.audit import clocks, duplicates, headings, positions, presence, regions, values
from core.audit.check import Check, photos

CHECKS: tuple[Check, ...] = (
    Check("values", values.KINDS, values.find),
    Check("positions", positions.KINDS, positions.find),
    Check("regions", regions.KINDS, regions.find),
    Check("headings", headings.KINDS, headings.find),
    Check("timestamps", clocks.KINDS, clocks.find),
    Check("duplicate rows", duplicates.KINDS, duplicates.find),
    Check("missing photos", presence.KINDS, presence.find, photos),
)


def all_kinds() -> dict[str, str]:
    """Every kind of finding with a sentence about it."""
    return {kind: text for check in CHECKS for kind, text in check.kinds.items()}
