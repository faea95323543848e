"""A search small enough for a test."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from core.errors import BearingsError
from core.locks import Lock
from core.model.schema import ModelConfig
from core.project import HELD_FOLDER
from core.training.fit import fit
from core.training.run_folder import RunFolder
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.space import Distribution

TinyStudy = Callable[..., TuneConfig]
SPACE = {
    "stage2.lr_heads": Distribution(low=1e-4, high=1e-2, log=True),
    "model.region_dropout": Distribution(low=0.0, high=0.4, step=0.2),
    "augment.crop_scale": Distribution(choices=([0.8, 1.0], [0.6, 1.0])),
}


@pytest.fixture(scope="session")
def tiny_study(shared_campus: Path) -> TinyStudy:
    """Options of a search over short runs: `tiny_study(folder, trials=3, dataset=campus)`."""

    def make(
        study: Path,
        dataset: Path = shared_campus,
        train: dict[str, Any] | None = None,
        **changes: Any,  # noqa: ANN401 - any option
    ) -> TuneConfig:
        options: dict[str, Any] = {
            "dataset": dataset,
            "run": study,
            "model": ModelConfig(
                backbone="test_resnet", weights="random", input_size=32, place_anchors=0
            ),
            "stage1": Stage1Config(epochs=0),
            "stage2": Stage2Config(epochs=2),
            "batch_size": 16,
            "precision": "fp32",
            "device": "cpu",
            "threads": 1,
        }
        base = TrainConfig(**(options | (train or {})))
        given: dict[str, Any] = {"trials": 3, "sampler": "random", "pruner": "none", "space": SPACE}
        return TuneConfig(study=study, train=base, **(given | changes))

    return make


@pytest.fixture
def begun(tiny_study: TinyStudy, tmp_path: Path) -> tuple[StudyFolder, TuneConfig]:
    """A study whose folder is written, and nothing else."""
    config = tiny_study(tmp_path / "study")
    folder = StudyFolder.of(config)
    folder.begin(config)
    return folder, config


class Inline:
    """Runs the jobs of a queue in this process, each to its end before the next is looked at.

    Attributes:
        fit: What trains; a test may put something else there.
        environments: What each job was told in its environment, by the name of its folder.
    """

    def __init__(self) -> None:
        self.fit: Callable[..., Iterator[object]] = fit
        self.environments: dict[str, dict[str, str]] = {}

    def start(
        self,
        words: Sequence[str],
        options: Mapping[str, Any],
        lock: Lock,
        log: IO[bytes],
        told: Mapping[str, str],
        cwd: Path,
    ) -> "subprocess.Popen[bytes]":
        """Stands in for `core.jobs.runner.start_command`."""
        folder = lock.folder
        self.environments[folder.name] = dict(told)
        assert lock.handle is not None
        # The job closes its handle, and the runner closes its own.
        handed = {HELD_FOLDER: f"{os.dup(lock.handle)}:{folder}"}
        process = subprocess.Popen(["true"])
        code = 0
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**told, **handed}.items():
                patch.setenv(name, value)
            try:
                resume = "--resume" in words
                config = RunFolder(path=folder).config() if resume else TrainConfig(**options)
                for _ in self.fit(config, resume):
                    pass
            except (BearingsError, RuntimeError, MemoryError, KeyboardInterrupt):
                code = 1

        def poll() -> int:
            process.wait()
            return code

        # Until then it is a zombie, which is no living process.
        process.poll = poll  # type: ignore[method-assign]
        return process


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Inline:
    """Jobs run in this process: seconds are saved, and a test sees and changes what they do."""
    made = Inline()
    monkeypatch.setattr("core.jobs.runner.start_command", made.start)
    monkeypatch.setattr("core.tuning.study._POLL_S", 0.01)
    monkeypatch.setattr("core.jobs.conductor._POLL_S", 0.01)
    return made
