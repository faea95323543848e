"""Evaluations of models and data sets of which one has fewer labels than the other."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import SplitError
from core.evaluation.evaluate import Evaluation, evaluate
from core.evaluation.report import Report
from core.evaluation.schema import EvaluateConfig
from core.labels import LABELS, Label
from core.model.card import read_card
from core.model.schema import ModelConfig
from core.training.fit import fit
from core.training.schema import Stage1Config, Stage2Config, TrainConfig, TtaConfig
from tests.stripped_demo import STRIPPED, Stripped, stripped_demo

PREDICTED: dict[Stripped, tuple[Label, ...]] = {
    "positions": ("position", "region"),
    "regions": ("region",),
    "half_headings": LABELS,
}


@pytest.fixture(scope="module")
def campuses(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Stripped, Path]:
    """The shared campus, stripped in each way."""
    folder = tmp_path_factory.mktemp("stripped")
    return {kind: stripped_demo(folder / kind, kind, demo=shared_campus) for kind in STRIPPED}


@pytest.fixture(scope="module")
def runs(
    campuses: dict[Stripped, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[Stripped, Path]:
    """A run of each, of one short epoch."""
    folder = tmp_path_factory.mktemp("runs")
    for kind, root in campuses.items():
        config = TrainConfig(
            dataset=root,
            run=folder / kind,
            model=ModelConfig(
                backbone="test_resnet", weights="random", input_size=32, place_anchors=6
            ),
            stage1=Stage1Config(epochs=0),
            stage2=Stage2Config(epochs=1),
            tta=TtaConfig(views=1),
            batch_size=16,
            least_steps=0,
            threads=1,
        )
        list(fit(config))
    return {kind: folder / kind for kind in STRIPPED}


def judged(
    run: Path, root: Path, out: Path, part: str = "all", *, plots: bool = False
) -> Evaluation:
    options = {"run": run, "dataset": root, "out": out, "split": part, "plots": plots}
    return evaluate(EvaluateConfig.model_validate(options))


def parts(report: Report) -> tuple[Label, ...]:
    """The labels that have figures."""
    figures = {
        "position": report.position, "heading": report.heading, "region": report.region,
    }  # fmt: skip
    return tuple(label for label in LABELS if figures[label] is not None)


@pytest.mark.parametrize("kind", STRIPPED)
def test_a_run_is_evaluated_in_what_it_has_learnt(
    campuses: dict[Stripped, Path], runs: dict[Stripped, Path], tmp_path: Path, kind: Stripped
) -> None:
    found = judged(runs[kind], campuses[kind], tmp_path, "test", plots=True)
    report, table = found.report, found.table
    assert parts(report) == PREDICTED[kind] == read_card(runs[kind] / "checkpoints/best").labels
    stored = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert Report.from_json(stored) == report
    assert "NaN" not in (tmp_path / "report.json").read_text(encoding="utf-8")
    for kind_of in ("raw", "refined"):
        figures = report.figures(kind_of)
        assert (figures.median_m is None) == ("position" not in PREDICTED[kind])
        assert (figures.maae_deg is None) == ("heading" not in PREDICTED[kind])
        assert (figures.joint_10m_15deg is None) == (PREDICTED[kind] != LABELS)
    assert report.region is not None
    right = (table["region"] == table["true_region"]).mean()
    assert report.region.accuracy == pytest.approx(right)
    assert report.labelled is not None
    assert report.labelled["region"] == report.n
    absent = [f"no {label}s" for label in LABELS if label not in PREDICTED[kind]]
    said = "This model predicts " + " and ".join(absent)
    assert any(note.startswith(said) for note in report.notes) == bool(absent)
    if kind == "half_headings":
        known = table["true_angle"].notna()
        assert report.labelled["heading"] == known.sum() < report.n
        error = table["heading_error_refined_deg"]
        assert (error.notna() == known).all()
        assert report.heading is not None
        assert report.heading.refined.maae_deg == pytest.approx(error.mean(), abs=0.05)
    assert (tmp_path / "scatter.png").exists() == ("position" in PREDICTED[kind])
    assert (tmp_path / "heading_by_true_heading.png").exists() == ("heading" in PREDICTED[kind])


def test_made_regions_are_compared_by_the_nearest_centre(
    runs: dict[Stripped, Path], shared_campus: Path, tmp_path: Path
) -> None:
    found = judged(runs["positions"], shared_campus, tmp_path)
    card = read_card(runs["positions"] / "checkpoints/best")
    assert card.region_centres is not None
    places = found.table[["true_latitude", "true_longitude"]].to_numpy()
    gaps = places[:, None] - np.array(card.region_centres)
    # One degree of longitude is shorter than one of latitude.
    gaps[..., 1] *= np.cos(np.deg2rad(places[0, 0]))
    nearest = np.hypot(gaps[..., 0], gaps[..., 1]).argmin(axis=1)
    assert found.table["true_region"].tolist() == [card.regions[index] for index in nearest]
    assert any("centre is nearest" in note for note in found.report.notes)
    assert found.report.labelled is None, "every photo has every label; the model predicts two"
    assert found.report.heading is None


def test_a_model_of_regions_is_evaluated_on_a_data_set_with_all_labels(
    runs: dict[Stripped, Path], shared_campus: Path, tmp_path: Path
) -> None:
    report = judged(runs["regions"], shared_campus, tmp_path).report
    assert parts(report) == ("region",)
    assert report.leak is None
    assert report.seen_in_training > 0, "the region says that it is the same photo"
    assert {each.median_m for each in report.per_region.values()} == {None}


@pytest.fixture(scope="module")
def whole(
    checkpoint: Path, shared_campus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Evaluation:
    """A model of all labels on the campus that has them all."""
    return judged(checkpoint, shared_campus, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("kind", STRIPPED)
def test_a_full_model_has_the_same_figures_where_labels_are_missing(
    checkpoint: Path,
    campuses: dict[Stripped, Path],
    whole: Evaluation,
    tmp_path: Path,
    kind: Stripped,
) -> None:
    part = judged(checkpoint, campuses[kind], tmp_path / "part")
    labels = ("position",) if kind == "positions" else PREDICTED[kind]
    assert parts(part.report) == labels
    if "position" in labels:
        assert part.report.position == whole.report.position
    if "region" in labels:
        assert part.report.region is not None
        assert part.report.region.accuracy == pytest.approx(whole.report.region.accuracy)
    else:
        assert any("names a region" in note for note in part.report.notes)
        assert part.report.per_region == {}
    if "heading" in labels:
        own = whole.scored.error_deg[::2]
        assert part.report.heading is not None
        assert part.report.heading.raw.maae_deg == pytest.approx(own.mean())
        assert part.report.labelled == {"position": 48, "heading": 24, "region": 48}
        both = (whole.scored.error_refined_m[::2] <= 10) & (
            whole.scored.error_refined_deg[::2] <= 15
        )
        assert part.report.joint_10m_15deg == pytest.approx(both.mean())
    else:
        assert part.report.heading is None


def test_coverage_is_measured_on_the_photos_with_the_label(
    calibrated: Path, shared_campus: Path, campuses: dict[Stripped, Path], tmp_path: Path
) -> None:
    whole = judged(calibrated, shared_campus, tmp_path / "whole")
    found = {kind: judged(calibrated, root, tmp_path / kind) for kind, root in campuses.items()}
    of_all = whole.report.coverage
    assert of_all is not None
    coverage = {kind: each.report.coverage for kind, each in found.items()}
    for kind in ("positions", "half_headings"):
        assert coverage[kind].overall.radius == of_all.overall.radius
        assert coverage[kind].overall.region == of_all.overall.region
        assert coverage[kind].confidence == of_all.confidence
    table = whole.table[::2]
    held = table["heading_error_refined_deg"] <= table["wedge_90_deg"]
    wedge = coverage["half_headings"].overall.wedge[1]
    assert wedge.measured == pytest.approx(held.mean(), abs=1 / 24)
    assert wedge.mean_deg == pytest.approx(table["wedge_90_deg"].mean(), abs=0.01)
    for kind, sizes in {"positions": ("wedge",), "regions": ("radius", "region", "wedge")}.items():
        for size in sizes:
            assert {one.measured for one in coverage[kind].overall.by_size[size]} == {None}
    assert coverage["positions"].region_probabilities is None
    for kind in ("regions", "half_headings"):
        assert coverage[kind].region_probabilities == of_all.region_probabilities
    assert coverage["regions"].confidence is None


def test_nothing_in_common_is_refused_by_name(
    runs: dict[Stripped, Path], campuses: dict[Stripped, Path], tmp_path: Path
) -> None:
    with pytest.raises(SplitError, match="predicts region, and none of these photos"):
        judged(runs["regions"], campuses["positions"], tmp_path)
    table = pd.read_csv(campuses["regions"] / "labels.csv")
    assert "latitude" not in table
    with pytest.raises(SplitError, match="predicts position or region, and none of these photos"):
        judged(runs["positions"], campuses["regions"], tmp_path)
