"""All checks of the audit, in the order in which they are made. A new check is one entry here."""

from core.audit import headings, positions
from core.audit.check import Check

CHECKS: tuple[Check, ...] = (
    Check("positions", positions.KINDS, positions.find),
    Check("headings", headings.KINDS, headings.find),
)


def all_kinds() -> dict[str, str]:
    """Every kind of finding with a sentence about it."""
    return {kind: text for check in CHECKS for kind, text in check.kinds.items()}
