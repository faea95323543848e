"""A map of the one patch that a network looks at beats chance; a map of edges does not pass."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from core.errors import ConfigError
from core.explain.attribute import attribute
from core.explain.attribution import Attribution
from core.explain.checks import curves, curves_verdict, weights_similarity, weights_verdict
from core.explain.methods import METHODS, Method
from core.explain.targets import AttributionInput, AttributionMap, Target
from core.model.checkpoint import Checkpoint
from core.model.network import Outputs
from tests.explain.test_attribute import Patchwork, PhotoMaker


def of_patch(resnet: Checkpoint) -> Checkpoint:
    return dataclasses.replace(resnet, model=Patchwork())


def white_patch() -> np.ndarray:
    """A black photo with a white square where `Patchwork` looks, and another where it does not."""
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[16:32, 40:56] = photo[44:60, 4:20] = 255
    return photo


def a_map(values: np.ndarray) -> Attribution:
    return Attribution("occlusion", "North", "", values.astype(np.float32), white_patch(), 1.0)


@pytest.mark.trap(name="attributions that do not add up, or do not depend on the weights")
def test_the_right_map_beats_random_orders_and_the_wrong_one_does_not(resnet: Checkpoint) -> None:
    toy, right, wrong = of_patch(resnet), np.zeros((64, 64)), np.zeros((64, 64))
    right[16:32, 40:56] = 1.0
    wrong[44:60, 4:20] = 1.0
    good = curves(toy, a_map(right), Target("north_m"))
    assert good.unit == "m"
    assert good.deletion[0] == good.insertion[-1] == 1.0
    assert good.deletion[-1] == good.insertion[0] == 0.0
    assert good.areas["deletion"] < 0.1 < good.areas["random_deletion"]
    assert good.areas["insertion"] > 0.9 > good.areas["random_insertion"]
    assert curves_verdict(good).startswith("The map points at what the answer needs: ")
    bad = curves(toy, a_map(wrong), Target("north_m"))
    assert bad.areas["deletion"] > good.areas["deletion"] + 0.2
    assert "no better than chance" in curves_verdict(bad) or "a part of" in curves_verdict(bad)


def test_the_change_is_in_metres_of_the_network(resnet: Checkpoint) -> None:
    toy = of_patch(resnet)
    found = curves(toy, a_map(np.ones((64, 64))), Target("north_m"))
    # Hidden whole, the photo is its mean; the patch is white, +1 after normalisation.
    mean = white_patch().mean() / 255.0
    assert found.change == pytest.approx(2 * (1 - mean) * 120.0, abs=1.5)


def test_a_network_that_ignores_the_photo_has_no_curves(resnet: Checkpoint) -> None:
    class Blind(Patchwork):
        def forward(self, images: Tensor) -> Outputs:
            same = torch.ones(len(images), 2)
            return Outputs(torch.ones(len(images), 3), same, same, same)

    with pytest.raises(ConfigError, match="the same answer"):
        curves(
            dataclasses.replace(resnet, model=Blind()),
            a_map(np.ones((64, 64))),
            Target("north_m"),
        )


class NoOptions(BaseModel):
    """None."""


def edges(inputs: AttributionInput, _: BaseModel) -> AttributionMap:
    """Edges of the photo, whatever the network is: what Adebayo et al. warn of."""
    grey = inputs.image[0].mean(dim=0).numpy()
    return AttributionMap(
        torch.from_numpy(np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1)))
    )


@pytest.mark.trap(name="attributions that do not add up, or do not depend on the weights")
def test_a_method_that_ignores_the_weights_is_told(
    resnet: Checkpoint, make_photo: PhotoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "edges", Method("Edges", "", NoOptions, edges, lambda _: 1))
    target = Target("north_m")
    found = attribute(resnet, make_photo(64), "edges", "north_m")
    alike = weights_similarity(resnet, found, None, target)
    assert alike == pytest.approx(1.0)
    assert weights_verdict(alike).startswith("Do not trust this map")
    before = {name: value.clone() for name, value in resnet.model.state_dict().items()}
    honest = attribute(resnet, make_photo(64), "grad_cam", "north_m")
    alike = weights_similarity(resnet, honest, None, target)
    assert alike < 0.6
    assert not weights_verdict(alike).startswith("Do not trust")
    assert all(
        torch.equal(value, before[name]) for name, value in resnet.model.state_dict().items()
    )


def test_the_weights_of_a_randomised_network_keep_their_spread(resnet: Checkpoint) -> None:
    from core.explain.checks import _randomised
    from core.explain.targets import TargetScore

    score = TargetScore(resnet.model, resnet.card)
    image = torch.zeros(1, 3, 64, 64)
    score.set_target(Target("north_m"), image)
    drawn = _randomised(score, image, 0)
    pairs = [
        (old.flatten(), new.flatten())
        for old, new in zip(score.model.parameters(), drawn.model.parameters(), strict=True)
        if old.ndim >= 2 and old.numel() > 1000
    ]
    assert pairs
    for old, new in pairs:
        assert float(new.std()) == pytest.approx(float(old.std()), rel=0.1)
        assert abs(float(torch.corrcoef(torch.stack([old, new]))[0, 1])) < 0.1
    assert isinstance(drawn, nn.Module)
