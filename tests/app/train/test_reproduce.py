"""What is offered for copying does the same run again, and hides nothing that would differ."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from app.train.compute_target import lines
from app.train.reproduce import facts, recipe
from core.jobs.devices import Gpu
from core.training.schema import TrainConfig

MADE_WITH: dict[str, Any] = {
    "versions": {"bearings": "0.1.0", "python": "3.11.7", "torch": "2.14.1+cpu", "timm": "1.0.31"},
    "platform": "Linux",
    "device": "cuda:1",
    "precision": "bf16",
    "threads": 2,
    "git": {"commit": "abc123", "changed": False},
}


def config() -> TrainConfig:
    return TrainConfig(dataset=Path("data/a b"), run=Path("runs/first"), batch_size=48)


def test_the_recipe_pins_versions_and_the_arithmetic_that_was_used() -> None:
    done = recipe(config(), MADE_WITH).splitlines()
    assert done[0] == "git checkout abc123"
    assert done[1].startswith("python3.11 -m venv")
    assert done[2] == "pip install torch==2.14.1 timm==1.0.31", "no build of one machine, no python"
    words = shlex.split(done[-1])
    assert "--local-features" not in words, "runs of earlier versions did not record it"
    assert words[:5] == ["python", "-m", "core", "train", "data/a b"]
    assert words[words.index("--run") + 1] == "runs/first-again", "the first stays as it is"
    for flag, value in (("--device", "cuda"), ("--precision", "bf16"), ("--batch-size", "48")):
        assert words[words.index(flag) + 1] == value
    assert words[words.index("--threads") + 1] == "2"


def test_what_several_processes_trained_is_done_by_as_many_again() -> None:
    done = recipe(config(), MADE_WITH | {"processes": 2}).splitlines()[-1]
    assert done.startswith("torchrun --nproc-per-node 2 -m core train 'data/a b' --run")


def test_keypoints_are_those_that_the_run_found_installed() -> None:
    words = shlex.split(recipe(config(), MADE_WITH | {"local_features": "sift"}).splitlines()[-1])
    assert words[words.index("--local-features") + 1] == "sift"


def test_without_a_repository_there_is_no_commit_to_go_to() -> None:
    made_with = MADE_WITH | {"git": {}}
    assert "git" not in recipe(config(), made_with)
    assert "Commit" not in facts(made_with)
    assert facts(MADE_WITH)["Commit"] == "abc123"


@pytest.mark.parametrize(("share", "words"), [(0.97, ", computing 97 % of the time"), (None, "")])
def test_a_gpu_is_said_in_a_line(share: float | None, words: str) -> None:
    gpu = Gpu(1, "NVIDIA H100", 2 * 1024**3, 80 * 1024**3, share)
    assert lines([gpu]) == [f"`cuda:1`: NVIDIA H100, 2.0 of 80.0 GiB in use{words}"]
    assert lines([]) == []
