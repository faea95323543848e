"""Every method answers every target, adds up where it says so, and depends on the weights."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from core.errors import ConfigError
from core.explain.attribute import attribute
from core.explain.methods import (
    METHODS,
    TARGETS,
    Baseline,
    IntegratedGradientsKnobs,
    OcclusionKnobs,
    SmoothGradKnobs,
    TargetName,
)
from core.geo import heading_from_unit
from core.model.checkpoint import Checkpoint
from core.model.network import Outputs, build_model

PhotoMaker = Callable[[int], NDArray[np.uint8]]
QUICK: dict[str, Any] = {
    "integrated_gradients": IntegratedGradientsKnobs(n_steps=8),
    "occlusion": OcclusionKnobs(window_percent=50, stride_percent=50),
    "smooth_grad": SmoothGradKnobs(samples=2),
}


def places_network(vit: Checkpoint) -> Checkpoint:
    """A network whose position and heading are read off a place head of few, far anchors."""
    torch.manual_seed(3)
    changes = {"place_anchors": 5, "position_head": "anchors", "heading_head": "bearings"}
    config = vit.card.model.model_copy(update=changes)
    model = build_model(config, vit.card.regions).eval()
    assert model.place_head is not None
    corners = np.array([[0, 0], [1, 0], [0, 1], [-1, -1], [1, 1]], np.float32)
    model.place_head.set_anchors(corners, vit.card.normaliser.spread)
    with torch.no_grad():
        model.place_head.classify.weight.mul_(20.0)
    return Checkpoint(vit.card.model_copy(update={"model": config}), model)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_method_explains_every_target(
    resnet: Checkpoint, make_photo: PhotoMaker, method: str, target: TargetName
) -> None:
    found = attribute(resnet, make_photo(64), method, target, QUICK.get(method))
    assert found.map.shape == (64, 64)
    assert found.map.dtype == np.float32
    assert np.abs(found.map).max() > 0
    assert found.answer
    assert (found.baseline_answer is None) == (found.baseline_score is None)


@pytest.mark.parametrize("method", METHODS)
def test_transformers_can_be_explained_too(
    vit: Checkpoint, make_photo: PhotoMaker, method: str
) -> None:
    found = attribute(vit, make_photo(160), method, "heading", QUICK.get(method))
    assert np.abs(found.map).max() > 0


@pytest.mark.trap(name="attributions that do not add up, or do not depend on the weights")
@pytest.mark.parametrize(
    ("target", "baseline"),
    [*((target, "mean") for target in TARGETS), ("north_m", "black"), ("heading", "blurred")],
)
def test_integrated_gradients_add_up(
    vit: Checkpoint, make_photo: PhotoMaker, target: TargetName, baseline: Baseline
) -> None:
    knobs = IntegratedGradientsKnobs(n_steps=128, internal_batch_size=64, baseline=baseline)
    found = attribute(vit, make_photo(160), "integrated_gradients", target, knobs)
    assert found.baseline_score is not None
    assert found.delta == pytest.approx(
        found.map.sum(dtype=float) - (found.score - found.baseline_score), abs=1e-3
    )
    assert found.relative_delta is not None
    assert found.relative_delta < 0.05


def test_answers_read_off_places_can_be_explained_and_add_up(
    vit: Checkpoint, make_photo: PhotoMaker
) -> None:
    told = places_network(vit)
    # The place head of random weights is flat, and its mode turns sharply on the way.
    knobs = IntegratedGradientsKnobs(n_steps=256)
    targets: tuple[TargetName, ...] = ("position", "heading")
    for target in targets:
        found = attribute(told, make_photo(160), "integrated_gradients", target, knobs)
        assert np.abs(found.map).max() > 0
        assert found.relative_delta is not None
        assert found.relative_delta < 0.05


def test_scores_are_what_the_network_says(resnet: Checkpoint, make_photo: PhotoMaker) -> None:
    photo = make_photo(64)
    mean, std = np.asarray(resnet.model.mean), np.asarray(resnet.model.std)
    image = torch.tensor(((photo / 255.0 - mean) / std).transpose(2, 0, 1)[None]).float()
    with torch.no_grad():
        outputs = resnet.model(image)
    metres = resnet.card.normaliser.to_metres(outputs.position.numpy())[0]
    said = {name: attribute(resnet, photo, "grad_cam", name) for name in TARGETS}
    assert said["north_m"].score == pytest.approx(metres[0], abs=1e-2)
    assert said["east_m"].score == pytest.approx(metres[1], abs=1e-2)
    assert said["position"].score == pytest.approx(np.hypot(*metres), abs=1e-2)
    assert said["heading"].score == pytest.approx(float(outputs.heading.norm()), abs=1e-3)
    heading = float(heading_from_unit(outputs.heading.numpy())[0])
    assert said["heading"].label == f"Heading {heading:.0f}°"
    assert said["region"].score == pytest.approx(float(outputs.region_logits.max()), abs=1e-3)


def test_any_region_can_be_asked_for(resnet: Checkpoint, make_photo: PhotoMaker) -> None:
    found = attribute(resnet, make_photo(64), "grad_cam", "region", region="7")
    assert found.label == "region 7"
    with pytest.raises(ConfigError, match=r"'8' is unknown.*1, 2, 7"):
        attribute(resnet, make_photo(64), "grad_cam", "region", region="8")


def test_two_regions_are_contrasted_by_the_difference_of_their_scores(
    resnet: Checkpoint, make_photo: PhotoMaker
) -> None:
    photo, knobs = make_photo(64), QUICK["integrated_gradients"]
    maps = {
        pair: attribute(
            resnet, photo, "integrated_gradients", "region", knobs, region=pair[0], against=pair[1]
        )
        for pair in (("1", None), ("7", None), ("1", "7"))
    }
    both = maps["1", "7"]
    assert both.label == "region 1 rather than region 7"
    assert both.score == pytest.approx(maps["1", None].score - maps["7", None].score, abs=1e-4)
    np.testing.assert_allclose(both.map, maps["1", None].map - maps["7", None].map, atol=1e-5)
    assert both.answer.startswith("region 1 ")
    assert " and region 7 " in both.answer
    with pytest.raises(ConfigError, match="region 7 cannot be compared with itself"):
        attribute(resnet, photo, "grad_cam", "region", region="7", against="7")


def test_answers_are_in_metres_degrees_and_region_names(
    resnet: Checkpoint, make_photo: PhotoMaker
) -> None:
    photo = make_photo(64)
    north = attribute(resnet, photo, "grad_cam", "north_m")
    way = "north" if north.score > 0 else "south"
    size = f"{abs(north.score):.1f}" if abs(north.score) < 10 else f"{abs(north.score):.0f}"
    assert north.answer == f"{size} m {way} of the middle of the campus"
    heading = attribute(resnet, photo, "grad_cam", "heading")
    assert heading.answer == f"facing {heading.label.removeprefix('Heading ')}"
    region = attribute(resnet, photo, "grad_cam", "region")
    assert region.answer.startswith(f"{region.label} ")
    assert region.answer.endswith(" %")


def test_the_shared_network_is_left_as_it_was(resnet: Checkpoint, make_photo: PhotoMaker) -> None:
    before = copy.deepcopy(resnet.model.state_dict())
    switches = [getattr(module, "inplace", None) for module in resnet.model.modules()]
    for method in METHODS:
        attribute(resnet, make_photo(64), method, "heading", QUICK.get(method))
    for name, tensor in resnet.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert switches == [getattr(module, "inplace", None) for module in resnet.model.modules()]
    assert all(not module._forward_hooks for module in resnet.model.modules())
    assert all(parameter.grad is None for parameter in resnet.model.parameters())


def test_smooth_grad_repeats_itself_and_leaves_the_random_stream_alone(
    resnet: Checkpoint, make_photo: PhotoMaker
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = attribute(resnet, make_photo(64), "smooth_grad", "region", QUICK["smooth_grad"])
    assert torch.equal(torch.rand(1), expected)
    again = attribute(resnet, make_photo(64), "smooth_grad", "region", QUICK["smooth_grad"])
    np.testing.assert_array_equal(first.map, again.map)


class Patchwork(nn.Module):
    """A network that looks at one patch: rows 16 to 31, columns 40 to 55."""

    input_size = 64
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Outputs:
        seen = images[:, :, 16:32, 40:56].mean(dim=(1, 2, 3))  # (n,)
        pair = torch.stack([seen, seen], dim=1)
        return Outputs(torch.stack([seen, -seen, 0 * seen], dim=1), pair, pair, pair)


@pytest.mark.trap(name="attributions that do not add up, or do not depend on the weights")
@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients", "smooth_grad"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_planted_patch_is_found(resnet: Checkpoint, method: str, target: TargetName) -> None:
    toy = dataclasses.replace(resnet, model=Patchwork())
    photo = np.full((64, 64, 3), 200, np.uint8)
    knobs = OcclusionKnobs(window_percent=25, stride_percent=10) if method == "occlusion" else None
    found = np.abs(attribute(toy, photo, method, target, knobs).map)
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    assert 16 <= row < 32
    assert 40 <= column < 56
    # A window reaches at most its own side beyond the patch.
    assert found[:, :24].max() == 0
    assert found[48:].max() == 0


@pytest.mark.trap(name="attributions that do not add up, or do not depend on the weights")
@pytest.mark.parametrize("method", ["grad_cam", "integrated_gradients"])
def test_maps_depend_on_the_weights(
    make_network: Callable[[str, int, int], Checkpoint], make_photo: PhotoMaker, method: str
) -> None:
    photo = make_photo(160)
    maps = [
        attribute(make_network("test_vit", 160, seed), photo, method, "heading").map
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(maps[0], maps[1])
    likeness = abs(spearmanr(maps[0].ravel(), maps[2].ravel()).statistic)
    assert likeness < 0.5


def test_grad_cam_says_when_the_last_stage_is_one_cell(
    make_network: Callable[[str, int, int], Checkpoint], make_photo: PhotoMaker
) -> None:
    with pytest.raises(ConfigError, match=r"1 x 1 cells.*choose occlusion"):
        attribute(make_network("test_resnet", 32, 0), make_photo(32), "grad_cam", "region")


def test_a_photo_of_any_size_is_seen_as_the_network_sees_it(
    resnet: Checkpoint, make_photo: PhotoMaker
) -> None:
    large = make_photo(64).repeat(2, axis=0).repeat(2, axis=1)
    found = attribute(resnet, large, "grad_cam", "region")
    assert found.photo.shape == (64, 64, 3)
    assert found.map.shape == (64, 64)


def test_what_is_unknown_is_named(resnet: Checkpoint, make_photo: PhotoMaker) -> None:
    photo = make_photo(64)
    with pytest.raises(ConfigError, match="'guided' is unknown: choose one of grad_cam"):
        attribute(resnet, photo, "guided", "region")
    with pytest.raises(ConfigError, match="takes GradCamKnobs, got OcclusionKnobs"):
        attribute(resnet, photo, "grad_cam", "region", OcclusionKnobs())
    with pytest.raises(ValueError, match=r"photo must be \(s, s, 3\) uint8"):
        attribute(resnet, photo[:32], "grad_cam", "region")
