"""The report of a cross-validation: every photo once, figures that follow from the folds'."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest

from core.__main__ import main
from core.comparison.compare import compare
from core.crossval.folder import fold_run, read_config
from core.crossval.report import (
    Spread,
    list_crossvals,
    read_crossval,
    read_pooled,
    read_report,
    spread,
)
from core.crossval.run import aggregate_folder
from core.dataset.labels import read_dataset
from core.errors import ConfigError, RunError
from core.evaluation.schema import CompareConfig
from core.jobs.summary import list_runs


def test_every_photo_is_pooled_once_from_a_fold_that_tested_it(
    shared_crossval: Path, shared_campus: Path
) -> None:
    table = pd.read_csv(shared_crossval / "predictions.csv")
    assert sorted(table["photo_id"]) == sorted(read_dataset(shared_campus).table["photo_id"])
    for number, rows in table.groupby("fold"):
        parts = fold_run(shared_crossval, int(number)).read_json("split.json")["parts"]
        assert sorted(rows["photo_id"]) == parts["test"]
    assert not table["seen_in_training"].any()


def test_pooled_figures_are_those_of_the_pooled_rows(shared_crossval: Path) -> None:
    table = pd.read_csv(shared_crossval / "predictions.csv")
    pooled = read_report(shared_crossval).pooled
    assert pooled.n == len(table) == 48
    hits = table["true_region"] == table["region"]
    assert pooled.region.accuracy == pytest.approx(hits.mean())
    for kind, column in (("raw", "error_m"), ("refined", "error_refined_m")):
        found = pooled.position.of(kind)
        assert found.median_m == pytest.approx(table[column].median(), abs=0.01)
        assert found.within_25m == pytest.approx((table[column] <= 25).mean(), abs=0.03)
    error = table["heading_error_deg"]
    assert pooled.heading.raw.maae_deg == pytest.approx(error.mean(), abs=0.02)
    by_region = table[table["true_region"] == 2]
    assert pooled.per_region["2"].n == len(by_region) == 12
    assert pooled.per_region["1"].name == "Gate"
    assert set(pooled.baselines) >= {"global_mean", "nearest_feature", "metadata_only"}


def test_mean_and_sd_are_those_of_the_folds_reports(shared_crossval: Path) -> None:
    report = read_report(shared_crossval)
    told = [
        json.loads(
            next(fold_run(shared_crossval, number).path.glob("reports/*/report.json")).read_text()
        )
        for number in range(3)
    ]
    values = [each["position"]["refined"]["median_m"] for each in told]
    found = report.summary["position.refined.median_m"]
    assert found.values == tuple(values)
    assert found.mean == pytest.approx(mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1)) == pytest.approx(stdev(values))
    rival = report.baselines["global_mean"]["position.median_m"]
    assert rival.values == tuple(
        each["baselines"]["global_mean"]["position"]["median_m"] for each in told
    )
    assert "no confidence interval" in report.notes[0]
    assert "region.accuracy" in report.summary
    assert "leak.within_5m" in report.summary


def test_a_figure_that_a_fold_lacks_has_no_mean() -> None:
    found = spread([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": None}])
    assert found["a"] == Spread(2.0, pytest.approx(2**0.5), (1.0, 3.0))
    assert found["b"] == Spread(None, None, (2.0, None))


def test_pooled_leak_and_intervals_are_of_all_photos(shared_crossval: Path) -> None:
    table = pd.read_csv(shared_crossval / "predictions.csv")
    report = read_report(shared_crossval)
    leak, intervals = report.pooled.leak, report.pooled.intervals
    nearest = table["nearest_training_m"]
    for radius in (1, 5, 10):
        assert getattr(leak, f"within_{radius}m") == pytest.approx((nearest <= radius).mean())
    assert leak.nearest_training_m == pytest.approx(nearest.median(), abs=0.01)
    away = table[nearest > 10]
    assert leak.away["beyond_10m"].n == len(away)
    assert (intervals.by, intervals.clusters) == ("spot", 24)
    low, high = intervals.refined.median_m
    assert low <= report.pooled.position.refined.median_m <= high
    assert report.pooled.flagged.n == 0
    assert report.pooled.flagged.without.n == 48
    assert "leak.nearest_training_m" in report.summary
    assert not [name for name in report.summary if "away" in name]


def test_the_report_can_be_written_again_and_is_the_same(finished: Path) -> None:
    before = read_report(finished)
    (finished / "crossval.json").unlink()
    (finished / "predictions.csv").unlink()
    after = aggregate_folder(read_config(finished))
    assert replace(after, created="") == replace(before, created="")
    assert (finished / "predictions.csv").exists()


def test_missing_folds_are_named(finished: Path) -> None:
    fold_run(finished, 1).path.rename(finished / "elsewhere")
    with pytest.raises(RunError, match=r"folds 1 of .* are not finished.*--resume"):
        aggregate_folder(read_config(finished))


def test_a_crossval_is_read_without_tensors(shared_crossval: Path) -> None:
    found = read_crossval(shared_crossval)
    assert (found.state, found.done, len(found.folds)) == ("finished", 3, 3)
    assert found.figure("position.raw.median_m") is not None
    assert found.figure("no.such") is None
    assert found.pooled is not None
    assert [each.path for each in list_crossvals(shared_crossval.parent)] == [shared_crossval]
    assert [run.state for run in list_runs(shared_crossval)] == ["finished"] * 3
    with pytest.raises(RunError, match="no cross-validation"):
        read_crossval(shared_crossval.parent)


def test_a_damaged_crossval_is_listed_as_such(finished: Path) -> None:
    (finished / "crossval-config.json").write_text("{", encoding="utf-8")
    assert read_crossval(finished).state == "damaged"


CONFIG = CompareConfig(draws=300)


def test_two_cross_validations_with_the_same_folds_compare_by_their_pooled_photos(
    shared_crossval: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(shared_crossval, tmp_path / "other"))
    first, second = read_pooled(shared_crossval), read_pooled(other)
    found = compare(first, second, CONFIG)
    pooled = json.loads((other / "crossval.json").read_text(encoding="utf-8"))["pooled"]
    assert found.photos == pooled["n"]
    median = next(each for each in found.differences if each.measure.name == "median_m")
    assert median.reference == pytest.approx(pooled["position"]["refined"]["median_m"], abs=1e-3)
    assert median.difference == 0.0
    assert main(["compare", str(shared_crossval), str(other), "--draws", "300"]) == 0
    assert "not distinguishable" in capsys.readouterr().out


def test_other_folds_are_not_ranked(shared_crossval: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(shared_crossval, tmp_path / "other"))
    report = json.loads((other / "crossval.json").read_text(encoding="utf-8"))
    report["folds"][0]["split_hash"] = "f" * 64
    (other / "crossval.json").write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(ConfigError, match="evaluated on other photos"):
        compare(read_pooled(shared_crossval), read_pooled(other), CONFIG)


def test_an_unfinished_one_says_how_to_finish_it(shared_crossval: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(shared_crossval, tmp_path / "other"))
    (other / "crossval.json").unlink()
    with pytest.raises(ConfigError, match="--resume"):
        read_pooled(other)
