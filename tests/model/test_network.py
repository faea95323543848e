"""Fusion: who is fed what, and that no head is fed its own answer."""

from dataclasses import fields

import pytest
import torch
from torch import Tensor

from core.model.network import BearingsModel, Outputs
from core.model.schema import ModelConfig

CONFIG = ModelConfig(backbone="test_vit", weights="random", input_size=32, place_anchors=0)
REGIONS = 5


@pytest.fixture
def model() -> BearingsModel:
    torch.manual_seed(0)
    return BearingsModel(CONFIG, REGIONS).eval()


@pytest.fixture
def features(model: BearingsModel) -> Tensor:
    return torch.randn(6, model.width, generator=torch.Generator().manual_seed(1))


def _unit(degrees: list[float]) -> Tensor:
    radians = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([radians.cos(), radians.sin()], dim=1)


def _same(first: Outputs, second: Outputs) -> dict[str, bool]:
    pairs = ((f.name, getattr(first, f.name), getattr(second, f.name)) for f in fields(Outputs))
    return {name: bool(torch.equal(a, b)) for name, a, b in pairs if a is not None}


def test_outputs_have_the_stated_shapes(model: BearingsModel) -> None:
    outputs = model(torch.randn(3, 3, 32, 32))
    assert outputs.region_logits.shape == (3, REGIONS)
    assert outputs.position.shape == (3, 2)
    assert outputs.heading.shape == (3, 2)
    assert outputs.features.shape == (3, model.width)


def test_all_unknown_is_the_same_as_nothing_given(model: BearingsModel, features: Tensor) -> None:
    nothing = model.heads(features)
    unknown = model.heads(features, torch.full((6,), -1), torch.full((6, 2), torch.nan))
    assert all(_same(nothing, unknown).values())


def test_known_region_moves_position_and_heading_only(
    model: BearingsModel, features: Tensor
) -> None:
    free = model.heads(features)
    told = model.heads(features, known_region=torch.arange(6) % REGIONS)
    same = _same(free, told)
    assert same == {"region_logits": True, "position": False, "heading": False, "features": True}


def test_known_heading_moves_position_only(model: BearingsModel, features: Tensor) -> None:
    free = model.heads(features)
    told = model.heads(features, known_heading=_unit([0, 60, 120, 180, 240, 300]))
    same = _same(free, told)
    assert same == {"region_logits": True, "position": False, "heading": True, "features": True}


def test_each_photo_is_told_apart(model: BearingsModel, features: Tensor) -> None:
    region = torch.tensor([2, -1, -1, -1, -1, -1])
    free, told = model.heads(features), model.heads(features, known_region=region)
    assert not torch.equal(free.position[0], told.position[0])
    torch.testing.assert_close(free.position[1:], told.position[1:])


def test_heading_head_has_no_path_from_the_known_heading(
    model: BearingsModel, features: Tensor
) -> None:
    known = _unit([10.0] * 6).requires_grad_()
    outputs = model.heads(features, known_heading=known)
    (gradient,) = torch.autograd.grad(outputs.heading.sum(), known, allow_unused=True)
    assert gradient is None
    (gradient,) = torch.autograd.grad(
        model.heads(features, known_heading=known).position.sum(), known
    )
    assert gradient.abs().min() > 0


def test_a_known_region_equal_to_a_certain_estimate_changes_nothing(
    model: BearingsModel, features: Tensor
) -> None:
    last = model.region_head[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.bias[3] = 1e4
    certain = model.heads(features)
    told = model.heads(features, known_region=torch.full((6,), 3))
    torch.testing.assert_close(certain.position, told.position)


def test_estimates_pass_gradients_in_evaluation_and_not_in_training(
    model: BearingsModel, features: Tensor
) -> None:
    last = model.region_head[-1]
    model.heads(features).position.sum().backward()  # type: ignore[no-untyped-call]
    assert last.weight.grad is not None
    model.zero_grad(set_to_none=True)
    model.train().heads(features).position.sum().backward()  # type: ignore[no-untyped-call]
    assert last.weight.grad is None
    assert model.region_embedding.weight.grad is not None


@pytest.mark.trap(name="atan2 in the wrong order, vectors of length zero")
def test_a_heading_of_length_zero_has_finite_gradients(
    model: BearingsModel, features: Tensor
) -> None:
    last = model.heading_head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    outputs = model.heads(features)
    assert outputs.position.isfinite().all()
    outputs.position.sum().backward()  # type: ignore[no-untyped-call]
    assert last.weight.grad is not None
    assert last.weight.grad.isfinite().all()


@pytest.mark.trap(name="answers that depend on the batch, or an average that is not saved")
def test_one_photo_is_answered_as_in_a_batch(model: BearingsModel) -> None:
    images = torch.randn(5, 3, 32, 32)
    together = model(images)
    alone = model(images[2:3])
    torch.testing.assert_close(together.position[2:3], alone.position, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.heading[2:3], alone.heading, atol=1e-5, rtol=1e-4)
