"""A cross-validation of three tiny folds, trained once a session."""

import shutil
from pathlib import Path

import pytest

from core.crossval.schema import CrossvalConfig
from core.model.schema import ModelConfig
from core.training.schema import SplitConfig, Stage2Config
from tests.shared import made_once


def tiny_crossval(dataset: Path, out: Path, **changes: object) -> CrossvalConfig:
    """Three folds of seconds."""
    values: dict[str, object] = {
        "dataset": dataset,
        "run": out,
        "split": SplitConfig(folds=3),
        "model": ModelConfig(
            backbone="test_resnet", weights="random", input_size=32, place_anchors=0
        ),
        "stage2": Stage2Config(epochs=2),
        "batch_size": 16,
        # Finding them takes half the time of such a run; tests of training look at them.
        "gallery_points": 0,
        "patience": 0,
        "threads": 1,
        "workers": 0,
        "device": "cpu",
        "plots": False,
    }
    return CrossvalConfig.model_validate(values | changes)


@pytest.fixture(scope="session")
def shared_crossval(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished cross-validation: read it, never write to it."""
    from core.crossval.run import cross_validate  # torch: only for those who ask
    from tests.inline_jobs import Inline

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            Inline().put_in(patch)
            cross_validate(tiny_crossval(shared_campus, folder / "cv"))

    return made_once(tmp_path_factory, "crossval", make) / "cv"


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds run in this process."""
    from tests.inline_jobs import Inline

    Inline().put_in(monkeypatch)


@pytest.fixture
def finished(shared_crossval: Path, tmp_path: Path) -> Path:
    """A copy of it that the test may change."""
    return shutil.copytree(shared_crossval, tmp_path / "cv")
