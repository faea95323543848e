"""A training run small enough for a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.model.schema import ModelConfig, TtaConfig
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from tests.training.memory_limit import full

__all__ = ["full"]

TinyRun = Callable[..., TrainConfig]


@pytest.fixture(scope="session")
def tiny_run(shared_campus: Path) -> TinyRun:
    """Options of a run of two short epochs: `tiny_run(folder, patience=3)`."""

    def make(run: Path, **changes: Any) -> TrainConfig:  # noqa: ANN401 - any option
        options: dict[str, Any] = {
            "dataset": shared_campus,
            "run": run,
            "model": ModelConfig(
                backbone="test_resnet", weights="random", input_size=32, place_anchors=0
            ),
            "stage1": Stage1Config(epochs=1, views=2),
            "stage2": Stage2Config(epochs=1),
            "tta": TtaConfig(views=1),
            "ema_decay": 0.0,
            # Finding them takes half the time of such a run; tests of points ask for some.
            "gallery_points": 0,
            "batch_size": 16,
            "least_steps": 0,
            "precision": "fp32",
            "threads": 1,
        }
        return TrainConfig(**(options | changes))

    return make
