"""Whatever stops a run, going on gives the very same weights and reports, bit for bit."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.dataset.augment_schema import AugmentConfig
from core.errors import RunError, SplitError
from core.model.schema import LossConfig, ModelConfig
from core.options import removed_values
from core.splits import stratified_groups
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder, StepReport
from core.training.schema import ScheduleConfig, Stage1Config, Stage2Config, TrainConfig
from tests.training.launch import ending

TinyRun = Callable[..., TrainConfig]
Ending = dict[str, Any]

# Everything that a state must hold: dropout, augmentation, an average, a shrinking rate.
OPTIONS: dict[str, Any] = {
    "stage1": Stage1Config(epochs=2, views=2),
    "stage2": Stage2Config(epochs=2),
    "ema_decay": 0.9,
    "augment": AugmentConfig(),
    "schedule": ScheduleConfig(kind="plateau", plateau_patience=0, warmup_epochs=0.5),
}


def _ending(config: TrainConfig) -> Ending:
    return ending(config.run)


@pytest.fixture(scope="module")
def uninterrupted(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Ending:
    config = tiny_run(tmp_path_factory.mktemp("whole") / "run", command="train", **OPTIONS)
    list(fit(config))
    return _ending(config)


def stop_at(epoch: int, step: int, number: int) -> Callable[[StepReport], None]:
    def stop(report: StepReport) -> None:
        if (report.epoch, report.step) == (epoch, step):
            os.kill(os.getpid(), number)

    return stop


@pytest.mark.trap(name="runs that cannot be repeated or resumed exactly")
@pytest.mark.parametrize(
    ("epoch", "step", "number"),
    [
        (1, 1, signal.SIGINT),  # in the middle of stage 1
        (2, 3, signal.SIGTERM),  # noticed before the first step of stage 2
        (3, 2, signal.SIGINT),  # in the middle of stage 2
        (4, 3, signal.SIGTERM),  # noticed while the gallery is made
    ],
)
def test_a_signal_at_any_step_costs_nothing(
    uninterrupted: Ending, tiny_run: TinyRun, tmp_path: Path, epoch: int, step: int, number: int
) -> None:
    config = tiny_run(tmp_path / "run", command="train", **OPTIONS)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingInterrupted, match=r"--run .*run --resume"):
        list(fit(config, on_step=stop_at(epoch, step, number)))
    assert signal.getsignal(signal.SIGINT) is before
    status = RunFolder(path=config.run).status()
    assert status is not None
    assert status.state == "cancelled"
    reports = list(fit(config, resume=True))
    assert _ending(config) == uninterrupted
    # An epoch that was over is not told twice.
    over = epoch if step == 3 else epoch - 1
    assert [report.epoch for report in reports] == list(range(over + 1, 5))


@pytest.fixture(scope="module")
def _left_run(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """A run whose reader left after two of four epochs."""
    config = tiny_run(tmp_path_factory.mktemp("left") / "run", command="train", **OPTIONS)
    reports = fit(config)
    next(reports), next(reports)
    reports.close()  # type: ignore[attr-defined]
    return config


@pytest.fixture
def left(_left_run: TrainConfig, tmp_path: Path) -> TrainConfig:
    """A copy of that run, to do with as one likes."""
    shutil.copytree(_left_run.run, tmp_path / "run")
    return _left_run.model_copy(update={"run": tmp_path / "run"})


def test_a_reader_who_leaves_between_epochs_costs_nothing(
    uninterrupted: Ending, left: TrainConfig
) -> None:
    list(fit(left, resume=True))
    assert _ending(left) == uninterrupted


def test_a_process_that_dies_loses_only_the_epoch_at_work(
    uninterrupted: Ending, tiny_run: TinyRun, tmp_path: Path
) -> None:
    config = tiny_run(tmp_path / "run", command="train", **OPTIONS)

    def die(report: StepReport) -> None:
        if (report.epoch, report.step) == (3, 2):
            raise OSError("the machine is gone")

    with pytest.raises(OSError, match="the machine is gone"):
        list(fit(config, on_step=die))
    assert [r.epoch for r in fit(config, resume=True)] == [3, 4]
    assert _ending(config) == uninterrupted


def test_a_run_begun_before_splits_had_calibrate_goes_on_with_its_own(
    uninterrupted: Ending, left: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From here on the same labels would give half of the validation photos to calibrate.
    monkeypatch.setattr(stratified_groups, "FEWEST_PHOTOS", 1)
    monkeypatch.setattr(stratified_groups, "FEWEST_GROUPS", 1)
    list(fit(left, resume=True))
    assert _ending(left) == uninterrupted


def test_an_epoch_saved_but_not_told_is_told_once(uninterrupted: Ending, left: TrainConfig) -> None:
    events = left.run / "events.jsonl"
    events.write_text(events.read_text().splitlines(keepends=True)[0])
    list(fit(left, resume=True))
    assert _ending(left) == uninterrupted


def test_a_stop_file_stops_the_run_and_is_gone_afterwards(
    tiny_run: TinyRun, tmp_path: Path
) -> None:
    config = tiny_run(tmp_path / "run")
    run = RunFolder(path=config.run)
    with pytest.raises(TrainingInterrupted, match="a request to stop in epoch 1 after step 1 of 3"):
        list(fit(config, on_step=lambda step: run.request_stop()))
    assert not run.stop_requested
    assert [report.epoch for report in fit(config, resume=True)] == [1, 2]


def test_a_stop_request_is_noticed_while_weights_are_downloaded(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_run(tmp_path / "run")
    run, ended = RunFolder(path=config.run), threading.Event()

    def download(*arguments: object) -> None:
        run.request_stop()
        ended.wait(60)

    monkeypatch.setattr("core.training.session.build_model", download)
    with pytest.raises(TrainingInterrupted, match="while the photos were prepared"):
        list(fit(config))
    ended.set()
    status = run.status()
    assert status is not None
    assert status.state == "cancelled"


def test_weights_that_cannot_be_had_end_the_run_with_the_reason(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*arguments: object) -> None:
        raise TimeoutError("nobody answers")

    monkeypatch.setattr("core.training.session.build_model", download)
    with pytest.raises(TimeoutError, match="nobody answers"):
        list(fit(tiny_run(tmp_path / "run")))


def test_answers_read_off_places_go_on_exactly(tiny_run: TinyRun, tmp_path: Path) -> None:
    def config(name: str) -> TrainConfig:
        model = ModelConfig(
            backbone="test_resnet",
            weights="random",
            input_size=32,
            place_anchors=6,
            position_head="anchors",
            heading_head="bearings",
            region_from_places=0.5,
        )
        loss = LossConfig(label_smoothing=0.1, position_loss="huber")
        stage2 = Stage2Config(epochs=1, unfreeze=2)
        options = {"model": model, "loss": loss, "stage2": stage2}
        return tiny_run(tmp_path / name, command="train", **options)

    list(fit(config("whole")))
    with pytest.raises(TrainingInterrupted):
        list(fit(config("cut"), on_step=stop_at(2, 2, signal.SIGINT)))
    list(fit(config("cut"), resume=True))
    assert _ending(config("cut")) == _ending(config("whole"))


def test_other_options_are_refused(left: TrainConfig) -> None:
    with pytest.raises(RunError, match=r"other options \(batch_size\)"):
        list(fit(left.model_copy(update={"batch_size": 8}), resume=True))


REMOVED = {
    "mixup_alpha": (0.0, 0.4),
    "stage2.layer_decay": (1.0, 0.9),
    "loss.region_sigma_m": (0.0, 10.0),
    "loss.position_scale_m": (5.0, 2.0),
    "loss.position_loss": ("mse", "student_t"),
}


def _with_options(config: TrainConfig, which: int) -> None:
    """Write the run's options as the version did that still had the removed ones."""
    path = config.run / "config.json"
    content = json.loads(path.read_text())
    for name, values in REMOVED.items():
        *outer, inner = name.split(".")
        (content[outer[0]] if outer else content)[inner] = values[which]
    path.write_text(json.dumps(content))


def test_a_run_that_left_removed_options_off_goes_on(
    uninterrupted: Ending, left: TrainConfig
) -> None:
    _with_options(left, 0)
    list(fit(left, resume=True))
    assert _ending(left) == uninterrupted


def test_a_run_that_used_removed_options_is_read_and_not_resumed(left: TrainConfig) -> None:
    _with_options(left, 1)
    config = RunFolder(path=left.run).config()
    assert removed_values(config) == {name: values[1] for name, values in REMOVED.items()}
    with pytest.raises(RunError) as refused:
        list(fit(config, resume=True))
    for name in REMOVED:
        assert f"{name}, which was removed" in str(refused.value)
    assert "begin a new run" in str(refused.value)


def test_another_dataset_is_refused(left: TrainConfig, small_campus: Path) -> None:
    labels = (small_campus / "labels.csv").read_text().splitlines(keepends=True)
    (small_campus / "labels.csv").write_text("".join(labels[:-4]))
    with pytest.raises(SplitError, match="no longer the dataset"):
        list(fit(left.model_copy(update={"dataset": small_campus}), resume=True))


def test_there_must_be_a_run_to_go_on_with(tiny_run: TinyRun, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no config\.json"):
        list(fit(tiny_run(tmp_path / "nowhere"), resume=True))


def test_a_torn_state_is_refused(left: TrainConfig) -> None:
    (state,) = RunFolder(path=left.run).last.glob("state-*.safetensors")
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(RunError, match="is damaged"):
        list(fit(left, resume=True))
