"""The audit: every check of `CHECKS`, in this order, over the rows of a label file.

Nothing is changed. A new check is one entry of `CHECKS`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.audit import (
    areas,
    clocks,
    entries,
    headings,
    model_disagreement,
    photo_checks,
    positions,
    regions,
    twins,
)
from core.audit.findings import Check, Finding, photos, write_findings
from core.audit.photo_scan import photo_facts
from core.audit.rows import LabelRows, read_rows
from core.audit.schema import AuditConfig

CHECKS: tuple[Check, ...] = (
    Check("values", entries.VALUE_KINDS, entries.find_values),
    Check("positions", positions.KINDS, positions.find),
    Check("regions", regions.KINDS, regions.find),
    Check("region polygons", areas.KINDS, areas.find, areas.needs),
    Check("headings", headings.KINDS, headings.find),
    Check("timestamps", clocks.KINDS, clocks.find),
    Check("duplicate rows", entries.DUPLICATE_KINDS, entries.find_duplicates),
    Check("missing photos", entries.MISSING_PHOTO_KINDS, entries.find_missing_photos, photos),
    Check("looks of photos", photo_checks.APPEARANCE_KINDS, photo_checks.find_appearance, photos),
    Check("photos that are there twice", twins.TWIN_KINDS, twins.find_twins, photos),
    Check("look-alikes", twins.LOOK_ALIKE_KINDS, twins.find_look_alikes, twins.needs_look_alikes),
    Check("EXIF", photo_checks.EXIF_KINDS, photo_checks.find_exif, photos),
    Check(
        "unlikely labels",
        model_disagreement.KINDS,
        model_disagreement.find,
        model_disagreement.needs,
    ),
)


def all_kinds() -> dict[str, str]:
    """Every kind of finding with a sentence about it."""
    return {kind: text for check in CHECKS for kind, text in check.kinds.items()}


Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Skipped:
    """A check that could not be made, and why."""

    check: str
    reason: str


@dataclass(frozen=True)
class Audit:
    """What the checks found.

    Attributes:
        root: The dataset folder.
        rows: How many label rows were read.
        findings: The surest first.
        skipped: Checks that could not be made.
    """

    root: Path
    rows: int
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]

    @property
    def by_kind(self) -> dict[str, int]:
        """How many findings there are of each kind, the most frequent first."""
        return dict(Counter(found.finding for found in self.findings).most_common())


def audit(
    config: AuditConfig,
    checks: Sequence[Check] = CHECKS,
    progress: Progress | None = None,
    photo_progress: Progress | None = None,
) -> Audit:
    """Read the labels, make every check that can be made, and write `config.out` if it is set.

    Args:
        config: What to audit.
        checks: The checks to make.
        progress: Called with `(checks done, checks in all)`.
        photo_progress: Called with `(photos done, photos in all)` while photos are read, once for
            all checks that need them.

    Raises:
        LabelError: The labels cannot be read as a table at all.
    """
    rows = read_rows(config.dataset)
    if any(check.needs is photos for check in checks) and not photos(rows, config):
        photo_facts(rows, photo_progress)
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for number, check in enumerate(checks, start=1):
        if reason := check.needs(rows, config):
            skipped.append(Skipped(check.name, reason))
        else:
            findings += _checked(check, rows, config)
        if progress:
            progress(number, len(checks))
    kept = [found for found in findings if found.score >= config.min_score]
    kept.sort(key=lambda found: -found.score)
    result = Audit(rows.root, len(rows), tuple(kept), tuple(skipped))
    if config.out is not None:
        write_findings(config.out, result.findings)
    return result


def _checked(check: Check, rows: LabelRows, config: AuditConfig) -> list[Finding]:
    found = list(check.find(rows, config))
    unknown = {each.finding for each in found} - set(check.kinds)
    if unknown:
        raise ValueError(f"check {check.name} does not declare the kinds {sorted(unknown)}")
    return found
