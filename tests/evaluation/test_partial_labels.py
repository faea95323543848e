"""Figures of photos of which some, or all, lack a label; every value was computed by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.comparison.compare import Compared, aggregated, compare, compare_all, photo_values
from core.comparison.text import as_json, cautions
from core.errors import ConfigError
from core.evaluation.coverage import risk_coverage
from core.evaluation.intervals import Bootstrap, Grouping, group_photos, resampled_means, spots_of
from core.evaluation.make_report import Caveats, baseline_notes, label_notes, score_photos
from core.evaluation.plots import write_plots
from core.evaluation.report_text import labels_sentence
from core.evaluation.schema import CompareConfig
from core.evaluation.scores import ScoredPrediction, Truth
from core.evaluation.stored_reports import read_predictions
from core.geo import CoordinateFrame, Floats, LocalFrame
from core.headline import PhotoErrors
from core.inference.prediction import Prediction
from core.labels import LABELS, Label
from core.retrieval.baselines import Baseline, all_baselines
from core.retrieval.gallery import Gallery
from tests.evaluation.simulated import perturbed, simulated

FRAME = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))
IDS = ("a", "b", "c", "d")
REGIONS = ("1", "2")
NAN = float("nan")


def truth() -> Truth:
    """Photo b has no position, c and d have no heading, d has no region."""
    position = np.array([[0.0, 0.0], [NAN, NAN], [0.0, 0.0], [0.0, 0.0]])
    return Truth(
        IDS, IDS, REGIONS, np.array([0, 1, 1, -1]), position, position,
        np.array([10.0, 90.0, NAN, NAN]), np.full(4, NAN), FRAME.frame, FRAME,
    )  # fmt: skip


def prediction(labels: tuple[Label, ...] = LABELS) -> Prediction:
    """Positions 5, 10, 15 and 30 m north of 0, headings 30, regions 1, 1, 2 and 2."""
    none = np.empty((4, 0))
    shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    position = np.array([[5.0, 0.0], [10.0, 0.0], [15.0, 0.0], [30.0, 0.0]])
    heading = np.full(4, 30.0)
    regions = REGIONS if "region" in labels else ()
    if "position" not in labels:
        position = np.full((4, 2), NAN)
    if "heading" not in labels:
        heading = np.full(4, NAN)
    shares = shares[:, : len(regions)]
    return Prediction(
        IDS, IDS, regions, {}, FRAME, shares, shares, position, position, heading, heading,
        np.where(np.isnan(heading), NAN, 1.0), none.astype(np.int64), none, none,
        none.astype(np.int64), np.empty((4, 0), np.float32), labels=labels,
    )  # fmt: skip


def nowhere() -> Baseline:
    """A baseline that says 12 m north, heading 10 and region 2 of every photo."""
    return Baseline(
        "constant", "Always the same", False, np.tile([12.0, 0.0], (4, 1)), np.full(4, 10.0),
        np.full(4, 1),
    )  # fmt: skip


def test_every_figure_is_over_the_photos_with_the_label() -> None:
    caveats = Caveats(nearest_m=np.array([0.5, NAN, 4.0, 20.0]))
    scores = score_photos(ScoredPrediction(truth(), prediction()), [nowhere()], {}, caveats)
    assert (scores.n, scores.labelled) == (4, {"position": 3, "heading": 2, "region": 3})
    assert scores.position is not None
    assert scores.heading is not None
    assert scores.region is not None
    errors = scores.position.refined
    assert (errors.mean_m, errors.median_m, errors.within_10m) == (50 / 3, 15.0, 1 / 3)
    assert errors.rmse_m == pytest.approx(np.sqrt((25 + 225 + 900) / 3))
    assert errors.mse_label_units.latitude == pytest.approx((25 + 225 + 900) / 3)
    assert (scores.heading.raw.maae_deg, scores.heading.raw.within_30) == (40.0, 0.5)
    assert scores.region.accuracy == pytest.approx(2 / 3)
    assert scores.region.confusion == ((1, 0), (1, 1))
    # Only photo a has both: 5 m, but 20 degrees.
    assert scores.joint_10m_15deg == 0.0
    first, second = scores.per_region["1"], scores.per_region["2"]
    assert (first.n, first.median_m, first.maae_deg, first.precision) == (1, 5.0, 20.0, 0.5)
    assert (second.n, second.median_m, second.maae_deg, second.accuracy) == (2, 15.0, 60.0, 0.5)
    rival = scores.baselines["constant"]
    assert rival.position is not None
    assert rival.heading is not None
    assert rival.region is not None
    assert (rival.position.median_m, rival.heading.maae_deg) == (12.0, 40.0)
    assert (rival.region.accuracy, rival.joint_10m_15deg) == (pytest.approx(2 / 3), 0.0)
    assert scores.leak is not None
    assert (scores.leak.within_1m, scores.leak.within_5m) == (1 / 3, 2 / 3)
    assert scores.leak.nearest_training_m == 4.0
    assert labels_sentence(scores) == (
        "of 4 photos: 3 with a position, 2 with a heading, 3 with a region; each figure is over "
        "those"
    )
    assert label_notes(scores, LABELS) == [
        "3 of these 4 photos have a position: figures of positions are over those.",
        "2 of these 4 photos have a heading: figures of headings are over those.",
        "3 of these 4 photos have a region: figures of regions are over those.",
    ]


@pytest.mark.parametrize("absent", LABELS)
def test_a_model_that_predicts_fewer_labels_has_the_others_figures(absent: Label) -> None:
    labels = tuple(label for label in LABELS if label != absent)
    found = score_photos(ScoredPrediction(truth(), prediction(labels)), [], {})
    whole = score_photos(ScoredPrediction(truth(), prediction()), [], {})
    parts = {"position": found.position, "heading": found.heading, "region": found.region}
    assert [label for label in LABELS if parts[label] is None] == [absent]
    for label in labels:
        assert parts[label] == getattr(whole, label)
    assert (found.joint_10m_15deg is None) == (absent != "region")
    region = found.per_region["2"]
    assert region.n == 2
    assert (region.accuracy is None) == (region.f1 is None) == (absent == "region")
    assert (region.median_m is None) == (absent == "position")
    assert found.labelled == whole.labelled, "what the photos have, whatever is predicted"


def test_without_positions_the_region_decides_what_is_worth_the_training() -> None:
    scores = score_photos(ScoredPrediction(truth(), prediction(("region",))), [nowhere()], {})
    assert baseline_notes(scores) == [
        "Baseline constant has a region accuracy of 66.7 %, the model 66.7 %: the model is not "
        "worth its training."
    ]


def test_plots_of_what_is_not_compared_are_not_drawn_nor_left(tmp_path: Path) -> None:
    write_plots(ScoredPrediction(truth(), prediction()), (nowhere(),), tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 5
    write_plots(ScoredPrediction(truth(), prediction(("region",))), (), tmp_path)
    assert [path.name for path in tmp_path.glob("*.png")] == ["confusion.png"]


def test_intervals_count_the_groups_that_have_the_label() -> None:
    errors = PhotoErrors(
        np.array([1.0, 3.0, NAN, 7.0]), np.array([NAN, 10.0, NAN, NAN]), np.full(4, NAN)
    )
    found = Bootstrap(Grouping("visit", np.array([0, 0, 1, 2]))).intervals(errors)
    assert found.mean_m is not None
    assert found.mean_m[0] >= 2.0 - 1e-9, "the mean of group 0 alone"
    assert found.mean_m[1] <= 7.0 + 1e-9
    assert (found.maae_deg, found.joint_10m_15deg) == (None, None), "one group has a heading"
    assert found.region_accuracy is None
    drawn = np.array([[1, 1, 1], [0, 3, 0], [2, 0, 1]])
    means = resampled_means(errors.error_m[:, None], np.array([0, 0, 1, 2]), drawn)[:, 0]
    np.testing.assert_allclose(means, [11 / 3, NAN, (2 * 4 + 7) / 5])


def test_a_photo_without_a_position_is_a_spot_of_its_own() -> None:
    places = np.array([[0.0, 0.0], [NAN, NAN], [1.0, 0.0], [NAN, NAN], [50.0, 0.0]])
    spots, radius_m = spots_of(places, 3.0)
    assert spots.tolist() == [0, 2, 0, 3, 1]
    assert radius_m == 3.0
    unplaced, visits = np.full((4, 2), NAN), np.array([0, 0, 1, 1])
    assert group_photos(unplaced, None, None, None) is None
    by_visit = group_photos(unplaced, visits, 3.0, None)
    assert by_visit is not None
    assert (by_visit.by, by_visit.groups.tolist()) == ("visit", [0, 0, 1, 1])
    with pytest.raises(ConfigError, match="no photo has a position"):
        group_photos(unplaced, visits, None, "spot")


def test_confidence_is_measured_on_the_photos_with_a_position() -> None:
    found = risk_coverage(np.array([4.0, NAN, 2.0]), np.array([2.0, 0.0, 1.0]))
    assert found is not None
    assert (found.random_m, found.area_m) == (3.0, (2.0 + 3.0) / 2)
    assert risk_coverage(np.full(2, NAN), np.ones(2)) is None


def table_of(headings: int) -> pd.DataFrame:
    """Four photos as predictions.csv has them; the first `headings` have a heading."""
    known = np.arange(4) < headings
    return pd.DataFrame(
        {
            "true_region": ["1", "1", "2", ""], "region": ["1", "2", "2", "2"],
            "error_refined_m": [5.0, NAN, 15.0, 30.0],
            "heading_error_refined_deg": np.where(known, [20.0, 60.0, 10.0, 0.0], NAN),
        }
    )  # fmt: skip


def test_values_of_a_comparison_by_hand() -> None:
    found = dict(zip(
        ("region_accuracy", "median_m", "mean_m", "within_10m", "within_25m", "maae_deg", "joint"),
        aggregated(photo_values(table_of(2), "refined")).tolist(), strict=True,
    ))  # fmt: skip
    assert found == pytest.approx(
        {
            "region_accuracy": 2 / 3, "median_m": 15.0, "mean_m": 50 / 3, "within_10m": 1 / 3,
            "within_25m": 2 / 3, "maae_deg": 40.0, "joint": 0.0,
        }
    )  # fmt: skip
    assert np.isnan(aggregated(photo_values(table_of(0), "refined"))[5:]).all()


def test_models_compare_in_what_both_predict_and_the_photos_have() -> None:
    first, second = (
        simulated(name, np.random.default_rng(seed), shift_m=shift)
        for name, seed, shift in (("one", 1, 0.0), ("two", 2, -15.0))
    )
    half = np.arange(200) % 2 == 0
    turned = {
        "true_angle": np.where(half, 0.0, NAN),
        "heading_error_deg": first.table["heading_error_deg"].where(half),
        "heading_error_refined_deg": first.table["heading_error_refined_deg"].where(half),
    }
    silent = {"heading_error_deg": NAN, "heading_error_refined_deg": NAN}
    partly = perturbed(first, "partly", **turned)
    without = perturbed(second, "without", **(turned | silent))
    found = compare(partly, without, CompareConfig(draws=300))
    names = [each.measure.name for each in found.differences]
    assert names == ["region_accuracy", "median_m", "mean_m", "within_10m", "within_25m"]
    assert found.photos == 200, "labels that both lack are no contradiction"
    assert any("mean heading error" in line for line in cautions(found))
    whole = compare(first, second, CompareConfig(draws=300))
    assert found.differences[1].difference == whole.differences[1].difference
    both = compare(partly, perturbed(second, "x", **turned), CompareConfig(draws=300))
    (heading,) = (each for each in both.differences if each.measure.name == "maae_deg")
    assert heading.reference == pytest.approx(first.table["heading_error_refined_deg"][half].mean())
    assert heading.low is not None
    bare = {"true_region": "", "region": ""}
    placed = compare(perturbed(first, "a", **bare), perturbed(second, "b", **bare), CompareConfig())
    assert placed.regions == ()
    assert "region_accuracy" not in {each.measure.name for each in placed.differences}
    nowhere = dict.fromkeys(
        ("true_latitude", "true_longitude", "true_north_m", "true_east_m", "error_m",
         "error_refined_m"), NAN,
    )  # fmt: skip
    regions = compare(
        perturbed(first, "a", **nowhere), perturbed(second, "b", **nowhere), CompareConfig()
    )
    assert (regions.clusters, regions.radius_m) == (200, None)
    assert any("each photo counts as its own spot" in line for line in cautions(regions))
    nothing = nowhere | silent | bare | {"true_angle": NAN}
    with pytest.raises(ConfigError, match="no label in common"):
        compare(
            perturbed(first, "a", **nothing), perturbed(second, "b", **nothing), CompareConfig()
        )
    unanswered = silent | {"region": "", "error_m": NAN, "error_refined_m": NAN}
    others = [perturbed(second, "b", **unanswered), second]
    every = compare_all([first, *others], CompareConfig(draws=300))
    assert [each.candidate for each in every.pairs] == [second.name]
    assert "no label in common" in every.unranked["b"]


def test_a_region_without_headings_has_no_heading_figure() -> None:
    model = simulated("one", np.random.default_rng(0))
    even = model.table["true_region"] == "0"
    columns = {
        name: model.table[name].where(even)
        for name in ("true_angle", "heading_error_deg", "heading_error_refined_deg")
    }
    partly = perturbed(model, "partly", **columns)
    found = compare(partly, replace(partly, name="same"), CompareConfig(draws=300))
    of_region = {each.region: each.differences[-1] for each in found.regions}
    assert {each.measure.name for each in of_region.values()} == {"maae_deg"}
    assert of_region["0"].reference > 0.0
    assert np.isnan(of_region["1"].reference)
    assert of_region["1"].verdict == "not distinguishable"
    assert of_region["1"].measure.shown(of_region["1"].reference) == "unknown"
    content = as_json(Compared(found.reference, (found,), {}))
    assert content["pairs"][0]["per_region"]["1"]["maae_deg"]["reference"] is None


def test_made_and_named_regions_are_not_held_against_each_other() -> None:
    named = simulated("named", np.random.default_rng(1))
    made = perturbed(named, "made", true_region="7", region="7")
    found = compare(named, made, CompareConfig(draws=300))
    assert (found.photos, found.regions, found.left_out) == (200, (), ())
    assert "region_accuracy" not in {each.measure.name for each in found.differences}


def test_a_stored_table_gives_unknown_regions_as_no_text(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("photo_id,true_region,region,error_m\na,,NA,1\nb,3,,\n", encoding="utf-8")
    table = read_predictions(path)
    assert table["true_region"].tolist() == ["", "3"]
    assert table["region"].tolist() == ["NA", ""]
    assert np.isnan(table["error_m"][1])


def gallery(position_m: Floats, heading_deg: Floats, region: list[int]) -> Gallery:
    return Gallery(
        photo_ids=("t0", "t1", "t2", "t3"), filenames=("t0", "t1", "t2", "t3"),
        features=np.eye(4, dtype=np.float32), position_m=position_m, heading_deg=heading_deg,
        region=np.array(region), minute=np.array([600.0, NAN, 660.0, 600.0]), split_hash="h",
    )  # fmt: skip


def test_baselines_of_photos_that_lack_labels_by_hand() -> None:
    places = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [50.0, 0.0]])
    trained = gallery(places, np.array([NAN, 350.0, 30.0, NAN]), [0, -1, 1, 1])
    # Nearest: t0, then t1; and t3, then t2.
    features = np.array([[1.0, 0.6, 0.1, 0.0], [0.0, 0.1, 0.6, 1.0]], np.float32)
    found = {
        each.name: each
        for each in all_baselines(
            trained, features, np.array([0, 1]), np.array([0, -1]), np.array([600.0, 600.0])
        )
    }
    mean = found["global_mean"]
    assert mean.position_m.tolist() == [[20.0, 0.0]] * 2
    assert mean.heading_deg == pytest.approx([10.0, 10.0])
    assert mean.region.tolist() == [1, 1]
    nearest = found["nearest_feature"]
    assert nearest.position_m[:, 0].tolist() == [0.0, 50.0]
    assert nearest.heading_deg.tolist() == [350.0, 30.0], "of the nearest photo with a heading"
    assert nearest.region.tolist() == [0, 1]
    centroid = found["region_centroid_predicted"]
    assert centroid.position_m[:, 0].tolist() == [0.0, 35.0]
    assert centroid.heading_deg == pytest.approx([10.0, 30.0]), "region 0 has no heading: all"
    # An unknown true region is none of the unlabelled photos' region.
    assert found["region_centroid_true"].position_m[:, 0].tolist() == [0.0, 20.0]
    assert found["metadata_only"].position_m[:, 0].tolist() == [0.0, 25.0]


def test_baselines_of_photos_with_regions_only() -> None:
    trained = gallery(np.full((4, 2), NAN), np.full(4, NAN), [0, 1, 1, 1])
    found = all_baselines(
        trained, np.eye(4, dtype=np.float32)[:2], np.array([0, 1]), np.array([0, 1]),
        np.array([600.0, NAN]),
    )  # fmt: skip
    assert [each.name for each in found] == ["global_mean", "nearest_feature"]
    assert [each.region.tolist() for each in found] == [[1, 1], [0, 1]]
    assert all(np.isnan(each.position_m).all() and np.isnan(each.heading_deg).all()
               for each in found)  # fmt: skip
