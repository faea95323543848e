"""What a report says beside its figures, so that they do not flatter: leak, intervals, doubts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.evaluation.away import leak_report
from core.evaluation.comparison import FEWEST_CLUSTERS
from core.evaluation.flagged import Flagged, flagged_report
from core.evaluation.intervals import Bootstrap, Grouping
from core.evaluation.judgement import Judgement
from core.evaluation.outcome import outcome_of_baseline, outcomes_of
from core.geo import Floats
from core.retrieval.baselines import Baseline


@dataclass(frozen=True)
class Grounds:
    """What is known about n judged photos besides their truth.

    Attributes:
        nearest_m: `(n,)` distance to the nearest training photo; None where it is unknown.
        grouping: Photos that are right or wrong together; None where that cannot be told.
        flagged: Photos whose labels are doubted; None where nobody looked.
        regions: False where no region that is judged was ever trained.
    """

    nearest_m: Floats | None
    grouping: Grouping | None
    flagged: Flagged | None
    regions: bool = True


def grounds_report(
    judgement: Judgement,
    baselines: Sequence[Baseline],
    found: Mapping[str, Any],
    grounds: Grounds,
) -> dict[str, Any]:
    """The keys `leak`, `intervals`, `flagged` of a report, and `baselines` with their intervals.

    Args:
        judgement: Predictions and truth.
        baselines: What the baselines say about the same photos.
        found: The figures of the report, with the key `baselines`.
        grounds: What is known about the photos.
    """
    outcomes = outcomes_of(judgement, regions=grounds.regions)
    near, doubts = grounds.nearest_m, grounds.flagged
    report: dict[str, Any] = {
        "leak": None if near is None else leak_report(near, outcomes),
        "intervals": None,
        "flagged": None
        if doubts is None
        else flagged_report(doubts, judgement.truth.photo_ids, outcomes),
        "baselines": dict(found["baselines"]),
    }
    if grounds.grouping is not None:
        bootstrap = Bootstrap(grounds.grouping)
        own = {kind: bootstrap.intervals(outcome) for kind, outcome in outcomes.items()}
        report["intervals"] = own | bootstrap.described()
        for each in baselines:
            theirs = bootstrap.intervals(outcome_of_baseline(each, judgement))
            report["baselines"][each.name] = report["baselines"][each.name] | {"intervals": theirs}
    return report


def grounds_notes(grounds: Grounds) -> list[str]:
    """What a reader must know before believing the intervals."""
    groups = grounds.grouping
    if groups is None:
        return [
            "The photos stand too dense to tell spots apart and it is unknown on which visits they "
            "were taken, so there are no confidence intervals."
        ]
    if groups.count >= FEWEST_CLUSTERS:
        return []
    word = groups.by if groups.count == 1 else f"{groups.by}s"
    return [
        f"These photos are of {groups.count} {word}: confidence intervals from fewer than "
        f"{FEWEST_CLUSTERS} are unreliable."
    ]
