import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.__main__ import main
from core.comparison.compare import MEASURES, aggregated, compare, compare_all, photo_values
from core.comparison.text import as_json, cautions, measured, overall
from core.errors import ConfigError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import CompareConfig, EvaluateConfig
from core.evaluation.stored_reports import (
    EvaluatedModel,
    find_report,
    named_apart,
    read_evaluated_model,
)
from tests.evaluation.simulated import perturbed, simulated

QUICK = CompareConfig(draws=500)
NAMES = [measure.name for measure in MEASURES]


@pytest.fixture
def model() -> EvaluatedModel:
    return simulated("first", np.random.default_rng(0))


def test_a_model_is_not_distinguishable_from_itself(model: EvaluatedModel) -> None:
    found = compare(model, perturbed(model, "second"), QUICK)
    assert {each.verdict for each in found.differences} == {"not distinguishable"}
    for each in found.differences:
        assert (each.difference, each.low, each.high) == (0.0, 0.0, 0.0)
    assert overall(found) == (
        "second and first are not distinguishable: on 200 photos in 40 spots (within 3 m), every "
        "interval includes zero."
    )


def test_a_planted_improvement_is_better_and_its_mirror_image_worse(model: EvaluatedModel) -> None:
    planted = simulated("planted", np.random.default_rng(1), shift_m=-8.0)
    better, worse = compare(model, planted, QUICK), compare(planted, model, QUICK)
    assert {each.verdict for each in better.differences if each.measure.unit != "share"} == {
        "better"
    }
    assert better.differences[0].verdict == "better", "region accuracy rises"
    assert better.measures("worse") == []
    assert worse.measures("better") == []
    assert overall(better).startswith("planted is better than first: in ")
    assert overall(worse).startswith("first is worse than planted: in ")


def test_signs_errors_fall_and_shares_rise_when_a_model_improves() -> None:
    model = simulated("first", np.random.default_rng(0), shift_m=6.0, spot_sd_m=6.0)
    planted = perturbed(
        model, "planted",
        error_refined_m=model.table["error_refined_m"] / 3.0,
        heading_error_refined_deg=model.table["heading_error_refined_deg"] / 3.0,
        region=model.table["true_region"],
    )  # fmt: skip
    found = compare(model, planted, QUICK)
    for each in found.differences:
        assert (each.difference > 0) == each.measure.higher_is_better
        assert each.verdict == "better", each.measure.name
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.difference < each.high
    assert "Median position error: 8." in measured(found.differences[1])
    assert ": better." in measured(found.differences[1])
    other = compare(planted, model, QUICK)
    assert {each.verdict for each in other.differences} == {"worse"}


def test_better_here_and_worse_there_is_neither(model: EvaluatedModel) -> None:
    table = model.table
    odd = perturbed(
        model, "odd", error_refined_m=table["error_refined_m"] / 3.0,
        heading_error_refined_deg=table["heading_error_refined_deg"] * 2.0,
    )  # fmt: skip
    said = overall(compare(model, odd, QUICK))
    assert "odd is better than first in median position error" in said
    assert "worse in mean heading error" in said
    assert "neither is better overall" in said


@pytest.mark.slow
def test_two_equal_models_are_told_apart_by_luck_in_one_comparison_of_twenty_at_most() -> None:
    rng = np.random.default_rng(7)
    trials, fooled, config = 100, 0, CompareConfig(draws=1000)
    for _ in range(trials):
        first, second = (simulated(name, rng, photos=4) for name in ("first", "second"))
        found = compare(first, second, config)
        fooled += len(found.measures("not distinguishable")) < len(MEASURES)
    # 5 % of 100 is 5; three standard deviations of a binomial above it are 11.
    assert fooled <= 11


@pytest.mark.trap(name="intervals from photos that are no independent draws")
def test_spots_are_drawn_whole_so_photos_that_agree_widen_the_interval(
    model: EvaluatedModel,
) -> None:
    second = simulated("second", np.random.default_rng(8), shift_m=-2.0)
    apart = np.arange(200) * 50.0
    lone = [perturbed(each, each.name, true_north_m=apart) for each in (model, second)]
    by_spot, by_photo = compare(model, second, QUICK), compare(*lone, QUICK)
    assert (by_spot.clusters, by_photo.clusters) == (40, 200)
    assert width(by_spot) > 1.5 * width(by_photo)


def width(found: object) -> float:
    """Width of the interval of the mean position error."""
    each = found.differences[NAMES.index("mean_m")]  # type: ignore[attr-defined]
    return float(each.high - each.low)


def test_figures_are_those_of_the_table_and_raw_ones_of_the_raw_columns(
    model: EvaluatedModel,
) -> None:
    second = simulated("second", np.random.default_rng(9))
    for kind, column in (("refined", "error_refined_m"), ("raw", "error_m")):
        found = compare(model, second, QUICK.model_copy(update={"kind": kind}))
        assert found.differences[1].reference == pytest.approx(model.table[column].median())
        assert found.differences[2].candidate == pytest.approx(second.table[column].mean())


def test_too_few_spots_give_no_verdict() -> None:
    rng = np.random.default_rng(10)
    first, second = simulated("a", rng, spots=6), simulated("b", rng, spots=6, shift_m=-15.0)
    found = compare(first, second, QUICK)
    assert {each.verdict for each in found.differences} == {"not distinguishable"}
    assert "6 spots (within 3 m) are too few to tell" in overall(found)
    assert any("unreliable" in caution for caution in cautions(found))
    single = compare(
        *(perturbed(each, each.name, true_north_m=0.0) for each in (first, second)), QUICK
    )
    assert single.clusters == 1
    assert single.differences[0].low is None
    assert "(no interval)" in measured(single.differences[0])


def test_photos_of_one_report_only_and_changed_labels_are_named_and_left_out(
    model: EvaluatedModel,
) -> None:
    table = model.table.iloc[3:].reset_index(drop=True)
    table.loc[0, "true_angle"] = 90.0
    table.loc[1, "seen_in_training"] = True
    other = replace(model, name="other", table=table.sample(frac=1.0, random_state=0))
    found = compare(model, other, QUICK)
    assert found.photos == 195
    assert {left.reason: len(left.photo_ids) for left in found.left_out} == {
        "evaluated only for first": 3,
        "labelled differently in the two reports": 1,
        "trained on by only one of the two": 1,
    }
    assert any("3 photos left out" in one and "images/0000.jpg" in one for one in cautions(found))
    assert found.differences[1].difference == 0.0, "the rest is joined by name, not by place"


def test_other_splits_are_named_and_not_ranked(model: EvaluatedModel) -> None:
    elsewhere = simulated("elsewhere", np.random.default_rng(1), key="test:other")
    found = compare_all([model, perturbed(model, "second"), elsewhere], QUICK)
    assert [pair.candidate for pair in found.pairs] == ["second"]
    assert "easier photos" in found.unranked["elsewhere"]
    with pytest.raises(ConfigError, match="evaluated on other photos"):
        compare(model, elsewhere, QUICK)
    json.dumps(as_json(found), allow_nan=False)


def test_several_candidates_need_a_larger_lead_than_one(model: EvaluatedModel) -> None:
    second = simulated("second", np.random.default_rng(2), shift_m=-1.0)
    alone = compare_all([model, second], QUICK).pairs[0]
    among = compare_all([model, second, *(perturbed(second, f"{n}") for n in range(4))], QUICK)
    assert alone.confidence == pytest.approx(0.95)
    assert among.pairs[0].confidence == pytest.approx(0.99)
    assert width(among.pairs[0]) > width(alone)


def test_regions_with_spots_enough_have_intervals(model: EvaluatedModel) -> None:
    worse = model.table["error_refined_m"] + 20.0 * (model.table["true_region"] == "1")
    rare = model.table["true_region"].mask(model.table.index < 10, "rare")
    first = perturbed(model, "first", true_region=rare)
    found = compare(first, perturbed(first, "second", error_refined_m=worse), QUICK)
    regions = {each.region: each for each in found.regions}
    assert list(regions) == ["0", "1", "rare"]
    assert sum(each.photos for each in found.regions) == found.photos
    assert regions["1"].differences[1].verdict == "worse"
    assert regions["0"].differences[1].verdict == "not distinguishable"
    assert regions["0"].differences[1].difference == 0.0
    assert regions["rare"].clusters == 2
    assert regions["rare"].differences[1].low is None


def test_the_same_seed_gives_the_same_intervals(model: EvaluatedModel) -> None:
    second = simulated("second", np.random.default_rng(2))
    assert compare(model, second, QUICK) == compare(model, second, QUICK)
    other = compare(model, second, QUICK.model_copy(update={"seed": 1}))
    assert other.differences != compare(model, second, QUICK).differences


def test_visits_are_drawn_whole_where_the_report_names_them(model: EvaluatedModel) -> None:
    visits = np.arange(200) // 10
    named = [perturbed(model, name, visit=visits) for name in ("a", "b")]
    config = QUICK.model_copy(update={"by": "visit"})
    found = compare(*named, config)
    assert (found.clusters, found.radius_m) == (20, None)
    with pytest.raises(ConfigError, match="without timestamps"):
        compare(model, perturbed(model, "b"), config)


def test_a_report_names_the_visits_that_the_labels_tell(report: Path, shared_campus: Path) -> None:
    table = pd.read_csv(report / "predictions.csv")
    labels = pd.read_csv(shared_campus / "labels.csv").set_index("filename")
    hours = labels["timestamp"].str[:2][table["filename"]].to_numpy()
    # Photos of an hour are five minutes apart, hours three quarters: an hour is a visit.
    assert table.groupby(hours)["visit"].nunique().max() == 1
    assert table["visit"].nunique() == len(set(hours)) == 6
    found = compare(
        read_evaluated_model(report),
        read_evaluated_model(report),
        QUICK.model_copy(update={"by": "visit"}),
    )
    assert found.clusters == table["visit"].nunique()


@pytest.fixture(scope="module")
def report(checkpoint: Path, shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared") / "one" / "report"
    config = EvaluateConfig(
        run=checkpoint, dataset=shared_campus, out=out, split="all", plots=False
    )
    return evaluate(config).out


def test_figures_agree_with_the_report(report: Path) -> None:
    judged = read_evaluated_model(report)
    content = json.loads((report / "report.json").read_text(encoding="utf-8"))
    for kind, ending in (("raw", "_raw"), ("refined", "")):
        figures = dict(zip(NAMES, aggregated(photo_values(judged.table, kind)), strict=True))  # type: ignore[arg-type]
        position = content["position"][kind]
        for name in ("median_m", "mean_m", "within_10m", "within_25m"):
            assert figures[name] == pytest.approx(position[name], abs=1e-3)
        assert figures["maae_deg"] == pytest.approx(content["heading"][kind]["maae_deg"], abs=1e-3)
        assert figures["joint_10m_15deg"] == pytest.approx(content[f"joint_10m_15deg{ending}"])
        assert figures["region_accuracy"] == pytest.approx(content["region"][f"accuracy{ending}"])


def test_the_command_compares_and_writes(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = (tmp_path / name / "reports" / "x" for name in ("one", "two", "three"))
    for folder in (first, second, third):
        shutil.copytree(report, folder)
    content = json.loads((report / "report.json").read_text(encoding="utf-8"))
    content["split"]["hash"] = "f" * 64
    (third / "report.json").write_text(json.dumps(content), encoding="utf-8")
    out = tmp_path / "compare.json"
    words = [str(tmp_path / name) for name in ("one", "two", "three")]
    assert main(["compare", *words, "--out", str(out), "--draws", "300"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("two and one are not distinguishable")
    assert "not ranked: three was evaluated on other photos" in told
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["pairs"][0]["differences"]["median_m"]["difference"] == 0.0
    assert list(written["unranked"]) == ["three"]


def test_what_a_path_means(report: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for part in ("test", "val"):
        folder = run / "reports" / f"data-{part}"
        shutil.copytree(report, folder)
        content = json.loads((report / "report.json").read_text(encoding="utf-8"))
        content["split"]["part"] = part
        (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    (run / "checkpoints" / "best").mkdir(parents=True)
    tested = run / "reports" / "data-test"
    assert find_report(run) == tested, "test comes before a newer one on val"
    assert find_report(run / "checkpoints" / "best") == tested
    assert find_report(run / "reports" / "data-val") == run / "reports" / "data-val"
    assert find_report(tested / "report.json") == tested
    assert read_evaluated_model(tested).name == "run"
    assert [one.name for one in named_apart([read_evaluated_model(tested)] * 2)] == [
        str(tested)
    ] * 2
    with pytest.raises(ConfigError, match="python -m core evaluate"):
        find_report(tmp_path)
    with pytest.raises(ConfigError, match="there is no folder"):
        find_report(tmp_path / "nowhere")


def test_damaged_reports_are_refused_with_the_way_out(model: EvaluatedModel, report: Path) -> None:
    with pytest.raises(ConfigError, match="lacks error_m"):
        replace(model, table=model.table.drop(columns="error_m"))
    with pytest.raises(ConfigError, match="one twice"):
        replace(model, table=pd.concat([model.table, model.table.head(1)]))
    with pytest.raises(ConfigError, match="without an error"):
        perturbed(model, "x", error_m=np.nan)
    with pytest.raises(ConfigError, match=r"predictions\.csv cannot be read"):
        read_evaluated_model(without_table(report))


def without_table(report: Path) -> Path:
    """A copy of a report that lost its table."""
    folder = report.parent / "torn"
    folder.mkdir(exist_ok=True)
    shutil.copy(report / "report.json", folder)
    return folder
