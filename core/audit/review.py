"""Decisions about findings: accept, reject, undo, by a person or by a rule; doubted photos.

Decisions go to `repairs.csv` (`core.dataset.repairs`); the label files are never written to.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.audit.findings import Finding, read_findings
from core.audit.rows import read_rows
from core.audit.run import all_kinds, audit
from core.audit.schema import AuditConfig
from core.dataset.repairs import (
    Decider,
    Decision,
    Key,
    Repair,
    changing_repairs,
    now,
    read_repairs,
    standing,
    write_repairs,
)
from core.errors import ConfigError
from core.evaluation.report import SuspectLabels

EVERY = "all"
LAST = "last"


@dataclass(frozen=True)
class Reviewed:
    """A finding and the decision about it that counts; None if it is undecided."""

    finding: Finding
    repair: Repair | None

    @property
    def decision(self) -> Decision | None:
        """Accepted, rejected, or None: undecided."""
        return self.repair.decision if self.repair else None


def review(folder: Path, findings: Sequence[Finding]) -> tuple[Reviewed, ...]:
    """Put the decisions of a dataset folder beside its findings, in the order of the findings."""
    decided = standing(read_repairs(folder))
    return tuple(Reviewed(found, decided.get(key_of(found))) for found in findings)


def decide(
    folder: Path,
    finding: Finding,
    decision: Decision,
    *,
    new: str | None = None,
    by: Decider = "person",
) -> Repair:
    """Write a decision about a finding; a later one about the same finding replaces it.

    Args:
        folder: The dataset folder.
        finding: What is decided about, from `audit`.
        decision: An accepted repair replaces the value when the dataset is read, or leaves the row
            out if there is no new value; a rejected one changes nothing.
        new: Another value than the proposal.
        by: Who decides.

    Raises:
        ConfigError: There is no row that could be repaired.
        LabelError: repairs.csv cannot be read or written.
    """
    repair = _repair(finding, decision, finding.proposal if new is None else new.strip(), by)
    with changing_repairs(folder):
        write_repairs(folder, [*read_repairs(folder), repair])
    return repair


def undo_last(folder: Path) -> Repair | None:
    """Take the last decision back, so that the one before counts again; None if there is none.

    Raises:
        LabelError: repairs.csv cannot be read or written.
    """
    with changing_repairs(folder):
        repairs = read_repairs(folder)
        if not repairs:
            return None
        write_repairs(folder, repairs[:-1])
    return repairs[-1]


def take_back(folder: Path, keys: Collection[Key]) -> int:
    """Take back every decision with one of some keys, so that they are undecided again.

    Returns:
        How many lines of repairs.csv are gone.

    Raises:
        LabelError: repairs.csv cannot be read or written.
    """
    with changing_repairs(folder):
        repairs = read_repairs(folder)
        kept = [repair for repair in repairs if repair.key not in keys]
        if len(kept) < len(repairs):
            write_repairs(folder, kept)
    return len(repairs) - len(kept)


def accept_by_rule(
    folder: Path, findings: Sequence[Finding], kinds: Sequence[str], min_score: float = 0.9
) -> tuple[Repair, ...]:
    """Accept every finding of some kinds that is sure enough; what is decided already stays so.

    Findings about whole files are passed over. A finding without a proposal leaves its row out.

    Raises:
        ConfigError: A kind does not exist.
        LabelError: repairs.csv cannot be read or written.
    """
    _check_kinds(kinds)
    sure = [
        _repair(found, "accepted", found.proposal, "rule")
        for found in findings
        if found.finding in kinds and found.score >= min_score and found.labels
    ]
    with changing_repairs(folder):
        repairs = read_repairs(folder)
        decided = standing(repairs)
        made = tuple(repair for repair in sure if repair.key not in decided)
        if made:
            write_repairs(folder, [*repairs, *made])
    return made


def undo_by_rule(folder: Path, kinds: Sequence[str]) -> tuple[Repair, ...]:
    """Take back what rules decided about some kinds, or about `all`; `last` is the last decision.

    Raises:
        ConfigError: A kind does not exist.
        LabelError: repairs.csv cannot be read or written.
    """
    if tuple(kinds) == (LAST,):
        last = undo_last(folder)
        return (last,) if last else ()
    _check_kinds([kind for kind in kinds if kind != EVERY])
    with changing_repairs(folder):
        repairs = read_repairs(folder)
        gone = [r for r in repairs if r.by == "rule" and (EVERY in kinds or r.finding in kinds)]
        if gone:
            write_repairs(folder, [repair for repair in repairs if repair not in gone])
    return tuple(gone)


def key_of(finding: Finding) -> Key:
    """What a decision about this finding is about."""
    value = finding.value.strip()
    return (finding.labels, finding.filename, finding.finding, finding.column, value)


def _repair(finding: Finding, decision: Decision, new: str, by: Decider) -> Repair:
    if decision == "accepted" and not finding.labels:
        raise ConfigError(
            f"{finding.finding} is about no single label row, so there is nothing to repair: "
            "reject it, or mend the files"
        )
    labels, filename, kind, column, old = key_of(finding)
    return Repair(labels, filename, kind, column, old, new, decision, by, now())


def _check_kinds(kinds: Sequence[str]) -> None:
    unknown = sorted(set(kinds) - set(all_kinds()))
    if unknown:
        known = ", ".join(all_kinds())
        raise ConfigError(f"there is no kind of finding {', '.join(unknown)}; there are: {known}")


FLAG_SCORE = 0.5


def doubts(source: Path | str, findings: Path | None = None) -> SuspectLabels:
    """Photos whose labels are doubted, for the figures of a report with and without them.

    Args:
        source: Dataset folder, or one CSV file of labels.
        findings: A stored `findings.csv` to go by; without one the label checks are run.

    Raises:
        LabelError: As `flagged_kinds`.
    """
    kinds = flagged_kinds(source, findings=findings)
    return SuspectLabels("the label checks" if findings is None else findings.name, kinds)


def flagged_kinds(
    source: Path | str, min_score: float = FLAG_SCORE, findings: Path | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the photos with an undecided finding of at least some score, and its kinds.

    A rejected finding accuses nobody any more; of an accepted one the label is repaired, or the row
    left out. Notations that are read right all the same score less than the default.

    Args:
        source: Dataset folder, or one CSV file of labels.
        min_score: Findings that are less sure flag nothing.
        findings: A stored `findings.csv` to go by; without one the label checks are run, and no
            photo is opened.

    Returns:
        Kinds of finding by `photo_id`, as in `Dataset.table`.

    Raises:
        LabelError: The labels or the stored findings cannot be read.
    """
    config = AuditConfig(dataset=Path(source), photos=False, min_score=min_score)
    if findings is None:
        result = audit(config)
        root, found = result.root, result.findings
    else:
        rows = read_rows(source)
        root = rows.root
        found = tuple(each for each in read_findings(findings, rows) if each.score >= min_score)
    decided = standing(read_repairs(root))
    kinds: dict[str, tuple[str, ...]] = {}
    for each in found:
        if each.photo_id and key_of(each) not in decided:
            known = kinds.get(each.photo_id, ())
            kinds[each.photo_id] = known if each.finding in known else (*known, each.finding)
    return kinds


def flagged_photo_ids(
    source: Path | str, min_score: float = FLAG_SCORE, findings: Path | None = None
) -> frozenset[str]:
    """`photo_id`s of the photos that `flagged_kinds` names."""
    return frozenset(flagged_kinds(source, min_score, findings))
