"""The descriptor: a pooled middle stage beside the features, in one pass that changes neither."""

import pytest
import torch
from torch import nn

from core.model.backbone import create_backbone
from core.model.descriptor import Stage, middle_stage
from core.model.network import BearingsModel
from core.model.schema import ModelConfig


@pytest.fixture(scope="module")
def model() -> BearingsModel:
    torch.manual_seed(0)
    return BearingsModel(ModelConfig(backbone="test_resnet", input_size=64), 4).eval()


@pytest.mark.parametrize(
    ("backbone", "module", "stride"),
    [
        ("test_resnet", "layer3", 16),
        ("test_vit", "blocks.3", 16),
        ("test_convnext", "stages.2", 16),
    ],
)
def test_the_stage_at_stride_16_is_chosen(backbone: str, module: str, stride: int) -> None:
    size = 160 if backbone == "test_vit" else 64
    made, _, _ = create_backbone(ModelConfig(backbone=backbone, input_size=size))
    stage = middle_stage(made, size)
    assert stage is not None
    assert (stage.module, stage.stride) == (module, stride)


def test_pooling_by_hand() -> None:
    # Two channels at four places.
    places = torch.tensor([[1.0, -1.0], [2.0, -1.0], [1.0, -1.0], [2.0, -1.0]])
    expected = torch.tensor([[4.5 ** (1 / 3), 1e-6, 0.5, 0.0]])
    stage = Stage("any", 16, 2, prefix=1)
    tokens = torch.cat([torch.full((1, 2), 99.0), places])[None]  # the first is a class token
    torch.testing.assert_close(stage.pool(tokens), expected)
    torch.testing.assert_close(stage.pool(places.view(1, 1, 4, 2)), expected)
    wide = places.T.reshape(1, 2, 1, 4)
    torch.testing.assert_close(stage.pool(wide), expected)
    rows = Stage("any", 16, 3).pool(torch.rand(2, 5, 4, 3))
    assert rows.shape == (2, 6)


def test_one_pass_gives_the_features_bit_for_bit(model: BearingsModel) -> None:
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        features, descriptor = model.describe(images)
        assert torch.equal(features, model.features(images))
        halves = model.backbone.layer3(
            nn.Sequential(*list(model.backbone.children())[:6])(images)  # up to layer2
        )
    assert torch.equal(descriptor[:, : model.width], features)
    assert descriptor.shape == (3, sum(model.descriptor_widths))
    assert model.stage is not None
    torch.testing.assert_close(descriptor[:, model.width :], model.stage.pool(halves))


def test_the_last_layer_alone_is_the_features(model: BearingsModel) -> None:
    plain = BearingsModel(
        ModelConfig(backbone="test_resnet", input_size=64, descriptor="last"), 4
    ).eval()
    assert plain.descriptor_widths == (plain.width,)
    features, descriptor = plain.describe(torch.randn(1, 3, 64, 64))
    assert descriptor is features


def test_a_backbone_without_stages_has_its_last_layer(model: BearingsModel) -> None:
    assert middle_stage(nn.Linear(2, 2), 64) is None
    broken, _, _ = create_backbone(ModelConfig(backbone="test_resnet", input_size=64))
    broken.feature_info[3]["module"] = "nowhere"
    assert middle_stage(broken, 64) is None
