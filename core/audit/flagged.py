"""Photos whose labels the audit doubts, for scores with and without them."""

from pathlib import Path

from core.audit.findings_file import read_findings
from core.audit.review import key_of
from core.audit.rows import read_rows
from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.dataset.repairs import read_repairs, standing
from core.evaluation.flagged import Flagged

FLAG_SCORE = 0.5


def doubts(source: Path | str, findings: Path | None = None) -> Flagged:
    """Photos whose labels are doubted, for the figures of a report with and without them.

    Args:
        source: Dataset folder, or one CSV file of labels.
        findings: A stored `findings.csv` to go by; without one the label checks are run.

    Raises:
        LabelError: As `flagged_kinds`.
    """
    kinds = flagged_kinds(source, findings=findings)
    return Flagged("the label checks" if findings is None else findings.name, kinds)


def flagged_kinds(
    source: Path | str, min_score: float = FLAG_SCORE, findings: Path | None = None
) -> dict[str, tuple[str, ...]]:
    """Photos with a finding that nobody decided about and that is at least this sure.

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
