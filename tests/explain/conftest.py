"""Tiny networks with known weights, and a photo."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.geo import CoordinateFrame
from core.model.card import Card, PreprocessCard, SplitCard
from core.model.checkpoint import Checkpoint
from core.model.network import build_model
from core.model.normaliser import Normaliser
from core.model.schema import ModelConfig

REGIONS = ("1", "2", "7")
NetworkMaker = Callable[[str, int, int], Checkpoint]


@pytest.fixture(scope="session")
def make_network() -> NetworkMaker:
    """Maker of a network with random weights: `make_network(backbone, input_size, seed)`."""
    return _network


@pytest.fixture(scope="session")
def resnet() -> Checkpoint:
    """A small convolutional network with batch norm and in-place ReLU."""
    return _network("test_resnet", 64, 0)


@pytest.fixture(scope="session")
def vit() -> Checkpoint:
    """A small vision transformer."""
    return _network("test_vit", 160, 0)


@pytest.fixture(scope="session")
def make_photo() -> Callable[[int], NDArray[np.uint8]]:
    """Maker of a photo of coarse coloured blocks: `make_photo(side)`."""
    return _photo


def _photo(side: int) -> NDArray[np.uint8]:
    blocks = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    return blocks.repeat(side // 8, axis=0).repeat(side // 8, axis=1)


def _network(backbone: str, input_size: int, seed: int) -> Checkpoint:
    torch.manual_seed(seed)
    config = ModelConfig(
        backbone=backbone, input_size=input_size, weights="random", place_anchors=0
    )
    model = build_model(config, REGIONS).eval()
    card = Card(
        created="2026-01-01T00:00:00+00:00",
        campus="Tiny",
        demo_seed=None,
        frame=CoordinateFrame("planar_metres"),
        origin=(0.0, 0.0),
        regions=REGIONS,
        region_names={},
        model=config,
        preprocess=PreprocessCard(
            input_size=input_size, mean=model.mean, std=model.std, interpolation="bicubic"
        ),
        normaliser=Normaliser((3.0, -2.0), (120.0, 80.0)),
        split=SplitCard(protocol="spot", seed=0, hash="0" * 64),
        command="test",
    )
    return Checkpoint(card, model)
