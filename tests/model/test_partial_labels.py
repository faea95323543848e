"""Networks and losses where labels are missing: for all photos, or for some."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from core.labels import LABELS, Label
from core.model.card import Card, read_card, write_card
from core.model.checkpoint import load_checkpoint, save_checkpoint
from core.model.losses import Targets, multi_task_loss
from core.model.network import BearingsModel
from core.model.places import PlaceHead
from core.model.schema import LossConfig, ModelConfig

NAN = torch.nan
SUBSETS: list[tuple[Label, ...]] = [
    labels
    for count in (1, 2, 3)
    for labels in itertools.combinations(LABELS, count)
    if labels != ("heading",)
]
TARGETS = Targets(
    torch.tensor([0, 1, 2, 1]),
    torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
    torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]),
)


def made(labels: tuple[Label, ...] = LABELS, anchors: int = 0) -> BearingsModel:
    """A small network for three regions."""
    torch.manual_seed(0)
    options = {"backbone": "test_resnet", "weights": "random", "place_anchors": anchors}
    dropout = {f"{label}_dropout": 0.0 for label in LABELS}
    model = BearingsModel(ModelConfig.model_validate(options | dropout), 3, labels)
    if model.place_head is not None:
        grid = np.array(list(itertools.product([0.0, 1.0], [0.0, 1.0])), np.float32)
        model.place_head.set_anchors(grid[:anchors], (10.0, 10.0))
    return model


def features(model: BearingsModel) -> torch.Tensor:
    return torch.randn(4, model.width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("anchors", [0, 4])
@pytest.mark.parametrize("labels", SUBSETS)
def test_only_what_is_labelled_is_built_predicted_and_trained(
    labels: tuple[Label, ...], anchors: int
) -> None:
    model = made(labels, anchors)
    outputs = model.heads(features(model), TARGETS.region, TARGETS.heading)
    shown = {
        "position": outputs.position, "heading": outputs.heading, "region": outputs.region_logits,
    }  # fmt: skip
    assert {label for label, value in shown.items() if value is not None} == set(labels)
    names = {name.split(".")[0] for name, _ in model.named_parameters()} - {"backbone"}
    expected: set[str] = {"region_head", "region_embedding"} if "region" in labels else set()
    if anchors and "position" in labels:
        expected |= {"place_head", "place_answers"}
    else:
        expected |= {"latitude_head", "longitude_head"} if "position" in labels else set()
        expected |= {"heading_head"} if "heading" in labels else set()
    assert names == expected
    losses = multi_task_loss(outputs, TARGETS, LossConfig(), model.place_head)
    losses.total.backward()  # type: ignore[no-untyped-call]
    own = {"position": losses.position, "heading": losses.heading, "region": losses.region}
    for label, loss in own.items():
        assert (float(loss.detach()) > 0.0) == (label in labels)
    heads = {name: p.grad for name, p in model.named_parameters() if "backbone" not in name}
    idle = (
        {"region_embedding"}
        if set(labels) <= {"region"} or (anchors and "heading" not in labels)
        else set()
    )
    for name, gradient in heads.items():
        if name.split(".")[0] in idle or (anchors and name.startswith("region_embedding")):
            continue
        assert gradient is not None, name
        assert gradient.isfinite().all(), name


def test_a_model_of_positions_alone_has_no_other_head() -> None:
    model = made(("position",), anchors=4)
    assert model.place_head is not None
    assert model.place_head.shape == (4, 1)
    assert not any("heading" in name or "region_h" in name for name, _ in model.named_parameters())
    known = model.eval().heads(features(model), TARGETS.region, TARGETS.heading)
    free = model.heads(features(model))
    assert known.position is not None
    assert free.position is not None
    assert torch.equal(known.position, free.position)


def test_a_model_of_all_labels_is_the_one_of_before() -> None:
    config = ModelConfig(backbone="test_resnet", weights="random")
    assert config.for_labels(LABELS) is config
    torch.manual_seed(3)
    implicit = BearingsModel(config, 3).state_dict()
    torch.manual_seed(3)
    explicit = BearingsModel(config, 3, LABELS).state_dict()
    assert implicit.keys() == explicit.keys()
    assert all(torch.equal(implicit[name], explicit[name]) for name in implicit)


def _loss_and_gradients(
    model: BearingsModel, targets: Targets, which: list[int]
) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    model.zero_grad()
    outputs = model.train().heads(features(model)[which])
    losses = multi_task_loss(outputs, targets, LossConfig(), model.place_head)
    losses.total.backward()  # type: ignore[no-untyped-call]
    names = ("region", "position", "heading", "place")
    values = {name: float(getattr(losses, name).detach()) for name in names}
    return values, {
        name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None
    }


@pytest.mark.parametrize("anchors", [0, 4])
def test_a_row_without_a_label_counts_for_nothing_in_its_loss(anchors: int) -> None:
    model = made(anchors=anchors)
    heading, position, region = (
        TARGETS.heading.clone(),
        TARGETS.position.clone(),
        TARGETS.region.clone(),
    )
    heading[[1, 3]], position[2], region[0] = NAN, NAN, -1
    some, _ = _loss_and_gradients(model, Targets(region, position, heading), [0, 1, 2, 3])

    def whole(rows: list[int]) -> dict[str, float]:
        own = Targets(TARGETS.region[rows], TARGETS.position[rows], TARGETS.heading[rows])
        return _loss_and_gradients(model, own, rows)[0]

    # Means over the photos that have the label.
    assert some["region"] == pytest.approx(whole([1, 2, 3])["region"])
    assert some["position"] == pytest.approx(whole([0, 1, 3])["position"])
    if not anchors:
        assert some["heading"] == pytest.approx(whole([0, 2])["heading"])


def test_a_photo_without_a_heading_gives_the_heading_head_no_gradient() -> None:
    model = made()
    unfaced = Targets(TARGETS.region[:1], TARGETS.position[:1], torch.full((1, 2), NAN))
    values, gradients = _loss_and_gradients(model, unfaced, [0])
    own = [value for name, value in gradients.items() if name.startswith("heading_head")]
    assert values["heading"] == 0.0
    assert len(own) == 4
    assert all((gradient == 0.0).all() for gradient in own)
    assert (gradients["region_head.4.weight"] != 0.0).any()
    # Beside photos with a heading, it changes nothing for them but the other losses.
    mixed = TARGETS.heading.clone()
    mixed[1] = NAN
    both = _loss_and_gradients(
        model, Targets(TARGETS.region, TARGETS.position, mixed), [0, 1, 2, 3]
    )
    rows = [0, 2, 3]
    alone = _loss_and_gradients(
        model, Targets(TARGETS.region[rows], TARGETS.position[rows], TARGETS.heading[rows]), rows
    )
    assert both[0]["heading"] == pytest.approx(alone[0]["heading"])


def test_a_place_without_a_heading_has_the_probability_of_all_its_bearings() -> None:
    head = PlaceHead(width=2, anchors=2, bearings=4)
    head.set_anchors(np.array([[0.0, 0.0], [100.0, 0.0]], np.float32), (10.0, 10.0))
    # The shares of the views are 8, 4, 2, 2 and 1, 1, 1, 1 parts of 20; the photo is at anchor 0.
    logits = torch.tensor([[[8.0, 4.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]]]).log()
    shares = head.shares(torch.zeros(1, 2), 10.0)
    assert float(head.place_loss(logits, shares)) == pytest.approx(-math.log(16 / 20))


def test_the_place_loss_of_a_mixed_batch_is_the_mean_over_its_photos() -> None:
    model = made(anchors=4)
    heading = TARGETS.heading.clone()
    heading[[1, 3]] = NAN

    def loss(rows: list[int]) -> float:
        targets = Targets(TARGETS.region[rows], TARGETS.position[rows], heading[rows])
        return _loss_and_gradients(model, targets, rows)[0]["place"]

    assert loss([0, 1, 2, 3]) == pytest.approx(sum(loss([row]) for row in range(4)) / 4)
    assert loss([0, 2]) == pytest.approx((loss([0]) + loss([2])) / 2)


@pytest.mark.parametrize("labels", [("position",), ("region",), ("position", "heading")])
@pytest.mark.parametrize("anchors", [0, 4])
def test_a_checkpoint_of_some_labels_comes_back(
    labels: tuple[Label, ...], anchors: int, checkpoint: Path, tmp_path: Path
) -> None:
    model = made(labels, anchors).eval()
    usual = read_card(checkpoint)
    regions = ("1", "2", "3") if "region" in labels else ()
    card = usual.model_copy(
        update={"labels": labels, "regions": regions, "model": model.config, "refine": None}
    )
    save_checkpoint(tmp_path, model.state_dict(), card)
    loaded = load_checkpoint(tmp_path)
    assert loaded.card.labels == labels
    before, after = (each.heads(features(model)) for each in (model, loaded.model))
    for name in ("position", "heading", "region_logits"):
        old, new = getattr(before, name), getattr(after, name)
        assert (old is None) == (new is None)
        assert old is None or torch.equal(old, new)


def test_a_card_says_its_labels_only_where_one_is_missing(checkpoint: Path, tmp_path: Path) -> None:
    usual = read_card(checkpoint)
    write_card(tmp_path, usual)
    content = json.loads((tmp_path / "card.json").read_text())
    assert not {"labels", "region_centres"} & content.keys()
    centres = tuple((float(n), 0.0) for n in range(len(usual.regions)))
    made_regions = usual.model_copy(
        update={"labels": ("position", "region"), "region_centres": centres}
    )
    write_card(tmp_path, made_regions)
    assert read_card(tmp_path) == made_regions
    for wrong in (
        {"labels": ("region", "position")},
        {"regions": ()},
        {"region_centres": centres[1:]},
    ):
        with pytest.raises(ValueError, match=r"labels must|names them|its centre"):
            Card.model_validate(made_regions.model_dump() | wrong)
