"""How far the labels of two rows contradict each other, where their photos show one view."""

from dataclasses import dataclass

import numpy as np

from core.audit.rows import LabelRows
from core.geo import heading_error_deg

# GPS of phones and whoever typed the label are this far off without anything being wrong.
NEAR_M = 20.0
NEAR_DEG = 30.0
# Where nobody says what the numbers mean, in parts of the campus's spread.
NEAR_SPREADS = 0.15


@dataclass(frozen=True)
class Disagreement:
    """How the labels of one row differ from another's.

    Attributes:
        amount: 0 where they agree within what labels may be off, 1 where they are twice as far
            apart or more.
        words: The differences for people.
    """

    amount: float
    words: str

    def __post_init__(self) -> None:
        """Refuse an amount that is no share."""
        if not 0.0 <= self.amount <= 1.0:
            raise ValueError(f"amount lies in [0, 1], got {self.amount}")


def disagreement(rows: LabelRows, first: int, second: int) -> Disagreement:
    """Compare region, position and heading of two rows; what one of them lacks is not compared."""
    amounts, words = [0.0], []
    ground = rows.ground
    apart = float(np.hypot(*(ground.position[first] - ground.position[second])))
    if np.isfinite(apart):
        near = NEAR_M if ground.unit == "m" else max(NEAR_SPREADS * ground.spread, 1e-9)
        amounts.append(_excess(apart, near))
        words.append(f"{ground.length(apart)} apart")
    turned = float(heading_error_deg(rows.heading_deg[first], rows.heading_deg[second]))
    if np.isfinite(turned):
        amounts.append(_excess(turned, NEAR_DEG))
        words.append(f"headings {turned:.0f}° apart")
    one, other = rows.region[first], rows.region[second]
    if one and other:
        # Beside a border, one of two photos of a spot may rightly be in the other region.
        amounts.append(0.7 if one != other else 0.0)
        words.append("same region" if one == other else f"regions {other} and {one}")
    return Disagreement(max(amounts), ", ".join(words) or "no labels to compare")


def _excess(value: float, near: float) -> float:
    return float(np.clip(value / near - 1.0, 0.0, 1.0))
