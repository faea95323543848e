"""Undecided findings and decisions, as tables and as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.audit.review import Reviewed, key_of
from core.audit.run import all_kinds
from core.dataset.repairs import Key, Repair, standing

WHOLE_PHOTO = ("", "filename")
"""Columns whose value cannot be corrected here: they are about the whole photo or its name."""


@dataclass(frozen=True)
class Wanted:
    """Which findings the reader wants to see: kinds (none: all) and the least score."""

    kinds: tuple[str, ...] = ()
    least: float = 0.0

    def fits(self, each: Reviewed) -> bool:
        """Whether a finding is wanted."""
        found = each.finding
        return (not self.kinds or found.finding in self.kinds) and found.score >= self.least


def summary(reviewed: Sequence[Reviewed]) -> pd.DataFrame:
    """Findings by kind: counts, undecided ones, proposals, the highest score, the meaning.

    Kinds with undecided findings come first, by their highest score.
    """
    meaning, table = all_kinds(), list[dict[str, Any]]()
    for kind in {each.finding.finding: None for each in reviewed}:
        own = [each for each in reviewed if each.finding.finding == kind]
        table.append(
            {
                "Finding": kind,
                "Undecided": sum(each.decision is None for each in own),
                "Found": len(own),
                "With a proposal": sum(bool(each.finding.proposal) for each in own),
                "Highest score": max(each.finding.score for each in own),
                "Meaning": meaning.get(kind, ""),
            }
        )
    table.sort(key=lambda row: (not row["Undecided"], -row["Highest score"]))
    return pd.DataFrame(table)


def waiting(reviewed: Sequence[Reviewed], wanted: Wanted) -> list[Reviewed]:
    """Wanted findings without a decision, in their order, without duplicates."""
    found: dict[Key, Reviewed] = {}
    for each in reviewed:
        if each.decision is None and wanted.fits(each):
            found.setdefault(key_of(each.finding), each)
    return list(found.values())


def place_of(queue: Sequence[Reviewed], key: Key | None) -> int:
    """Index in the queue of the finding shown last; 0 if it is gone."""
    keys = [key_of(each.finding) for each in queue]
    return keys.index(key) if key in keys else 0


def after(queue: Sequence[Reviewed], place: int) -> Key | None:
    """The next finding, the first after the last; None if there is no other."""
    return key_of(queue[(place + 1) % len(queue)].finding) if len(queue) > 1 else None


def by_rule(reviewed: Sequence[Reviewed], kind: str, least: float) -> list[Reviewed]:
    """Findings that `accept_by_rule` would accept."""
    queue = waiting(reviewed, Wanted((kind,), least))
    return [each for each in queue if each.finding.labels]


def decided(repairs: Sequence[Repair]) -> list[Repair]:
    """The decisions in force, the newest first."""
    return list(standing(repairs).values())[::-1]


def decided_table(decisions: Sequence[Repair]) -> pd.DataFrame:
    """One row a decision: photo, finding, column, values, who and when."""
    return pd.DataFrame(
        {
            "Photo": [each.filename for each in decisions],
            "Finding": [each.finding for each in decisions],
            "Decision": [each.decision for each in decisions],
            "Column": [each.column for each in decisions],
            "Old": [each.old for each in decisions],
            "New": [_new(each) for each in decisions],
            "By": [each.by for each in decisions],
            "When": pd.to_datetime([each.at for each in decisions], utc=True, errors="coerce"),
        }
    )


def in_words(repair: Repair) -> str:
    """A decision on one line."""
    if repair.decision == "rejected":
        return f"{repair.filename}: {repair.finding} rejected"
    if repair.leaves_out:
        return f"{repair.filename}: left out ({repair.finding})"
    return f"{repair.filename}: {repair.column} {repair.old} → {repair.new}"


def counted(decisions: Sequence[Repair]) -> str:
    """The number of decisions by their effect."""
    accepted = [each for each in decisions if each.decision == "accepted"]
    out = sum(each.leaves_out for each in accepted)
    rule = sum(each.by == "rule" for each in decisions)
    return (
        f"Accepted: {len(accepted):,} (values replaced: {len(accepted) - out:,}, photos left out: "
        f"{out:,}); rejected: {len(decisions) - len(accepted):,}; by rule: {rule:,}"
    )


def _new(repair: Repair) -> str:
    if repair.decision == "rejected":
        return ""
    return repair.new or "left out"
