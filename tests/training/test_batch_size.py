"""A run finds its batch size itself, changes nothing else by that, and keeps it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.cli.flags import typed, validated
from core.cli.train import SHORT
from core.errors import RunError
from core.model.checkpoint import load_checkpoint
from core.training import batch_size as batch_size_module
from core.training.batch_size import fastest, seconds_a_photo
from core.training.fit import fit
from core.training.run_folder import RunFolder
from core.training.schema import BATCH_SIZE, Stage1Config, Stage2Config, TrainConfig
from core.training.step_losses import StepLosses

TinyRun = Callable[..., TrainConfig]
Full = Callable[[int], list[int]]


def tries(memory: int, launch_s: float = 1.0, photo_s: float = 0.01) -> Callable[[int], float]:
    """A device that holds steps of `memory` photos and takes a constant and a share a photo."""

    def attempt(photos: int) -> float:
        if photos > memory:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return launch_s + photo_s * photos

    return attempt


@pytest.mark.parametrize(
    ("memory", "most", "sizes"),
    [
        # 8 + 1, 16 + 2, 32 + 4, 64 + 8 and 128 + 16 photos fit, 256 + 32 do not, 192 + 24 do.
        (220, 1000, [8, 16, 32, 64, 128, 192]),
        (200, 1000, [8, 16, 32, 64, 128]),
        (10_000, 100, [8, 16, 32, 64, 100]),
        (10_000, 5, [5]),
        # Not even 8 fit.
        (5, 1000, [4]),
        (2, 1000, [1]),
        (1, 1000, []),
    ],
)
def test_sizes_double_until_one_does_not_fit_with_a_margin(
    memory: int, most: int, sizes: list[int]
) -> None:
    found = seconds_a_photo(tries(memory), most)
    assert sorted(found) == sizes
    for size, seconds in found.items():
        photos = size + -(-size // 8)
        assert seconds == pytest.approx((1.0 + 0.01 * photos) / photos)


def test_the_smallest_size_is_taken_that_is_about_as_fast_as_the_fastest() -> None:
    # A GPU that is full from 64 photos on; larger steps gain 2 %.
    assert fastest({8: 8.0, 16: 4.1, 32: 2.2, 64: 1.02, 128: 1.0, 192: 1.01}) == 64
    # Time is all overhead: the largest.
    assert fastest(seconds_a_photo(tries(220, photo_s=0.0), 1000)) == 192
    # Time is all arithmetic: the smallest.
    assert fastest(seconds_a_photo(tries(220, launch_s=0.0), 1000)) == 8


def test_an_error_that_is_not_of_memory_stays_what_it_is() -> None:
    def broken(photos: int) -> float:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        seconds_a_photo(broken, 64)


@pytest.mark.trap(name="runs that cannot be repeated or resumed exactly")
def test_a_run_keeps_the_size_that_it_finds_and_is_otherwise_the_same(
    tiny_run: TinyRun, tmp_path: Path, full: Full, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_size_module, "SEARCHED", ("cpu",))
    # The times of so small a network are chance.
    monkeypatch.setattr(batch_size_module, "fastest", max)
    tried = full(14)
    options = {"stage1": Stage1Config(epochs=0), "stage2": Stage2Config(epochs=2)}
    command = "python -m core train campus --run found --batch-size auto --seed 0"
    auto = tiny_run(tmp_path / "found", batch_size=None, command=command, **options)
    reports = fit(auto)
    first = next(reports)
    # A step of 12 + 2 photos fits, one of 16 + 2 does not; 4 steps of each that fits.
    assert tried[:9] == [9] * 4 + [18] + [14] * 4
    reports.close()  # type: ignore[attr-defined]

    run = RunFolder(path=auto.run)
    assert run.config() == auto.model_copy(
        update={"batch_size": 12, "command": command.replace("auto", "12")}
    )
    assert "batch size 12 (8: " in run.log_path.read_text(encoding="utf-8")
    assert load_checkpoint(run.last).card.command == command.replace("auto", "12")
    # The options that began it name no size; nothing is tried again.
    tried.clear()
    assert [report.epoch for report in fit(auto, resume=True)] == [2]
    assert set(tried) <= {11, 12}

    named = tiny_run(tmp_path / "named", batch_size=12, **options)
    assert next(fit(named)).train == first.train
    list(fit(named, resume=True))
    one, other = (
        load_checkpoint(RunFolder(path=config.run).last).model.state_dict()
        for config in (auto, named)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_if_no_photo_fits_the_run_ends_with_a_sentence(
    tiny_run: TinyRun, tmp_path: Path, full: Full, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_size_module, "SEARCHED", ("cpu",))
    tried = full(0)
    with pytest.raises(RunError, match="a step of 1 photos of 32 x 32 pixels does not fit"):
        list(fit(tiny_run(tmp_path / "run", batch_size=None)))
    assert tried == [9, 5, 3, 2]


def test_a_cpu_takes_the_usual_size_and_tries_nothing(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[StepLosses] = []
    monkeypatch.setattr(batch_size_module, "StepLosses", made.append)
    config = tiny_run(tmp_path / "run", batch_size=None)
    next(fit(config))
    assert RunFolder(path=config.run).config().batch_size == BATCH_SIZE
    assert not made


@pytest.mark.parametrize("word", ["auto", None])
def test_options_take_auto_as_a_word(word: str | None) -> None:
    config = validated(TrainConfig, {"dataset": "d", "run": "r", "batch_size": word}, SHORT)
    assert config.batch_size is None
    assert config.batch_photos == BATCH_SIZE
    assert config.photos_per_step(240) == 10
    assert typed("train", config, SHORT) == "python -m core train d --run r --batch-size auto"
