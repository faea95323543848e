"""Figures with and without the photos whose labels are doubted; the main figure keeps them all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.evaluation.outcome import Outcomes, figures_of


@dataclass(frozen=True)
class Flagged:
    """Photos whose labels somebody doubts.

    Attributes:
        source: Who: the audit, or a file of findings.
        kinds: Kinds of finding by photo id; photos that are not in it are not doubted.
    """

    source: str
    kinds: Mapping[str, Sequence[str]]


def flagged_report(
    flagged: Flagged, photo_ids: Sequence[str], outcomes: Outcomes
) -> dict[str, Any]:
    """How many of the judged photos are doubted and why, and the figures without them.

    Returns:
        `n` doubted photos, their `photo_ids`, `kinds` (photos by kind of finding, the most
        frequent first), and what `figures_of` says of all photos (`all`) and of the others
        (`without`).
    """
    doubted = np.array([name in flagged.kinds for name in photo_ids], bool)
    names = [name for name, own in zip(photo_ids, doubted, strict=True) if own]
    counts = Counter(kind for name in names for kind in dict.fromkeys(flagged.kinds[name]))
    return {
        "source": flagged.source,
        "n": len(names),
        "kinds": dict(counts.most_common()),
        "photo_ids": names,
        "all": figures_of(outcomes, np.ones_like(doubted)),
        "without": figures_of(outcomes, ~doubted),
    }
