"""Small reports for the tables of the app."""

from dataclasses import replace

from core.evaluation.report import Flagged, Intervals, Leak, Report, Subset
from core.headline import FIGURES, FigureIntervals, Figures
from tests.evaluation.test_report import stored


def report(accuracy: float, median_m: float, split: str = "aaaaaaaaaaaa") -> Report:
    """A small report; of figures that no test asks for, any."""
    content = stored()
    one = next(iter(content["per_region"].values()))
    position = content["position"]["refined"] | {
        "median_m": median_m, "p90_m": 90.0, "within_10m": 0.2, "within_25m": 0.4
    }  # fmt: skip
    heading = content["heading"]["refined"] | {"maae_deg": 40.0, "within_15": 0.3}
    baseline = {
        "description": "", "given_truth": True, "region": None, "position": position,
        "heading": heading, "joint_10m_15deg": 0.1,
    }  # fmt: skip
    region = content["region"] | {
        "accuracy": accuracy, "accuracy_raw": accuracy, "labels": ["1", "2", "10"],
        "confusion": [[12, 0, 0], [0, 0, 0], [0, 0, 0]],
    }  # fmt: skip
    return Report.from_json(
        {
            "n": 12,
            "region": region,
            "position": {"raw": position | {"median_m": 3 * median_m}, "refined": position},
            "heading": {"raw": heading, "refined": heading},
            "joint_10m_15deg": 0.1,
            "joint_10m_15deg_raw": 0.05,
            "per_region": {"1": one | {"n": 12}},
            "baselines": {"metadata_only": baseline},
            "leak": {"within_1m": 0.01, "within_5m": 0.25, "within_10m": 0.5},
            "split": {"part": "test", "name": "spot", "hash": split, "fold": None, "folds": None},
            "dataset": content["dataset"] | {"campus": "Tiny"},
        }
    )


def honest() -> Report:
    """A report with intervals, leak figures and flagged photos."""
    raw, refined = (Figures(**dict.fromkeys(FIGURES, value)) for value in (0.2, 0.5))
    some = Subset(n=40, raw=raw, refined=refined, reason=None)
    few = Subset(n=3, raw=None, refined=None, reason="3 photos are fewer than 10")
    ends = FigureIntervals(median_m=(8.0, 12.0), region_accuracy=(0.7, 0.9))
    content = report(0.8, 10.0)
    baseline = replace(
        content.baselines["metadata_only"], intervals=FigureIntervals(median_m=(1.0, 2.0))
    )
    return replace(
        content,
        leak=Leak(
            within_1m=0.01, within_5m=0.25, within_10m=0.5, nearest_training_m=4.0,
            away={"beyond_1m": some, "beyond_5m": some, "beyond_10m": few},
        ),
        flagged=Flagged(
            source="the label checks", n=2, kinds={"far": 2}, all=some, without=some
        ),
        intervals=Intervals(
            raw=ends, refined=ends, confidence=0.95, by="spot", clusters=20, radius_m=3.0,
            draws=2000, reliable=True,
        ),
        baselines={"metadata_only": baseline},
    )  # fmt: skip
