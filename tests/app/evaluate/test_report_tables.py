from dataclasses import replace

from app.evaluate import report_tables
from core.evaluation.report import Flagged, Intervals, Leak, Report, Subset
from core.headline import FIGURES, FigureIntervals, Figures
from core.jobs.failures import plain_cause
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


def test_predictors_put_the_model_first_and_leave_unknown_figures_open() -> None:
    table = report_tables.predictors(report(0.8, 10.0))
    assert table["kind"].tolist() == ["prediction", "refined", "baseline"]
    assert table["median_m"].tolist() == [30.0, 10.0, 10.0]
    assert table["given_truth"].tolist() == [False, False, True]
    assert table["region_accuracy"].isna().tolist() == [False, False, True]


def test_regions_keep_the_models_order_and_get_their_names() -> None:
    names = report_tables.region_names(report(0.8, 10.0), {"2": "Gate", "10": "10"})
    assert list(names.items()) == [("1", "1"), ("2", "2 Gate"), ("10", "10")]


def test_the_leak_stands_beside_the_score_or_is_unknown() -> None:
    content = report(0.8, 10.0)
    assert report_tables.leak(content) == ("25.0%", "50.0% in 10 m")
    assert report_tables.leak(replace(content, leak=None)) is None


def honest() -> Report:
    """A report with what stands beside its figures."""
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


def test_headline_figures_have_their_intervals_under_them() -> None:
    shown = report_tables.headline(honest())
    assert shown["Median error"] == ("10.0 m", "8.0 to 12.0")
    assert shown["Region accuracy"] == ("80.0%", "70.0 to 90.0")
    assert shown["Within 10 m and 15°"] == ("10.0%", "")
    old = report_tables.headline(report(0.8, 10.0))
    assert old["Median error"] == ("10.0 m", "")
    assert report_tables.median_intervals(honest()) == ["8.0 to 12.0", "8.0 to 12.0", "1.0 to 2.0"]
    assert report_tables.median_intervals(report(0.8, 10.0)) == ["", "", ""]


def test_photos_away_from_training_and_without_doubts_have_their_figures() -> None:
    table = report_tables.other_photos(honest())
    assert table["photos"].tolist() == [
        "all", "farther than 1 m from training", "farther than 5 m from training",
        "farther than 10 m from training", "without suspect labels",
    ]  # fmt: skip
    assert table["n"].tolist() == [40, 40, 40, 3, 40]
    assert table["median_m"].isna().tolist() == [False, False, False, True, False]
    assert table["median_raw_m"].iloc[0] == 0.2
    assert report_tables.other_photos(report(0.8, 10.0)).empty
    assert report_tables.other_photos(replace(report(0.8, 10.0), leak=None)).empty


def test_a_cause_that_nobody_knows_is_told_as_it_is() -> None:
    assert plain_cause("ZeroDivisionError: division by zero", "") == (
        "ZeroDivisionError: division by zero"
    )
    assert "ended without a message" in plain_cause("", "")
    assert "disk is full" in plain_cause("OSError: [Errno 28] No space left on device", "")
