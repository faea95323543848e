"""The forward pass of a step gives a GPU its work without asking for a number in between."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.model.network import BearingsModel
from core.training.data import Batch, read_training_data
from core.training.device import choose_compute
from core.training.schema import TrainConfig
from core.training.session import set_anchors
from core.training.stages import StepInput
from core.training.step_losses import StepLosses

TinyRun = Callable[..., TrainConfig]


@pytest.mark.parametrize("all_labelled", [True, False])
def test_a_step_asks_the_device_for_nothing(tiny_run: TinyRun, all_labelled: bool) -> None:
    config = tiny_run(Path("unused"))
    places = {"place_anchors": 8, "heading_head": "bearings", "position_head": "anchors"}
    config = config.model_copy(update={"model": config.model.model_copy(update=places)})
    data = read_training_data(config, 32)
    model = BearingsModel(config.model, len(data.regions))
    set_anchors(model, data, config)
    if not all_labelled:
        third = np.arange(len(data.region)) % 3
        data = replace(
            data,
            region=np.where(third == 0, -1, data.region),
            target=np.where(third[:, None] == 1, np.float32(np.nan), data.target),
            heading_deg=np.where(third == 2, np.nan, data.heading_deg),
        )
    # Tensors of this device have shapes and no values: who asks for one fails.
    nowhere = torch.device("meta")
    losses = StepLosses(
        model.to(nowhere), replace(choose_compute(config), device=nowhere), data, config
    )
    rows = data.rows["train"][:9]
    batch = Batch(rows, np.empty((0, 0, 0, 3), np.uint8), data.heading_deg[rows])
    draws = np.random.default_rng(0).random((9, 2), np.float32)
    step = losses(StepInput(batch, torch.zeros(9, model.width), draws, rows))
    step[0].backward()
    assert step.device == nowhere
    assert model.place_head is not None
    assert all(p.grad is not None for p in model.place_head.parameters())
