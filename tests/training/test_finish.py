"""The end of a run: its calibration, and a run without training, which has only an end."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.confidence.files import FILE
from core.crossval.schema import CrossvalConfig
from core.dataset.store import prepare_dataset
from core.errors import CheckpointError, ConfigError
from core.evaluation.evaluate import Evaluation, evaluate
from core.evaluation.schema import EvaluateConfig
from core.explain.attribute import attribute
from core.inference.loading import load_predictor
from core.inference.onnx_network import OnnxNetwork
from core.inference.stored_split import load_split
from core.model.backbone import create_backbone
from core.model.card import read_card
from core.model.schema import ModelConfig, RetrievalConfig
from core.retrieval.refine import retrieve
from core.splits.split import Split
from core.training.finish import calibrate_run, export_run
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.training.session import Session
from tests.tiny_checkpoint import STORE_SIZE

TinyRun = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A weights file of the smallest backbone."""
    torch.manual_seed(0)
    backbone, _, _ = create_backbone(
        ModelConfig(backbone="test_resnet", input_size=64, place_anchors=0)
    )
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(backbone.state_dict(), str(path))
    return str(path)


@pytest.fixture(scope="module")
def instant(tiny_run: TinyRun, weights: str) -> TinyRun:
    """Options of a run that trains nothing."""

    def make(run: Path) -> TrainConfig:
        model = ModelConfig(backbone="test_resnet", weights=weights, input_size=64, place_anchors=0)
        return tiny_run(run, model=model, zero_training=True)

    return make


@pytest.fixture(scope="module")
def judged(instant: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """A finished run, judged on its test part."""
    config = instant(tmp_path_factory.mktemp("zero") / "run")
    assert list(fit(config)) == []
    return evaluate(EvaluateConfig(run=config.run, plots=False))


def test_the_card_says_that_nothing_was_trained(judged: Evaluation) -> None:
    run = judged.out.parents[1]
    card = read_card(RunFolder(path=run).best)
    assert not card.trained
    assert card.metrics["epoch"] == 0.0
    assert card.metrics["val_region_accuracy"] > 0.25
    assert "Not trained" in card.notes[0]
    assert any("Not trained" in note for note in judged.report.notes)
    status = RunFolder(path=run).status()
    assert status is not None
    assert status.state == "finished"


def test_it_answers_better_than_chance(judged: Evaluation) -> None:
    assert judged.report.region.accuracy_raw > 0.6  # of four regions
    everyone = judged.report.baselines["global_mean"].position.median_m
    assert judged.report.position.raw.median_m < everyone


def test_raw_answers_are_the_neighbours_and_the_backbone_is_the_files(
    judged: Evaluation, weights: str
) -> None:
    predictor = load_predictor(judged.out.parents[1])
    assert predictor.gallery is not None
    found = retrieve(judged.scored.prediction.descriptor, predictor.gallery, 4)
    assert np.allclose(judged.scored.prediction.position_m, found.position_m, atol=0.01)
    assert np.array_equal(judged.scored.prediction.region_head, found.probabilities)
    state = predictor.model.backbone.state_dict()
    torch.manual_seed(0)
    fresh, _, _ = create_backbone(
        ModelConfig(backbone="test_resnet", input_size=64, place_anchors=0)
    )
    assert all(torch.equal(state[name], value) for name, value in fresh.state_dict().items())


def test_training_photos_are_not_answered_by_themselves(judged: Evaluation, tmp_path: Path) -> None:
    run = judged.out.parents[1]
    config = EvaluateConfig(run=run, split="train", out=tmp_path / "train", plots=False)
    found = evaluate(config).scored.prediction
    gallery = load_predictor(run).gallery
    assert gallery is not None
    own = gallery.rows_of(found.photo_ids, len(found))
    assert (own >= 0).all()
    assert not (found.neighbours == own[:, None]).any()


def test_a_frozen_backbone_describes_photos_beside_the_trained_one(
    tiny_run: TinyRun, weights: str, tmp_path: Path
) -> None:
    beside = RetrievalConfig(backbone="test_resnet", weights=weights, input_size=64)
    heads = {"stage1": Stage1Config(epochs=1, views=1), "stage2": Stage2Config(epochs=0)}
    config = tiny_run(tmp_path / "run", retrieval=beside, gallery_points=0, **heads)
    list(fit(config))
    predictor = load_predictor(config.run)
    assert predictor.gallery is not None
    # Photos are decoded at the larger of the two inputs, 32 and 64 pixels.
    assert predictor.store_size == 64
    assert predictor.card.descriptor == predictor.loaded.descriptor_parts
    assert len(predictor.loaded.descriptor_parts) == 4
    dataset, store = prepare_dataset(config.dataset, 64)
    rows = load_split(predictor.folder).rows(dataset, "train")[:3]
    own = predictor.gallery.rows_of(dataset.table["photo_id"].iloc[rows].tolist(), 3)
    found = predictor.gallery.embed(predictor.describe(np.asarray(store.photos[rows])))
    assert found == pytest.approx(predictor.gallery.features[own], abs=1e-3)


def test_a_frozen_backbone_without_weights_is_refused_before_training(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    absent = RetrievalConfig(backbone="test_resnet", weights=str(tmp_path / "absent.safetensors"))
    config = tiny_run(tmp_path / "run", retrieval=absent)
    with pytest.raises(CheckpointError, match="no weights file"):
        list(fit(config))
    with pytest.raises(ValueError, match=r"name it as model\.backbone"):
        tiny_run(tmp_path / "run", retrieval=absent, zero_training=True)


def test_maps_of_untrained_heads_are_refused(judged: Evaluation) -> None:
    predictor = load_predictor(judged.out.parents[1])
    with pytest.raises(ConfigError, match="never trained"):
        attribute(predictor, np.zeros((64, 64, 3), np.uint8), "grad_cam", "region")


def test_a_killed_one_answers_nothing_and_goes_on(instant: TinyRun, tmp_path: Path) -> None:
    config = instant(tmp_path / "run")
    run = RunFolder(path=config.run)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("core.training.fit.finish_run", _stopped)
        with pytest.raises(TrainingInterrupted):
            list(fit(config))
    assert (run.best / "card.json").is_file()
    with pytest.raises(CheckpointError, match="no gallery yet"):
        load_predictor(config.run)
    assert list(fit(config, resume=True)) == []
    assert load_predictor(config.run).gallery is not None


def test_a_stop_request_is_noticed_while_keypoints_are_found(
    instant: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = instant(tmp_path / "run").model_copy(
        update={"gallery_points": 8, "local_features": "sift"}
    )
    seen: list[tuple[int, int]] = []
    watched = Session.watch_alone

    def watch(session: Session, done: int, total: int) -> None:
        seen.append((done, total))
        if done == 3:
            session.run.request_stop()
        watched(session, done, total)

    monkeypatch.setattr(Session, "watch_alone", watch)
    with pytest.raises(TrainingInterrupted, match="during gallery"):
        list(fit(config))
    assert [done for done, _ in seen] == [1, 2, 3], "each photo counts"
    made_with = RunFolder(path=config.run).read_json("environment.json")
    assert made_with["local_features"] == "sift"


def _stopped(*_: object) -> None:
    raise TrainingInterrupted("stopped while the gallery was gathered")


def test_random_weights_are_refused(tiny_run: TinyRun, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a trained backbone"):
        tiny_run(tmp_path / "run", zero_training=True)


def test_a_trained_card_does_not_speak_of_it(checkpoint: Path) -> None:
    assert '"trained"' not in (checkpoint / "card.json").read_text(encoding="utf-8")
    assert read_card(checkpoint).trained


@pytest.fixture
def ended(checkpoint: Path, shared_campus: Path, tmp_path: Path) -> Any:  # noqa: ANN401
    """A run that has just written its card: run folder, options and data."""
    folder = tmp_path / "best"
    shutil.copytree(checkpoint, folder)
    dataset, store = prepare_dataset(shared_campus, STORE_SIZE)
    split = Split.from_json(json.loads((folder / "split.json").read_text()))
    said: list[str] = []
    rows = {part: split.rows(dataset, part) for part in ("train", "val", "calibrate", "test")}
    return SimpleNamespace(
        run=SimpleNamespace(best=folder, log=said.append),
        data=SimpleNamespace(dataset=dataset, store=store, split=split, rows=rows),
        said=said,
    )


def finish(ended: Any) -> None:  # noqa: ANN401
    calibrate_run(ended.run, cast(Any, SimpleNamespace(batch_photos=16)), ended.data, "cpu")


def test_a_run_ends_with_a_calibration(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setattr("core.training.finish.LEAST", 2)
    monkeypatch.setattr("core.calibration.calibrate.LEAST", 2)
    finish(ended)
    assert (ended.run.best / FILE).exists()
    photo = np.zeros((1, STORE_SIZE, STORE_SIZE, 3), np.uint8)
    assert load_predictor(ended.run.best).predict_photos(photo).confidence is not None
    assert "calibrated on the" in ended.said[0]


def test_a_run_with_too_few_photos_ends_without_and_says_so(ended: Any) -> None:  # noqa: ANN401
    finish(ended)
    assert not (ended.run.best / FILE).exists()
    assert ended.said[0].startswith("not calibrated")


def test_a_calibrated_run_ends_with_an_export_and_one_in_many_without(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[Path] = []
    monkeypatch.setattr(
        "core.training.finish.export_run", lambda run, data: exported.append(run.best)
    )

    def ends_with_export(calibrated: bool, **options: Any) -> bool:  # noqa: ANN401
        monkeypatch.setattr("core.training.finish.calibrate_run", lambda *_: calibrated)
        exported.clear()
        name = f"run-{calibrated}-{len(options)}"
        config = tiny_run(tmp_path / name, stage2=Stage2Config(epochs=0), **options)
        list(fit(config))
        assert exported in ([], [RunFolder(path=config.run).best])
        return bool(exported)

    assert ends_with_export(True)
    assert not ends_with_export(False)
    assert not ends_with_export(True, export_onnx=False)
    whole = CrossvalConfig(dataset=tmp_path, run=tmp_path / "folds")
    assert whole.export_onnx
    assert not whole.of_fold(0).export_onnx


def test_the_export_of_a_run_answers_on_a_cpu(ended: Any) -> None:  # noqa: ANN401
    export_run(ended.run, ended.data)
    assert ended.said == ["exported as ONNX; answers for 6 validation photos are those of torch"], (
        "the log"
    )
    card = read_card(ended.run.best)
    assert card.exported is not None
    assert card.exported.checked_on == "6 validation photos"
    assert isinstance(load_predictor(ended.run.best).network, OnnxNetwork)


@pytest.mark.parametrize(
    "error",
    [CheckpointError("ONNX has no operation for one of its layers"), RuntimeError("no program")],
)
def test_what_cannot_be_exported_is_logged_and_the_run_ends_well(
    ended: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("core.inference.onnx_export.export_checkpoint", refuse)
    export_run(ended.run, ended.data)
    assert ended.said == [f"not exported as ONNX, so that CPUs predict with torch: {error}"]
    assert read_card(ended.run.best).exported is None
