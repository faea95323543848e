"""Training the descriptor of a backbone: what it sees, what it keeps, and that it goes on."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from core.dataset.augment_schema import AugmentConfig
from core.errors import ConfigError
from core.model.backbone import create_backbone
from core.model.card import read_card
from core.model.checkpoint import load_checkpoint
from core.model.network import BearingsModel, build_model
from core.model.schema import ModelConfig
from core.retrieval.projection import DescriptorSpace
from core.training import descriptor_stage
from core.training.data import TrainingData, plain, read_training_data
from core.training.descriptor_stage import DescriptorLosses, DescriptorSteps, Whitening
from core.training.device import choose_compute
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import EpochReport, RunFolder, StepReport
from core.training.schema import TrainConfig
from core.training.stages import PhotoSteps, StepInput, plain_features
from tests.stripped_demo import Stripped, stripped_demo
from tests.training.launch import ending

TinyRun = Callable[..., TrainConfig]
Ending = dict[str, Any]


@pytest.fixture(scope="module")
def model_options(tmp_path_factory: pytest.TempPathFactory) -> ModelConfig:
    """The smallest backbone, with weights of a file."""
    torch.manual_seed(0)
    options = ModelConfig(backbone="test_resnet", input_size=32, place_anchors=0)
    backbone, _, _ = create_backbone(options)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(backbone.state_dict(), str(path))
    return options.model_copy(update={"weights": str(path)})


@pytest.fixture(scope="module")
def tuned(tiny_run: TinyRun, model_options: ModelConfig) -> TinyRun:
    """Options of a run of 40 steps on a descriptor."""

    def make(run: Path, **changes: Any) -> TrainConfig:  # noqa: ANN401 - any option
        options: dict[str, Any] = {
            "model": model_options,
            "zero_training": True,
            "descriptor_steps": 40,
            "ema_decay": 0.9,
            "command": "train",
        }
        return tiny_run(run, **(options | changes))

    return make


@pytest.fixture(scope="module")
def finished(
    tuned: TinyRun, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainConfig, list[EpochReport]]:
    config = tuned(tmp_path_factory.mktemp("whole") / "run")
    return config, list(fit(config))


def test_the_loss_falls_and_the_last_epoch_is_kept(
    finished: tuple[TrainConfig, list[EpochReport]], model_options: ModelConfig
) -> None:
    config, reports = finished
    assert [(r.stage, r.epoch, r.step, r.best) for r in reports] == [
        ("fine-tune", 1, 20, True),
        ("fine-tune", 2, 40, True),
    ]
    assert reports[1].train.total < reports[0].train.total
    assert reports[1].train.region is None
    card = read_card(RunFolder(path=config.run).best)
    assert card.metrics["epoch"] == 2.0
    assert not card.trained, "the heads mean nothing"
    assert card.notes[0].startswith("No heads trained: ")
    assert "trained for 40 steps" in card.notes[0]
    log = (config.run / "log.txt").read_text()
    assert "untouched backbone: loss" in log
    trained = load_checkpoint(RunFolder(path=config.run).best).model.backbone.state_dict()
    before = build_model(model_options, ("a",)).backbone.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, trained[name])}
    assert any(name.endswith("weight") for name in moved)
    assert not [name for name in moved if "running" in name], "BatchNorm keeps its statistics"


def test_a_choice_is_made_on_validation_photos_alone(
    finished: tuple[TrainConfig, list[EpochReport]],
) -> None:
    config, _ = finished
    data = read_training_data(config, 32)
    card = read_card(RunFolder(path=config.run).best)
    assert card.metrics["refine_photos"] == len(data.rows["val"])


@pytest.mark.trap(name="runs that cannot be repeated or resumed exactly")
# In the second epoch the bank is no longer that of the untouched network.
@pytest.mark.parametrize("step", [7, 20])
def test_a_stop_at_any_step_costs_nothing(
    finished: tuple[TrainConfig, list[EpochReport]],
    tuned: TinyRun,
    tmp_path: Path,
    step: int,
) -> None:
    def stop(report: StepReport) -> None:
        if (report.epoch, report.step) == (2, step):
            os.kill(os.getpid(), signal.SIGINT)

    config = tuned(tmp_path / "run")
    with pytest.raises(TrainingInterrupted, match=r"--run .*run --resume"):
        list(fit(config, on_step=stop))
    status = RunFolder(path=config.run).status()
    assert status is not None
    assert status.state == "cancelled"
    assert len(list(fit(config, resume=True))) == (1 if step < 20 else 0)
    assert ending(config.run) == ending(finished[0].run)


@pytest.fixture
def data(tuned: TinyRun) -> TrainingData:
    return read_training_data(tuned(Path("unused")), 32)


def losses_of(config: TrainConfig, data: TrainingData, model: BearingsModel) -> DescriptorLosses:
    compute = choose_compute(config)
    raw = plain_features(model, compute, data, data.gallery_rows, 16, descriptors=True)
    space = DescriptorSpace.fit(raw, model.descriptor_widths, 16, 0.5)
    return DescriptorLosses(model, compute, data, raw, space)


def test_photos_of_other_parts_are_neither_in_a_step_nor_in_the_bank(
    tuned: TinyRun, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tuned(Path("unused"))
    model = build_model(config.model, data.regions).eval()
    train = set(data.rows["train"].tolist())
    losses = losses_of(config, data, model)
    described = []

    def spied(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        described.append(arguments[3])
        return plain_features(*arguments, **named)

    monkeypatch.setattr(descriptor_stage, "plain_features", spied)
    losses.renew(16)
    assert {int(row) for row in described[0]} == train == {int(row) for row in losses.rows}
    assert len(losses.bank) == len(train)
    steps = DescriptorSteps(PhotoSteps(data, 32, config), data.gallery_rows)
    seen = [inputs.step_rows for epoch in range(2) for inputs in steps.of_epoch(epoch, 0)]
    a_pass = -(-len(train) // 16)
    for start in range(0, len(seen) - a_pass + 1, a_pass):
        rows = np.concatenate(seen[start : start + a_pass])
        assert sorted(rows.tolist()) == sorted(train), "each photo once a pass"
    resumed = [inputs.batch for inputs in steps.of_epoch(1, 13)]
    whole = [inputs.batch for inputs in steps.of_epoch(1, 0)][13:]
    assert all(
        np.array_equal(one.photos, two.photos) for one, two in zip(resumed, whole, strict=True)
    )


def test_at_the_start_plain_photos_are_where_they_were_and_their_own_copy_does_not_count(
    tuned: TinyRun, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tuned(Path("unused"), augment=AugmentConfig.off())
    model = build_model(config.model, data.regions).eval()
    losses = losses_of(config, data, model)
    rows = losses.rows[:16]
    inputs = StepInput(plain(data, rows, 32), None, np.empty((16, 2), np.float32), rows)
    before = losses(inputs)[0].item()
    monkeypatch.setattr(descriptor_stage, "DISTILLATION", 1000.0)
    assert losses(inputs)[0].item() == pytest.approx(before, abs=1e-2), "no drift yet"
    # Only the photo's own row of the bank is changed: its loss is not.
    for own in range(len(rows)):
        one = StepInput(
            plain(data, rows[own : own + 1], 32), None, np.empty((1, 2), np.float32), rows[own:][:1]
        )
        alone = losses(one)[0].item()
        if alone > 0.1:
            break
    losses.bank[own] = -losses.bank[own]
    assert losses(one)[0].item() == alone
    losses.bank.neg_()
    assert losses(one)[0].item() != alone


def test_whitening_is_that_of_the_gallery() -> None:
    raw = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
    for space in (
        DescriptorSpace.fit(raw, (4, 8), 3, 0.5),
        DescriptorSpace.fit(raw, (12,), None, 0.0),
    ):
        found = Whitening(space)(torch.from_numpy(raw))
        assert np.allclose(found.numpy(), space.apply(raw), atol=1e-6)


@pytest.mark.parametrize("kind", ["positions", "half_headings"])
def test_it_learns_from_what_is_labelled(
    tuned: TinyRun, shared_campus: Path, tmp_path: Path, kind: Stripped
) -> None:
    root = stripped_demo(tmp_path / "campus", kind, demo=shared_campus)
    config = tuned(tmp_path / "run", dataset=root, descriptor_steps=20)
    (report,) = fit(config)
    assert np.isfinite(report.train.total)
    assert (report.validation.maae_deg is not None) == (kind == "half_headings")


def test_without_positions_it_is_refused(
    tuned: TinyRun, shared_campus: Path, tmp_path: Path
) -> None:
    root = stripped_demo(tmp_path / "campus", "regions", demo=shared_campus)
    with pytest.raises(ConfigError, match="no training photo has a position: label some"):
        list(fit(tuned(tmp_path / "run", dataset=root)))


def test_photos_that_are_all_far_apart_are_refused(tuned: TinyRun, data: TrainingData) -> None:
    config = tuned(Path("unused"))
    far = replace(data, position_m=np.arange(len(data.position_m))[:, None] * [[100.0, 0.0]])
    with pytest.raises(ConfigError, match="no two training photos are within 30 m"):
        losses_of(config, far, build_model(config.model, data.regions).eval())


def test_it_is_for_runs_without_heads(tiny_run: TinyRun) -> None:
    with pytest.raises(ValidationError, match="set zero_training too"):
        tiny_run(Path("unused"), descriptor_steps=20)
