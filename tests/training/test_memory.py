"""A step that does not fit into memory ends in a sentence with a batch size that fits."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.__main__ import main
from core.errors import RunError
from core.jobs.failures import plain_cause
from core.training import fit as fit_module
from core.training.fit import fit
from core.training.memory import is_out_of_memory
from core.training.run_folder import RunFolder
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.training.stages import StepInput
from core.training.step_losses import StepLosses
from tests.training.memory_limit import CUDA

TinyRun = Callable[..., TrainConfig]
Full = Callable[[int], list[int]]


@pytest.mark.parametrize("stage", [1, 2])
def test_a_batch_that_does_not_fit_names_one_that_does(
    tiny_run: TinyRun, tmp_path: Path, full: Full, stage: int
) -> None:
    tried = full(4)
    config = tiny_run(
        tmp_path / "run",
        stage1=Stage1Config(epochs=int(stage == 1), views=1),
        stage2=Stage2Config(epochs=int(stage == 2)),
    )
    with pytest.raises(RunError, match="does not fit into the memory of cpu") as raised:
        list(fit(config))
    assert tried == [12, 6, 3]
    assert "a step of 12 photos of 32 x 32 pixels" in str(raised.value)
    assert "3 photos fit. Start a new run with --batch-size 3" in str(raised.value)
    status = RunFolder(path=config.run).status()
    assert status is not None
    assert status.state == "failed"
    # The page shows the size that was tried, not half of the option.
    assert plain_cause(status.message, CUDA, config) == str(raised.value)
    tried.clear()
    list(fit(config.model_copy(update={"run": tmp_path / "smaller", "batch_size": 3})))
    assert set(tried) == {3}


def test_no_size_is_named_if_none_fits(tiny_run: TinyRun, tmp_path: Path, full: Full) -> None:
    tried = full(0)
    with pytest.raises(RunError, match="start a new run with a smaller --batch-size") as raised:
        list(fit(tiny_run(tmp_path / "run")))
    assert tried == [12, 6, 3, 1]
    assert "photos fit" not in str(raised.value)


def test_the_command_line_shows_the_sentence_alone(
    shared_campus: Path, tmp_path: Path, full: Full, capsys: pytest.CaptureFixture[str]
) -> None:
    full(6)
    words = ["train", str(shared_campus), "--run", str(tmp_path / "run"), "--epochs", "1"]
    small = ["--backbone", "test_resnet", "--weights", "random", "--input-size", "32"]
    assert (
        main([*words, *small, "--batch-size", "12", "--least-steps", "0", "--device", "cpu"]) == 1
    )
    shown = capsys.readouterr().err
    assert "error: a step of 12 photos" in shown
    assert "--batch-size 6" in shown
    assert "Traceback" not in shown


def test_memory_that_does_not_suffice_between_steps_is_explained(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError(CUDA)

    monkeypatch.setattr(fit_module, "plain_features", full)
    with pytest.raises(RunError, match=r"memory does not suffice.*--batch-size 8 \(now 16\)"):
        list(fit(tiny_run(tmp_path / "run")))


def test_other_errors_stay_what_they_are(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, inputs: StepInput) -> None:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(StepLosses, "forward", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        list(fit(tiny_run(tmp_path / "run")))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.cuda.OutOfMemoryError(CUDA), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
