"""What a check is: a name, the kinds of finding it makes, what it needs and how it finds them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.audit.finding import Finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig

Find = Callable[[LabelRows, AuditConfig], Iterator[Finding]]
Needs = Callable[[LabelRows, AuditConfig], str]


def nothing(rows: LabelRows, config: AuditConfig) -> str:
    """Need nothing but rows."""
    del rows, config
    return ""


def photos(rows: LabelRows, config: AuditConfig) -> str:
    """Need the photos: say why they cannot be looked at, or `""`."""
    if not config.photos:
        return "looking at photos is switched off"
    if not rows.has_photos:
        there = int((rows.text["path"] != "").sum())
        return f"the photos are not there: {there} of {len(rows)} rows have theirs"
    return ""


@dataclass(frozen=True)
class Check:
    """One check of the audit.

    Attributes:
        name: What to call it where it is skipped.
        kinds: Every name that its findings may have, with one sentence for people.
        find: Finds; reads rows and photos, changes nothing.
        needs: Says why the check cannot be made, or `""`; such a check is skipped.
    """

    name: str
    kinds: dict[str, str]
    find: Find
    needs: Needs = nothing
