"""The specified backbones train a step, are saved and loaded, and answer the same."""

from pathlib import Path

import pytest
import torch

from core.geo import CoordinateFrame
from core.model.backbone import preprocess_of
from core.model.card import Card, PreprocessCard, SplitCard
from core.model.checkpoint import load_checkpoint, save_checkpoint
from core.model.losses import Targets, multi_task_loss
from core.model.network import BearingsModel, build_model
from core.model.normaliser import Normaliser
from core.model.schema import LossConfig, ModelConfig

REGIONS = ("1", "2", "3")
SPECIFIED = ["efficientnet_b0", "mobilenetv3_large_100", "resnet34", "vit_tiny_patch16_224"]


def _model(backbone: str, **changes: object) -> BearingsModel:
    torch.manual_seed(0)
    options = {"input_size": 64, "weights": "random"} | changes
    return build_model(
        ModelConfig.model_validate({"backbone": backbone, "place_anchors": 0, **options}), REGIONS
    )


def _targets(n: int) -> Targets:
    rng = torch.Generator().manual_seed(3)
    heading = torch.randn(n, 2, generator=rng)
    return Targets(
        torch.arange(n) % 3,
        torch.randn(n, 2, generator=rng),
        heading / heading.norm(dim=1, keepdim=True),
    )


def _card(model: BearingsModel) -> Card:
    preprocess = PreprocessCard(
        input_size=model.input_size, mean=model.mean, std=model.std, interpolation="bicubic"
    )
    return Card(
        created="",
        campus="",
        frame=CoordinateFrame("planar_metres"),
        origin=(0.0, 0.0),
        regions=REGIONS,
        region_names={},
        model=model.config,
        preprocess=preprocess,
        normaliser=Normaliser((0.0, 0.0), (1.0, 1.0)),
        split=SplitCard(protocol="spot", seed=0, hash=""),
        command="",
    )


@pytest.mark.parametrize("backbone", SPECIFIED)
def test_a_step_a_save_and_a_load_give_the_same_answers(backbone: str, tmp_path: Path) -> None:
    model = _model(backbone).train()
    images, targets = torch.randn(3, 3, 64, 64), _targets(3)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)
    before = model.heading_head[0].weight.detach().clone()  # type: ignore[operator, union-attr]
    multi_task_loss(model(images), targets, LossConfig()).total.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    assert not torch.equal(before, model.heading_head[0].weight)  # type: ignore[arg-type]
    assert all(p.grad is not None for p in model.parameters())
    save_checkpoint(tmp_path, model.state_dict(), _card(model))
    again = load_checkpoint(tmp_path).model
    with torch.no_grad():
        expected, got = model.eval()(images), again(images)
    for name in ("region_logits", "position", "heading", "features"):
        assert torch.equal(getattr(expected, name), getattr(got, name))


@pytest.mark.parametrize(
    ("backbone", "size", "mean"),
    [
        ("efficientnet_b0", 224, 0.485),
        ("vit_tiny_patch16_224", 224, 0.5),
        ("resnet10t", 176, 0.485),
        ("vit_small_patch14_dinov2.lvd142m", 518, 0.485),
    ],
)
def test_input_size_and_statistics_are_timms_own(backbone: str, size: int, mean: float) -> None:
    preprocess = preprocess_of(ModelConfig(backbone=backbone, place_anchors=0))
    assert preprocess.input_size == size
    assert preprocess.mean[0] == mean


def test_the_pooled_width_is_measured() -> None:
    # timm calls 960 the features of this network, but its pooled output has 1280.
    assert _model("mobilenetv3_large_100").width == 1280


def test_transformers_are_averaged_over_their_patches() -> None:
    model = _model("test_vit", input_size=32).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        tokens = model.backbone.forward_features(images)  # type: ignore[operator]
        prefix = model.backbone.num_prefix_tokens
        torch.testing.assert_close(model.features(images), tokens[:, prefix:].mean(dim=1))


def test_further_arguments_reach_timm() -> None:
    shallow = _model("resnet10t", backbone_arguments={"channels": [16, 32, 48, 64]})
    assert shallow.width == 64


def test_a_tiny_batch_is_memorised() -> None:
    still = {"region_dropout": 0.0, "position_dropout": 0.0, "heading_dropout": 0.0}
    model = _model("test_vit", input_size=32, **still).train()
    images, targets = torch.randn(6, 3, 32, 32), _targets(6)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(60):
        outputs = model(images)
        losses = multi_task_loss(outputs, targets, LossConfig())
        optimiser.zero_grad()
        losses.total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert outputs.region_logits.argmax(dim=1).tolist() == targets.region.tolist()
    _, region, position, heading, _ = losses.stacked().tolist()
    assert region < 0.1
    assert position < 0.1
    assert heading < 0.05


@pytest.mark.parametrize("name", ["deit_tiny_distilled_patch16_224", "pit_ti_224"])
def test_families_that_read_the_class_token_alone_keep_it(name: str) -> None:
    from core.model.backbone import create_backbone

    backbone, _, width = create_backbone(ModelConfig(backbone=name, weights="random"))
    assert backbone(torch.zeros(2, 3, 224, 224)).shape == (2, width)
