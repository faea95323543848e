"""The loss of a descriptor, by values that are worked out by hand."""

import math

import pytest
import torch

from core.model.descriptor_loss import contrast, drift, near_views

NOWHERE = math.nan


def weight(apart_m: float, heading: float, other: float) -> float:
    near = near_views(
        torch.tensor([[0.0, 0.0]]),
        torch.tensor([heading]),
        torch.tensor([[apart_m, 0.0]]),
        torch.tensor([other]),
    )
    return float(near[0, 0])


@pytest.mark.parametrize(
    ("apart_m", "heading", "other", "expected"),
    [
        (0.0, 10.0, 10.0, 1.0),
        (15.0, 10.0, 10.0, math.exp(-0.5)),
        (0.0, 350.0, 35.0, math.exp(2 * (math.sqrt(0.5) - 1))),  # 45 degrees over north
        (15.0, 0.0, 45.0, math.exp(-0.5 + 2 * (math.sqrt(0.5) - 1))),
        (0.0, 0.0, 61.0, 0.0),
        (31.0, 0.0, 0.0, 0.0),
        (15.0, math.nan, 200.0, math.exp(-0.5)),  # the distance alone
        (15.0, 200.0, math.nan, math.exp(-0.5)),
        (math.nan, 0.0, 0.0, 0.0),
    ],
)
def test_near_views_weigh_by_distance_and_turn(
    apart_m: float, heading: float, other: float, expected: float
) -> None:
    assert weight(apart_m, heading, other) == pytest.approx(expected, abs=1e-6)


BANK = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])


def test_the_loss_has_the_value_worked_out_by_hand() -> None:
    # Without itself: similarities .6 and 0, over .07 are 8.5714 and 0; weights 3 to 1.
    found, near = contrast(
        torch.tensor([[1.0, 0.0]]), BANK, torch.tensor([[9.0, 0.3, 0.1]]), torch.tensor([0])
    )
    total = math.log(math.exp(0.6 / 0.07) + 1.0)
    expected = -0.75 * (0.6 / 0.07 - total) - 0.25 * (0.0 - total)
    assert float(found[0]) == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(2.1430, abs=1e-4)
    assert near.tolist() == [True]


def test_a_photo_outside_the_gallery_is_compared_with_all_of_it() -> None:
    found, _ = contrast(
        torch.tensor([[1.0, 0.0]]), BANK, torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([-1])
    )
    logits = [1 / 0.07, 0.6 / 0.07, 0.0]
    expected = math.log(sum(math.exp(each) for each in logits)) - logits[0]
    assert float(found[0]) == pytest.approx(expected, rel=1e-4)


def test_a_photo_that_is_near_itself_alone_has_no_loss_and_no_gradient() -> None:
    descriptor = torch.tensor([[0.8, 0.6]], requires_grad=True)
    found, near = contrast(descriptor, BANK, torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([0]))
    assert near.tolist() == [False]
    assert found.tolist() == [0.0]
    (gradient,) = torch.autograd.grad(found.sum(), descriptor)
    assert gradient.tolist() == [[0.0, 0.0]]


def test_a_step_brings_a_photo_nearer_to_its_near_view_and_away_from_the_others() -> None:
    descriptor = torch.tensor([[math.sqrt(0.5), math.sqrt(0.5)]], requires_grad=True)
    bank = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    found, _ = contrast(descriptor, bank, torch.tensor([[1.0, 0.0]]), torch.tensor([-1]))
    (gradient,) = torch.autograd.grad(found.sum(), descriptor)
    assert gradient[0, 1] < 0 < gradient[0, 0]


def test_the_drift_is_none_at_the_start_and_grows_with_the_angle() -> None:
    before = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    now = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])
    assert drift(now, before).tolist() == pytest.approx([0.0, 0.4, 2.0])
