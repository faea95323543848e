"""A search small enough for a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.model.schema import ModelConfig
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.space import Distribution
from tests.inline_jobs import Inline

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
            # Finding them takes half the time of such a run; tests of training look at them.
            "gallery_points": 0,
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


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Inline:
    """Jobs run in this process: seconds are saved, and a test sees and changes what they do."""
    return Inline().put_in(monkeypatch)
