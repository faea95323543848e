"""Loss values by hand."""

import math

import pytest
import torch

from core.model.losses import Share, Targets, multi_task_loss
from core.model.network import Outputs
from core.model.schema import LossConfig

OUTPUTS = Outputs(
    region_logits=torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]]),
    position=torch.tensor([[1.0, 0.0], [0.0, 3.0]]),
    heading=torch.tensor([[1.0, 0.0], [0.0, 0.5]]),
    features=torch.zeros(2, 4),
)
TARGETS = Targets(
    region=torch.tensor([1, 0]),
    position=torch.tensor([[0.0, 0.0], [0.0, 1.0]]),
    heading=torch.tensor([[0.0, 1.0], [0.0, 1.0]]),
)
REGION = (math.log(2.0) - math.log(0.75)) / 2
POSITION = (1.0 + 0.0 + 0.0 + 4.0) / 4
HEADING = (1.0 + 1.0 + 0.0 + 0.25) / 4


def test_each_loss_and_their_weighted_sum() -> None:
    config = LossConfig(region_weight=2.0, position_weight=0.5, heading_weight=3.0)
    losses = multi_task_loss(OUTPUTS, TARGETS, config)
    total = 2.0 * REGION + 0.5 * POSITION + 3.0 * HEADING
    assert losses.stacked().tolist() == pytest.approx([total, REGION, POSITION, HEADING, 0.0])


def test_huber_is_square_near_and_straight_afar() -> None:
    losses = multi_task_loss(OUTPUTS, TARGETS, LossConfig(position_loss="huber"))
    # 0.5 * (error - 0.25) for the errors of 1 and of 2; two errors of 0.
    assert float(losses.position) == pytest.approx(0.5 * (0.75 + 1.75) / 4)


def test_label_smoothing_spreads_the_label() -> None:
    losses = multi_task_loss(OUTPUTS, TARGETS, LossConfig(label_smoothing=0.2))
    # 0.9 of the label on the truth, 0.1 on the other of two regions.
    second = -(0.9 * math.log(0.75) + 0.1 * math.log(0.25))
    assert float(losses.region) == pytest.approx((math.log(2.0) + second) / 2)


def test_a_photo_without_position_teaches_the_rest() -> None:
    lost = TARGETS.position.clone()
    lost[1] = torch.nan
    position = OUTPUTS.position.clone().requires_grad_()
    outputs = Outputs(OUTPUTS.region_logits, position, OUTPUTS.heading, OUTPUTS.features)
    targets = Targets(TARGETS.region, lost, TARGETS.heading)
    losses = multi_task_loss(outputs, targets, LossConfig())
    assert float(losses.position.detach()) == pytest.approx(0.5)
    assert float(losses.region) == pytest.approx(REGION)
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert position.grad is not None
    assert position.grad.isfinite().all()
    assert position.grad[1].tolist() == [0.0, 0.0]


def test_a_batch_without_any_position_teaches_no_position() -> None:
    targets = Targets(TARGETS.region, torch.full((2, 2), torch.nan), TARGETS.heading)
    losses = multi_task_loss(OUTPUTS, targets, LossConfig())
    assert float(losses.position) == 0.0
    assert math.isfinite(float(losses.total))


def _rows(which: list[int], n: int) -> tuple[Outputs, Targets]:
    """Some of `n` photos: every third teaches no position, every second no region, ..."""
    rng = torch.Generator().manual_seed(0)
    logits, position = torch.randn(n, 3, generator=rng), torch.randn(n, 2, generator=rng)
    heading, target = torch.randn(n, 2, generator=rng), torch.randn(n, 2, generator=rng)
    target[::3] = torch.nan
    region = torch.where(torch.arange(n) % 2 == 0, torch.arange(n) % 3, -1)
    faced = torch.where((torch.arange(n) % 4 == 1)[:, None], torch.nan, -heading)
    outputs = Outputs(logits[which], position[which], heading[which], torch.zeros(len(which), 4))
    return outputs, Targets(region[which], target[which], faced[which])


@pytest.mark.parametrize("shares", [[[0, 2, 4, 6], [1, 3, 5]], [[0, 3, 6], [1], [2, 4, 5]]])
def test_the_losses_of_shares_add_up_to_those_of_the_step(shares: list[list[int]]) -> None:
    config = LossConfig(label_smoothing=0.1, position_weight=2.0)
    whole = multi_task_loss(*_rows(list(range(7)), 7), config).stacked().tolist()
    parts = [
        multi_task_loss(
            *_rows(which, 7),
            config,
            share=Share(
                region=sum(photo % 2 == 0 for photo in which) / 4,
                position=sum(photo % 3 != 0 for photo in which) / 4,
                heading=sum(photo % 4 != 1 for photo in which) / 5,
            ),
        )
        .stacked()
        .tolist()
        for which in shares
    ]
    assert [sum(each) for each in zip(*parts, strict=True)] == pytest.approx(whole, rel=1e-6)
