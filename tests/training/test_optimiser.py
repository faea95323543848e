"""What learns, how fast, and what is left in peace."""

import pytest
import torch

from core.errors import ConfigError
from core.model.network import BearingsModel
from core.model.schema import ModelConfig
from core.training.optimiser import (
    Rates,
    WeightAverage,
    freeze,
    make_optimiser,
    set_rates,
    train_mode,
)

RATES = Rates(heads=1e-2, backbone=1e-4, weight_decay=0.1)


@pytest.fixture
def model() -> BearingsModel:
    return BearingsModel(
        ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0), 3
    )


def _learning(model: BearingsModel) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_a_frozen_backbone_learns_nothing_and_moves_no_statistics(model: BearingsModel) -> None:
    freeze(model, last_blocks=0)
    train_mode(model)
    assert not any(name.startswith("backbone.") for name in _learning(model))
    assert any(name.startswith("heading_head.") for name in _learning(model))
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    model(torch.randn(4, 3, 32, 32))
    assert all(torch.equal(before[n], v) for n, v in model.backbone.state_dict().items())


def test_the_last_block_alone_learns_and_only_its_statistics_move(model: BearingsModel) -> None:
    freeze(model, last_blocks=1)
    train_mode(model)
    backbone = {name for name in _learning(model) if name.startswith("backbone.")}
    assert backbone
    assert all(name.startswith("backbone.layer4.") for name in backbone)
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    model(torch.randn(4, 3, 32, 32))
    moved = {n for n, v in model.backbone.state_dict().items() if not torch.equal(before[n], v)}
    assert moved
    assert all(name.startswith("layer4.") for name in moved)


def test_all_blocks_learn_unless_told_otherwise(model: BearingsModel) -> None:
    freeze(model, last_blocks=0)
    freeze(model, last_blocks=None)
    assert _learning(model) == {name for name, _ in model.named_parameters()}


def test_more_blocks_than_there_are_is_an_error(model: BearingsModel) -> None:
    with pytest.raises(ConfigError, match=r"--stage2\.unfreeze at most"):
        freeze(model, last_blocks=500)


def test_norms_and_biases_do_not_decay(model: BearingsModel) -> None:
    optimiser = make_optimiser(model, RATES)
    decay = {id(p): g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    for name, parameter in model.named_parameters():
        assert decay[id(parameter)] == (0.1 if parameter.ndim > 1 else 0.0), name


def test_position_embeddings_of_transformers_do_not_decay() -> None:
    model = BearingsModel(
        ModelConfig(backbone="test_vit", weights="random", input_size=32, place_anchors=0), 3
    )
    optimiser = make_optimiser(model, RATES)
    spared = {id(p) for g in optimiser.param_groups if not g["weight_decay"] for p in g["params"]}
    assert id(model.backbone.pos_embed) in spared


def test_backbone_and_heads_have_their_own_rates(model: BearingsModel) -> None:
    optimiser = make_optimiser(model, RATES)
    assert set_rates(optimiser, 0.5) == pytest.approx(5e-3)
    rate = {id(p): g["lr"] for g in optimiser.param_groups for p in g["params"]}
    for name, parameter in model.named_parameters():
        expected = 5e-5 if name.startswith("backbone.") else 5e-3
        assert rate[id(parameter)] == pytest.approx(expected), name


def test_without_a_backbone_rate_only_heads_are_optimised(model: BearingsModel) -> None:
    freeze(model, last_blocks=0)
    optimiser = make_optimiser(model, Rates(1e-3, None, 1e-4))
    optimised = {id(p) for g in optimiser.param_groups for p in g["params"]}
    heads = {id(p) for n, p in model.named_parameters() if not n.startswith("backbone.")}
    assert optimised == heads


def test_the_average_follows_weights_and_statistics_also_after_a_restore(
    model: BearingsModel,
) -> None:
    average = WeightAverage(model, 0.75)
    before = {name: value.clone() for name, value in average.model.state_dict().items()}
    # As a resumed run does, once the average is made.
    saved = {name: value + 2 for name, value in model.state_dict().items()}
    model.load_state_dict(saved)
    average.update(1000)
    for name, value in average.model.state_dict().items():
        share = 0.25 if value.is_floating_point() else 1.0
        expected = before[name] + share * (saved[name] - before[name])
        torch.testing.assert_close(value, expected.to(value.dtype), msg=name)
    average.model.load_state_dict(saved)
    average.update(0)
    assert all(torch.equal(value, saved[n]) for n, value in average.model.state_dict().items())
