"""How processes agree, wait and fail together, and what a single one makes of it."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from core.errors import ConfigError
from core.model.network import BearingsModel
from core.model.schema import ModelConfig
from core.training import environment
from core.training.data import epoch_order
from core.training.environment import PeerFailed, reports_error, train_command
from core.training.processes import ALONE, Processes, open_processes
from tests.training.launch import torchrun


@pytest.mark.slow
def test_three_processes_agree_wait_and_fail_together() -> None:
    ended = torchrun(3, Path(__file__).with_name("peers.py"))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("all was well") == 2


def test_a_single_process_hears_itself() -> None:
    part, module = np.arange(6.0).reshape(2, 3), nn.Linear(2, 2)
    assert ALONE.is_main
    assert ALONE.exchange({"a": 1}) == [{"a": 1}]
    assert ALONE.mean([1.5]) == [1.5]
    assert ALONE.share(part) == pytest.approx(part)
    assert ALONE.parallel(module) is module
    assert ALONE.in_turn(lambda: 7) == 7


def test_a_place_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="process 2 of 2"):
        Processes(2, 2)


def test_a_launcher_that_says_too_little_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="RANK, MASTER_ADDR, MASTER_PORT is not set"):
        open_processes("cpu").__enter__()


@pytest.mark.parametrize(
    ("rank", "local", "own", "peers"),
    [(0, 0, True, True), (1, 1, False, False), (2, 0, True, False)],
)
def test_an_error_is_told_once_on_the_machine_where_it_can_be_mended(
    monkeypatch: pytest.MonkeyPatch, rank: int, local: int, own: bool, peers: bool
) -> None:
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("LOCAL_RANK", str(local))
    assert reports_error(ConfigError("a wrong option")) is own
    assert reports_error(PeerFailed("process 1 failed")) is peers


def test_the_command_to_go_on_starts_as_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train_command("--run r --resume") == "python -m core train --run r --resume"
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    expected = "torchrun --nproc-per-node 4 -m -- core train --run r --resume"
    assert train_command("--run r --resume") == expected
    assert environment.launched_count() == 8
    monkeypatch.setenv(environment.RAY_WORKERS, "8")
    expected = "python -m core train --run r --resume --ray-workers 8"
    assert train_command("--run r --resume") == expected


def _one_of(count: int, rank: int = 0) -> Processes:
    """A process of several, whose groups are never used."""
    group = cast("dist.ProcessGroup", None if count == 1 else object())
    return Processes(rank, count, control=group)


EIGHT = _one_of(8)


def _model() -> BearingsModel:
    config = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0)
    return BearingsModel(config, 3)


def test_batchnorm_sees_all_photos_on_gpus_and_answers_as_before() -> None:
    model, images = _model().eval(), torch.randn(2, 3, 32, 32)
    before, names = model(images), list(model.state_dict())
    said = EIGHT.synchronise_batchnorm(model, torch.device("cuda"))
    assert said == "BatchNorm normalises by the photos of all processes"
    kinds = {type(module) for module in model.modules()}
    assert not any(issubclass(kind, nn.BatchNorm2d) for kind in kinds)
    assert any(issubclass(kind, nn.SyncBatchNorm) for kind in kinds)
    assert list(model.state_dict()) == names
    # timm's layers hold their activation; losing it would show here.
    torch.testing.assert_close(model(images).position, before.position)


def test_batchnorm_on_a_cpu_is_owned_up_to() -> None:
    said = EIGHT.synchronise_batchnorm(_model(), torch.device("cpu"))
    assert said is not None
    assert "each of the 8 processes alone" in said


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 9))
def test_every_photo_of_a_step_goes_to_one_process(
    photos: int, batch_size: int, count: int
) -> None:
    for step in epoch_order(np.arange(photos), batch_size, 3, 1):
        parts = [_one_of(count, rank).share(step) for rank in range(count)]
        assert sorted(np.concatenate(parts)) == sorted(step)
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1
