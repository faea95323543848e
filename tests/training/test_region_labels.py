"""Region labels reach over borders, by what the training part shows, and no further."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.model.losses import multi_task_loss
from core.model.network import Outputs
from core.model.schema import LossConfig
from core.training.data import read_training_data
from core.training.region_labels import smoothed_regions
from core.training.schema import TrainConfig

# Two regions side by side along the east, a third far away.
EAST_M = np.array([0.0, 2.0, 4.0, 10.0, 12.0, 14.0, 500.0, 502.0, 504.0])
POSITION_M = np.stack([np.zeros(9), EAST_M], axis=1)
REGION = np.repeat([0, 1, 2], 3)
TRAIN = np.arange(9)


def _shares(train: np.ndarray, region: np.ndarray = REGION) -> np.ndarray:
    return smoothed_regions(POSITION_M, region, 3, train, 10.0)


def test_shares_add_up_to_one_and_the_own_region_leads() -> None:
    shares = _shares(TRAIN)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert shares.argmax(axis=1).tolist() == REGION.tolist()


def test_a_share_falls_with_the_distance_to_the_third_photo_of_a_region() -> None:
    shares = _shares(TRAIN)
    # From 4 m the third nearest photo of region 1 stands at 14 m: 10 m, one sigma.
    assert shares[2, 1] / shares[2, 0] == pytest.approx(np.exp(-0.5))
    assert shares[0, 1] < shares[1, 1] < shares[2, 1]
    assert shares[0, 2] == 0.0


def test_photos_outside_the_training_part_neither_give_nor_take() -> None:
    kept = np.delete(TRAIN, [4, 5])
    shares = _shares(kept)
    assert shares[4].tolist() == [0.0, 1.0, 0.0]
    # Region 1 has one training photo left, at 10 m: from 4 m that is 6 m.
    assert shares[2, 1] / shares[2, 0] == pytest.approx(np.exp(-0.18))


def test_one_wrong_label_makes_no_border() -> None:
    mistyped = REGION.copy()
    mistyped[1] = 2
    assert _shares(TRAIN, mistyped)[0, 2] < 1e-6


def test_training_photos_share_labels_and_validation_photos_do_not(
    tiny_run: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    data = read_training_data(tiny_run(tmp_path, loss=LossConfig(region_sigma_m=200.0)), 32)
    train, val = (data.targets(data.rows[part]) for part in ("train", "val"))
    assert train.region_share is not None
    assert val.region_share is not None
    assert train.region_share.sum(dim=1).tolist() == pytest.approx([1.0] * len(train.region))
    assert float(train.region_share.max()) < 0.9
    hard = torch.nn.functional.one_hot(val.region, len(data.dataset.regions)).float()
    assert torch.equal(val.region_share, hard)

    logits = torch.randn(len(val.region), len(data.dataset.regions))
    pair = torch.zeros(len(logits), 2)
    losses = multi_task_loss(Outputs(logits, pair, pair, pair), val, LossConfig())
    assert float(losses.region) == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, val.region)), rel=1e-5
    )
    assert read_training_data(tiny_run(tmp_path), 32).region_share is None
