"""Models of photos of which only a part is labelled, from training to what is written of them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.__main__ import main
from core.calibration.calibrate import calibrate
from core.calibration.schema import CalibrateConfig
from core.confidence.files import FILE
from core.ensemble.make import make_ensemble
from core.ensemble.schema import EnsembleConfig
from core.errors import ConfigError
from core.explain.attribute import attribute
from core.explain.methods import TARGETS, targets_of
from core.inference.loading import load_predictor
from core.labels import LABELS, Label
from core.model.backbone import create_backbone
from core.model.card import read_card
from core.model.schema import ModelConfig, TtaConfig
from core.retrieval.schema import RefineConfig
from core.splits.split import Split, calibration_part
from core.training.fit import fit
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from tests.conftest import CampusMaker
from tests.stripped_demo import STRIPPED, Stripped, stripped_demo

LEARNT: dict[Stripped, tuple[Label, ...]] = {
    "positions": ("position", "region"),
    "regions": ("region",),
    "half_headings": LABELS,
}


def train(campus: Path, run: Path, *, seed: int = 0, weights: str = "random") -> Path:
    """A run of one short epoch with places, crops and keypoints; its best checkpoint.

    With weights nothing is trained, and the training photos answer, without keypoints.
    """
    config = TrainConfig(
        dataset=campus,
        run=run,
        seed=seed,
        model=ModelConfig(backbone="test_resnet", weights=weights, input_size=32, place_anchors=16),
        stage1=Stage1Config(epochs=1, views=1),
        stage2=Stage2Config(epochs=0),
        tta=TtaConfig(views=3),
        store_size=64,
        gallery_points=12 if weights == "random" else 0,
        ema_decay=0.0,
        batch_size=64,
        least_steps=0,
        precision="fp32",
        threads=1,
        zero_training=weights != "random",
        export_onnx=False,
    )
    for _ in fit(config):
        pass
    return run / "checkpoints" / "best"


class Trained:
    """A stripped campus, and what was trained on it."""

    def __init__(self, stripped: Stripped, campus: Path, root: Path) -> None:
        self.stripped, self.campus, self.labels = stripped, campus, LEARNT[stripped]
        self.checkpoint = train(campus, root / "first")
        self.photos = sorted((campus / "images").iterdir())[:3]


@pytest.fixture(scope="module", params=STRIPPED)
def trained(
    request: pytest.FixtureRequest,
    make_campus: CampusMaker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Trained]:
    root = tmp_path_factory.mktemp(request.param)
    whole = make_campus(root / "whole", spots=28)
    campus = stripped_demo(root / "campus", request.param, demo=whole)
    yield Trained(request.param, campus, root)
    shutil.rmtree(root)


def test_a_prediction_has_what_was_learnt_and_says_what_was_not(trained: Trained) -> None:
    predictor = load_predictor(trained.checkpoint)
    assert predictor.card.labels == trained.labels
    found = predictor.predict_files(trained.photos).prediction
    assert found.labels == trained.labels
    assert np.isfinite(found.position_refined_m).all() == ("position" in trained.labels)
    assert np.isfinite(found.heading_refined_deg).all() == ("heading" in trained.labels)
    assert found.region_probabilities.sum(axis=1) == pytest.approx(np.ones(3))
    assert found.neighbours.shape[1] >= 8, "the evidence is there whatever is predicted"
    notes = " ".join(found.notes)
    assert ("no headings" in notes) == ("heading" not in trained.labels)
    assert ("not refined" in notes) == (trained.stripped == "regions")


def test_the_command_writes_the_labels_there_are(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(trained.checkpoint), str(trained.photos[0])]
    out = tmp_path / "found.json"
    assert main([*command, "--keep-refused", "--out", str(out)]) == 0
    (record,) = json.loads(out.read_text())
    missing = [label for label in LABELS if label not in trained.labels]
    assert record.get("not_predicted", []) == missing
    assert ("angle" in record) == ("heading" in trained.labels)
    assert ("latitude" in record) == ("position" in trained.labels)
    assert record["region_probability"] > 0
    assert main([*command, "--format", "csv", "--out", str(tmp_path / "found.csv")]) == 0
    drawn = main([*command, "--format", "geojson", "--out", str(tmp_path / "found.geojson")])
    assert drawn == (0 if "position" in trained.labels else 1)
    said = capsys.readouterr().err
    assert ("GeoJSON holds positions" in said) == ("position" not in trained.labels)
    if "heading" not in trained.labels:
        assert main([*command, "--heading", "30"]) == 1
        assert "predicts no headings" in capsys.readouterr().err


def test_calibration_covers_what_is_predicted(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained.checkpoint, copy)
    (copy / FILE).unlink(missing_ok=True)
    done = calibrate(CalibrateConfig(run=copy, dataset=trained.campus, device="cpu"))
    fitted = done.calibration
    assert (fitted.position is not None) == ("position" in trained.labels)
    assert (fitted.heading is not None) == ("heading" in trained.labels)
    assert fitted.region is not None
    notes = " ".join(fitted.notes)
    assert ("Headings are calibrated on the" in notes) == (trained.stripped == "half_headings")
    assert ("This model predicts no" in notes) == (trained.labels != LABELS)
    confidence = load_predictor(copy).predict_files(trained.photos).prediction.confidence
    assert confidence is not None
    assert np.isfinite(confidence.radius_m).all() == ("position" in trained.labels)
    assert np.isfinite(confidence.wedge_deg).all() == ("heading" in trained.labels)


def test_calibration_needs_labelled_photos(trained: Trained, tmp_path: Path) -> None:
    """With few headings left in the part, headings stay uncalibrated, and a note says so."""
    if trained.stripped != "half_headings":
        pytest.skip("the others have no heading at all")
    split = Split.read(trained.checkpoint / "split.json")
    assert split is not None
    campus = tmp_path / "campus"
    shutil.copytree(trained.campus, campus, ignore=shutil.ignore_patterns(".bearings"))
    lines = (campus / "labels.csv").read_text().splitlines()
    column = lines[0].split(",").index("angle")
    for number, line in enumerate(lines[1:], 1):
        cells = line.split(",")
        if split.parts[f"images/{cells[0]}"] == calibration_part(split):
            cells[column] = ""
        lines[number] = ",".join(cells)
    (campus / "labels.csv").write_text("\n".join(lines) + "\n")
    copy = tmp_path / "copy"
    shutil.copytree(trained.checkpoint, copy)
    fitted = calibrate(CalibrateConfig(run=copy, dataset=campus, device="cpu")).calibration
    assert fitted.heading is None
    assert fitted.position is not None
    assert "Headings are not calibrated: 0 of the" in fitted.notes[0]
    confidence = load_predictor(copy).predict_files(trained.photos).prediction.confidence
    assert confidence is not None
    assert np.isnan(confidence.wedge_deg).all()


@pytest.mark.slow
def test_an_ensemble_predicts_what_its_members_do(trained: Trained, tmp_path: Path) -> None:
    second = train(trained.campus, tmp_path / "second", seed=1)
    made = make_ensemble(
        EnsembleConfig(
            members=(trained.checkpoint, second), out=tmp_path / "two",
            dataset=trained.campus, weights="fitted", device="cpu",
        )
    )  # fmt: skip
    assert made.card.labels == trained.labels
    assert ("val_median_refined_m" in made.card.metrics) == ("position" in trained.labels)
    assert ("heading vectors" in made.about.rule) == ("heading" in trained.labels)
    calibrate(CalibrateConfig(run=made.folder, dataset=trained.campus, device="cpu"))
    found = load_predictor(made.folder).predict_files(trained.photos).prediction
    assert found.labels == trained.labels
    assert found.confidence is not None
    assert np.isfinite(found.position_refined_m).all() == ("position" in trained.labels)
    assert ("no headings" in " ".join(found.notes)) == ("heading" not in trained.labels)


def test_only_what_is_predicted_is_explained(trained: Trained) -> None:
    predictor = load_predictor(trained.checkpoint)
    photo = predictor.decode(trained.photos[0])
    for target in targets_of(trained.labels):
        assert np.abs(attribute(predictor, photo, "occlusion", target).map).max() > 0
    for target in set(TARGETS) - set(targets_of(trained.labels)):
        with pytest.raises(ConfigError, match=f"so its {target} cannot be explained"):
            attribute(predictor, photo, "occlusion", target)


def test_what_the_gallery_cannot_do_is_refused_before_training(trained: Trained) -> None:
    if trained.stripped != "regions":
        pytest.skip("photos with positions can refine")
    config = TrainConfig(
        dataset=trained.campus,
        run=trained.campus / "refined",
        model=ModelConfig(backbone="test_resnet", weights="random", input_size=32),
        refine=RefineConfig(),
    )
    with pytest.raises(ConfigError, match="refine needs positions, and no training photo has one"):
        for _ in fit(config):
            pass


@pytest.mark.slow
def test_training_photos_answer_without_training(trained: Trained, tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone, _, _ = create_backbone(ModelConfig(backbone="test_resnet", input_size=32))
    save_file(backbone.state_dict(), str(tmp_path / "tiny.safetensors"))
    weights = str(tmp_path / "tiny.safetensors")
    checkpoint = train(trained.campus, tmp_path / "run", weights=weights)
    assert read_card(checkpoint).labels == trained.labels
    found = load_predictor(checkpoint).predict_files(trained.photos).prediction
    assert np.isfinite(found.position_m).all() == ("position" in trained.labels)
    assert np.isfinite(found.heading_deg).all() == ("heading" in trained.labels)
    assert found.region_probabilities.sum(axis=1) == pytest.approx(np.ones(3))
