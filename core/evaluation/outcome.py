"""What became of n photos under one predictor, and the headline figures of any of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.judgement import Judgement
from core.evaluation.metrics import JOINT_DEG, JOINT_M
from core.geo import Floats, distance_m, heading_error_deg
from core.retrieval.baselines import Baseline

FIGURES = (
    "region_accuracy", "median_m", "mean_m", "p90_m", "within_10m", "within_25m", "maae_deg",
    "joint_10m_15deg",
)  # fmt: skip
"""Figures that stand beside one another wherever a set of photos is summed up."""
SPREAD = {"median_m": 0.5, "p90_m": 0.9}
"""Those that are quantiles of the position error; all others are means."""
FEWEST_PHOTOS = 10
"""Figures of fewer photos are chance."""

Rows = NDArray[np.bool_]
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Outcome:
    """Errors of n photos under one predictor.

    Attributes:
        error_m: `(n,)` position errors.
        error_deg: `(n,)` heading errors.
        hit: `(n,)` whether the region is right; None where no region was predicted.
    """

    error_m: Floats
    error_deg: Floats
    hit: NDArray[np.bool_] | None

    def __post_init__(self) -> None:
        """Check that all are about the same photos."""
        shapes = {self.error_m.shape, self.error_deg.shape}
        shapes |= set() if self.hit is None else {self.hit.shape}
        if shapes != {(len(self.error_m),)}:
            raise ValueError(f"errors of one set of photos do not fit: {sorted(shapes)}")

    @property
    def means(self) -> dict[str, Floats]:
        """One value a photo `(n,)` for every figure that is a mean."""
        near = self.error_m <= JOINT_M
        hit = {} if self.hit is None else {"region_accuracy": self.hit}
        values = hit | {
            "mean_m": self.error_m,
            "within_10m": near,
            "within_25m": self.error_m <= 25.0,
            "maae_deg": self.error_deg,
            "joint_10m_15deg": near & (self.error_deg <= JOINT_DEG),
        }
        return {name: np.asarray(value, np.float64) for name, value in values.items()}

    def figures(self, rows: Rows) -> Figures:
        """The headline figures of the chosen photos, at least one; unknown ones are None."""
        found: Figures = dict.fromkeys(FIGURES)
        found |= {name: float(values[rows].mean()) for name, values in self.means.items()}
        for name, share in SPREAD.items():
            found[name] = float(np.quantile(self.error_m[rows], share))
        return found


Outcomes = Mapping[str, Outcome]


def outcomes_of(judgement: Judgement, *, regions: bool = True) -> dict[str, Outcome]:
    """Outcomes of the model, `raw` (the network's own answers) and `refined`.

    Args:
        judgement: Predictions and truth.
        regions: False where no region that is judged was ever trained, so that none can be right.
    """
    truth, predicted = judgement.truth, judgement.prediction
    own = predicted.region_head.argmax(axis=1) == truth.region
    voted = predicted.region_index == truth.region
    return {
        "raw": Outcome(judgement.error_m, judgement.error_deg, own if regions else None),
        "refined": Outcome(
            judgement.error_refined_m, judgement.error_refined_deg, voted if regions else None
        ),
    }


def outcome_of_baseline(baseline: Baseline, judgement: Judgement) -> Outcome:
    """Outcome of a baseline on the same photos."""
    truth = judgement.truth
    return Outcome(
        distance_m(truth.position_m, baseline.position_m),
        heading_error_deg(truth.heading_deg, baseline.heading_deg),
        None if baseline.region is None else baseline.region == truth.region,
    )


def figures_of(outcomes: Outcomes, rows: Rows) -> dict[str, Any]:
    """The figures of the chosen photos, or why there are none.

    Returns:
        `n`, then `raw` and `refined` figures and `reason` None; or both None, and a reason.
    """
    n = int(rows.sum())
    if n < FEWEST_PHOTOS:
        none: dict[str, Any] = dict.fromkeys(outcomes)
        return {"n": n, **none, "reason": f"{n} photos are fewer than {FEWEST_PHOTOS}"}
    found = {kind: outcome.figures(rows) for kind, outcome in outcomes.items()}
    return {"n": n, **found, "reason": None}
