import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.errors import CheckpointError, ConfigError, FrameError, SplitError
from core.evaluation.descriptors import FILE, read_descriptors
from core.evaluation.evaluate import Evaluation, evaluate
from core.evaluation.report import Report, SuspectLabels
from core.evaluation.schema import EvaluateConfig
from core.evaluation.table import COLUMNS
from core.inference.stored_split import load_split
from core.retrieval.gallery import Gallery
from core.runs import report_folders
from tests.tiny_checkpoint import make_checkpoint

CampusMaker = Callable[..., Path]

POSITION = {
    "mse_label_units", "rmse_m", "mean_m", "median_m", "p90_m",
    "within_5m", "within_10m", "within_25m", "within_50m",
}  # fmt: skip
HEADING = {"maae_deg", "median_deg", "within_5", "within_15", "within_30"}
PLOTS = ("confusion", "scatter", "error_cdf", "heading_by_true_heading", "heading_by_region")
PREDICTED = [
    "region", "region_probability", "latitude", "longitude", "latitude_refined",
    "longitude_refined", "angle", "angle_refined",
]  # fmt: skip


@pytest.fixture(scope="module")
def found(
    checkpoint: Path, shared_campus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Evaluation:
    out = tmp_path_factory.mktemp("report")
    return evaluate(EvaluateConfig(run=checkpoint, dataset=shared_campus, out=out))


def judge(checkpoint: Path, root: Path, out: Path, split: str = "test") -> Evaluation:
    values = {"run": checkpoint, "dataset": root, "out": out, "split": split, "plots": False}
    return evaluate(EvaluateConfig.model_validate(values))


def test_the_report_has_every_promised_key(found: Evaluation) -> None:
    report = json.loads((found.out / "report.json").read_text())
    assert report == found.report.to_json()
    assert Report.from_json(report) == found.report
    assert set(report["region"]) >= {
        "accuracy", "macro_precision", "macro_recall", "macro_f1", "top3", "confusion",
    }  # fmt: skip
    for kind in ("raw", "refined"):
        assert set(report["position"][kind]) == POSITION
        assert set(report["position"][kind]["mse_label_units"]) == {"latitude", "longitude", "mean"}
        assert set(report["heading"][kind]) == HEADING
    assert set(report["baselines"]) == {
        "global_mean", "region_centroid_predicted", "region_centroid_true", "nearest_feature",
        "metadata_only",
    }  # fmt: skip
    for baseline in report["baselines"].values():
        assert set(baseline["position"]) == POSITION
        assert set(baseline["heading"]) == HEADING
        assert isinstance(baseline["given_truth"], bool)
    assert set(report["leak"]) == {
        "within_1m", "within_5m", "within_10m", "nearest_training_m", "away",
    }  # fmt: skip
    assert report["flagged"] is None
    assert set(report["intervals"]) == {
        "raw", "refined", "confidence", "by", "clusters", "radius_m", "draws", "reliable",
    }  # fmt: skip
    assert {"n", "joint_10m_15deg", "per_region", "excluded", "notes", "checkpoint", "dataset",
            "trained_on", "seen_in_training"} <= set(report)  # fmt: skip


def test_stored_descriptors_find_the_neighbours_of_the_table(
    found: Evaluation, checkpoint: Path, tmp_path: Path
) -> None:
    gallery, ids = Gallery.load(checkpoint), tuple(found.table["photo_id"])
    descriptors = read_descriptors(found.out, ids, gallery)
    assert descriptors is not None
    nearest = np.asarray(gallery.photo_ids)[(descriptors @ gallery.features.T).argmax(axis=1)]
    listed = found.table["neighbours"].str.split(";")
    assert np.mean([one in names for one, names in zip(nearest, listed, strict=True)]) > 0.9
    # They are of these photos and of this gallery only.
    assert read_descriptors(found.out, ids[::-1], gallery) is None
    other = replace(gallery, features=np.roll(gallery.features, 1, axis=0))
    assert read_descriptors(found.out, ids, other) is None
    assert read_descriptors(tmp_path, ids, gallery) is None
    (tmp_path / FILE).write_bytes((found.out / FILE).read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="evaluate again"):
        read_descriptors(tmp_path, ids, gallery)


def test_figures_of_the_report_are_those_of_the_table(found: Evaluation) -> None:
    table = pd.read_csv(found.out / "predictions.csv")
    report = found.report
    assert tuple(table.columns[: len(COLUMNS)]) == COLUMNS
    assert report.n == len(table)
    assert report.region.accuracy == pytest.approx((table["true_region"] == table["region"]).mean())
    right = table["true_region"] == table["region"]
    surest, of_truth = table["region_probability"], table["true_region_probability"]
    assert (of_truth[right] == surest[right]).all()
    assert (of_truth[~right] <= surest[~right]).all()
    assert (of_truth + surest)[~right].max() <= 1.0 + 1e-5
    for kind, suffix in (("raw", ""), ("refined", "_refined")):
        errors = table[f"error{suffix}_m"]
        assert report.position.of(kind).median_m == pytest.approx(errors.median(), abs=1e-3)
        assert report.position.of(kind).rmse_m == pytest.approx(
            np.sqrt((errors**2).mean()), abs=1e-2
        )
        turned = table[f"heading_error{suffix}_deg"]
        assert report.heading.of(kind).maae_deg == pytest.approx(turned.mean(), abs=1e-2)
    error = np.hypot(
        table["true_north_m"] - table["north_m"], table["true_east_m"] - table["east_m"]
    )
    np.testing.assert_allclose(error, table["error_m"], atol=2e-3)
    assert sum(item.n for item in report.per_region.values()) == report.n


def test_leak_and_figures_away_from_training_are_those_of_the_table(
    checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    found = judge(checkpoint, shared_campus, tmp_path, "all")
    table, leak = found.table, found.report.leak
    nearest = table["nearest_training_m"]
    assert leak.nearest_training_m == pytest.approx(nearest.median())
    for radius in (1, 5, 10):
        away = leak.away[f"beyond_{radius}m"]
        own = table[nearest > radius]
        assert getattr(leak, f"within_{radius}m") == pytest.approx(1 - len(own) / len(table))
        assert away.n == len(own) >= 10
        assert away.reason is None
        refined = away.refined
        assert refined.median_m == pytest.approx(own["error_refined_m"].median(), abs=1e-2)
        assert refined.p90_m == pytest.approx(own["error_refined_m"].quantile(0.9), abs=1e-2)
        right = own["true_region"] == own["region"]
        assert refined.region_accuracy == pytest.approx(right.mean())
        assert away.raw.within_25m == pytest.approx((own["error_m"] <= 25).mean())
        assert away.raw.maae_deg == pytest.approx(own["heading_error_deg"].mean(), abs=1e-2)


@pytest.mark.trap(name="test photos cleaned away")
def test_doubted_photos_stay_in_the_main_figure_and_are_left_out_beside_it(
    checkpoint: Path, shared_campus: Path, found: Evaluation, tmp_path: Path
) -> None:
    every = judge(checkpoint, shared_campus, tmp_path / "all", "all")
    doubted = every.table["photo_id"].iloc[[3, 7]].tolist()
    kinds = {doubted[0]: ("heading_range", "sexagesimal"), doubted[1]: ("heading_range",)}
    flagged = SuspectLabels("findings.csv", kinds | {"images/not_judged.jpg": ("dark",)})
    config = EvaluateConfig(
        run=checkpoint, dataset=shared_campus, out=tmp_path / "out", split="all", plots=False
    )
    again = evaluate(config, suspect=flagged)
    told = again.report.flagged
    assert again.report.position == every.report.position
    assert (told.n, told.photo_ids) == (2, tuple(doubted))
    assert told.kinds == {"heading_range": 2, "sexagesimal": 1}
    assert told.all.n == 48
    assert told.all.refined.median_m == every.report.position.refined.median_m
    rest = every.table[~every.table["photo_id"].isin(doubted)]
    assert told.without.n == len(rest) == 46
    median = rest["error_refined_m"].median()
    assert told.without.refined.median_m == pytest.approx(median, abs=1e-2)


def test_intervals_are_by_spot_or_by_visit_as_asked(
    checkpoint: Path, shared_campus: Path, found: Evaluation, tmp_path: Path
) -> None:
    # Six visits of the small campus are too few to be chosen without being asked for.
    assert found.report.intervals.by == "spot"
    config = EvaluateConfig(
        run=checkpoint, dataset=shared_campus, out=tmp_path, split="all", plots=False, by="visit"
    )
    report = evaluate(config).report
    assert report.intervals.by == "visit"
    assert report.intervals.clusters < 10
    assert not report.intervals.reliable
    assert any("fewer than 10 are unreliable" in note for note in report.notes)
    for kind in ("raw", "refined"):
        low, high = report.intervals.of(kind).mean_m
        assert low < report.position.of(kind).mean_m < high
    assert report.baselines["global_mean"].intervals.median_m[0] > 0


def test_the_columns_are_the_promised_ones() -> None:
    assert ",".join(COLUMNS) == (
        "filename,true_region,region,region_probability,true_latitude,true_longitude,latitude,"
        "longitude,latitude_refined,longitude_refined,error_m,error_refined_m,true_angle,angle,"
        "angle_refined,heading_error_deg,heading_error_refined_deg"
    )


def test_only_the_test_photos_are_judged(found: Evaluation, checkpoint: Path) -> None:
    split = load_split(checkpoint)
    expected = {name for name, part in split.parts.items() if part == "test"}
    assert set(found.table["photo_id"]) == expected
    assert found.report.split.name == "spot"
    assert found.report.split.hash == split.hash
    assert found.report.seen_in_training == 0
    assert found.report.trained_on.photos == list(split.parts.values()).count("train")


def test_a_part_that_the_split_does_not_have_is_refused(
    checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    with pytest.raises(SplitError, match=r"no calibrate part .*--part val"):
        judge(checkpoint, shared_campus, tmp_path, "calibrate")


def test_plots_are_pictures(found: Evaluation) -> None:
    for name in PLOTS:
        with Image.open(found.out / f"{name}.png") as picture:
            assert min(picture.size) > 400
            assert np.asarray(picture.convert("L")).std() > 5


@pytest.mark.trap(name="teacher forcing of region and heading")
def test_shuffled_truth_leaves_every_prediction_unchanged(
    found: Evaluation, checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_campus / "labels.csv")
    split = load_split(checkpoint)
    tested = [split.parts[f"images/{name}"] == "test" for name in labels["filename"]]
    truth = ["timestamp", "latitude", "longitude", "angle", "Region_ID"]
    shuffled = labels[tested].sample(frac=1, random_state=1)[truth].to_numpy()
    assert (shuffled != labels.loc[tested, truth].to_numpy()).any()
    labels.loc[tested, truth] = shuffled
    labels.to_csv(small_campus / "labels.csv", index=False)
    again = judge(checkpoint, small_campus, tmp_path / "out")
    # Exactly: the usual tolerance of 1e-5 is twenty metres of latitude.
    pd.testing.assert_frame_equal(again.table[PREDICTED], found.table[PREDICTED], check_exact=True)
    assert (again.table["error_m"] != found.table["error_m"]).any()


def test_all_photos_say_how_many_were_trained_on_and_none_finds_itself(
    checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    every = judge(checkpoint, shared_campus, tmp_path, "all")
    trained = every.report.trained_on.photos
    assert every.report.n == 48
    assert every.report.seen_in_training == trained > 0
    assert any("TRAINED ON" in note for note in every.report.notes)
    for row in every.table[every.table["seen_in_training"]].itertuples():
        assert row.photo_id not in row.neighbours.split(";")


def test_another_campus_with_the_same_names_is_not_mistaken_for_training(
    checkpoint: Path,
    make_campus: CampusMaker,
    tmp_path: Path,
) -> None:
    other = make_campus(tmp_path / "other")
    labels = pd.read_csv(other / "labels.csv")
    labels["latitude"] += 0.001
    labels.to_csv(other / "labels.csv", index=False)
    with pytest.raises(SplitError, match="another dataset; use --part all"):
        judge(checkpoint, other, tmp_path / "out")
    every = judge(checkpoint, other, tmp_path / "out", "all")
    assert every.report.seen_in_training == 0
    assert every.report.split.name == "all"


@pytest.mark.trap(name="a data set of another place")
def test_photos_of_another_place_are_refused_unless_asked_for(
    checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_campus / "labels.csv")
    labels["latitude"] += 30.0
    labels.to_csv(small_campus / "labels.csv", index=False)
    with pytest.raises(ConfigError, match=r"stand 3,3\d\d km from the training photos"):
        judge(checkpoint, small_campus, tmp_path / "out", "all")
    forced = EvaluateConfig(
        run=checkpoint, dataset=small_campus, out=tmp_path / "out", split="all", plots=False,
        other_place=True,
    )  # fmt: skip
    assert evaluate(forced).report.n == 48


def test_photos_unknown_to_the_split_are_refused(
    checkpoint: Path,
    make_campus: CampusMaker,
    tmp_path: Path,
) -> None:
    larger = make_campus(tmp_path / "larger", spots=7)
    with pytest.raises(SplitError, match="--part all"):
        judge(checkpoint, larger, tmp_path / "out")


def test_a_shorter_dataset_says_how_many_test_photos_are_there(
    found: Evaluation, checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_campus / "labels.csv")
    gone = found.table["filename"].iloc[0]
    labels[labels["filename"] != gone].to_csv(small_campus / "labels.csv", index=False)
    fewer = judge(checkpoint, small_campus, tmp_path / "out")
    assert fewer.report.n == found.report.n - 1
    expected = f"holds {found.report.n - 1} of the {found.report.n} test photos"
    assert any(expected in note for note in fewer.report.notes)


def test_regions_that_the_model_never_saw_count_as_wrong(
    checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_campus / "labels.csv")
    labels["Region_ID"] = 9
    labels.to_csv(small_campus / "labels.csv", index=False)
    found = judge(checkpoint, small_campus, tmp_path / "out", "all")
    assert found.report.region.accuracy == 0.0
    assert found.report.region.labels[-1] == "9"
    assert any("does not know" in note for note in found.report.notes)


def test_a_run_knows_its_dataset_and_keeps_its_reports(
    checkpoint: Path, shared_campus: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(checkpoint, run / "checkpoints/best")
    with pytest.raises(ConfigError, match="name the dataset folder"):
        evaluate(EvaluateConfig(run=run))
    (run / "config.json").write_text(json.dumps({"dataset": str(shared_campus)}))
    found = evaluate(EvaluateConfig(run=run, plots=False))
    assert found.out == run / "reports" / "campus-test"
    inside = evaluate(EvaluateConfig(run=run / "checkpoints/best", split="val", plots=False))
    assert inside.out == run / "reports" / "campus-val"


def test_a_checkpoint_without_gallery_has_no_baselines_and_no_leak(
    shared_campus: Path, tmp_path: Path
) -> None:
    bare = make_checkpoint(tmp_path / "bare", shared_campus, refine=None)
    found = judge(bare, shared_campus, tmp_path / "out")
    assert found.report.baselines == {}
    assert found.report.leak is None
    assert found.report.position.raw == found.report.position.refined


def test_frames_that_nothing_connects_are_refused(
    checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    (small_campus / "campus.toml").write_text('[frame]\nkind = "planar_metres"\n')
    with pytest.raises(FrameError, match="cannot be converted"):
        judge(checkpoint, small_campus, tmp_path / "out", "all")


def test_another_frame_of_the_same_places_gives_the_same_errors(
    found: Evaluation, checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_campus / "labels.csv")
    labels["latitude"] = (labels["latitude"] - 17.0) / 1e-6
    labels["longitude"] = (labels["longitude"] - 78.0) / 1e-6
    labels.to_csv(small_campus / "labels.csv", index=False)
    (small_campus / "campus.toml").write_text(
        '[frame]\nkind = "scaled_degrees"\nscale = 1e-6\n'
        "origin_latitude = 17.0\norigin_longitude = 78.0\n"
    )
    scaled = judge(checkpoint, small_campus, tmp_path / "out")
    np.testing.assert_allclose(scaled.table["error_m"], found.table["error_m"], atol=2e-3)
    np.testing.assert_allclose(
        17.0 + 1e-6 * scaled.table["latitude"], found.table["latitude"], atol=1e-7
    )
    ratio = (
        scaled.report.position.raw.mse_label_units.mean
        / found.report.position.raw.mse_label_units.mean
    )
    assert ratio == pytest.approx(1e12, rel=1e-3)


def test_data_sets_of_one_name_keep_a_report_each(
    checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(checkpoint, run / "checkpoints/best")
    elsewhere = tmp_path / "elsewhere" / small_campus.name
    shutil.copytree(small_campus, elsewhere)

    def judged(dataset: Path) -> Path:
        return evaluate(EvaluateConfig(run=run, dataset=dataset, plots=False)).out

    first, second = judged(small_campus), judged(elsewhere)
    assert first.name == "campus-test"
    assert second != first
    assert (judged(small_campus), judged(elsewhere)) == (first, second)
    roots = [
        json.loads((out / "report.json").read_text())["dataset"]["root"] for out in (first, second)
    ]
    assert roots == [str(small_campus), str(elsewhere)]
    assert set(report_folders(run)) == {first, second}


def test_label_files_of_one_folder_keep_a_report_each(
    checkpoint: Path, small_campus: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(checkpoint, run / "checkpoints/best")
    other = Path(shutil.copy(small_campus / "labels.csv", small_campus / "corrected.csv"))
    outs = {
        evaluate(EvaluateConfig(run=run, dataset=source, plots=False)).out
        for source in (small_campus, small_campus / "labels.csv", other)
    }
    assert len(outs) == 3
