"""Answers read off the distribution over views: at a mode, smooth, conditioned by what is known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core.geo import heading_error_deg, heading_from_unit
from core.model.losses import Targets, multi_task_loss
from core.model.network import BearingsModel
from core.model.places import (
    PlaceAnswers,
    PlaceHead,
    modal_direction,
    position_near,
    strongest_bearing,
)
from core.model.schema import LossConfig, ModelConfig

SPREAD_M = (50.0, 100.0)
# A row of anchors each 10 m to the east, and one 400 m away.
ANCHORS_M = np.array([[0.0, 0.0], [0.0, 10.0], [0.0, 20.0], [400.0, 0.0]])
BEARINGS = 12
CONFIG = ModelConfig(
    backbone="test_resnet",
    weights="random",
    input_size=32,
    place_anchors=4,
    place_bearings=BEARINGS,
    position_head="anchors",
    heading_head="bearings",
)


def _head() -> PlaceHead:
    head = PlaceHead(width=8, anchors=4, bearings=BEARINGS)
    head.set_anchors((ANCHORS_M / SPREAD_M).astype(np.float32), SPREAD_M)
    return head


def _answers() -> PlaceAnswers:
    """Answers without offsets; the last anchor lies in the second region, the others not."""
    answers = PlaceAnswers(8, 4, 2, None, 0.0)
    answers.set_regions(torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]]))
    return answers


def _logits(views: dict[tuple[int, int], float]) -> Tensor:
    """Logits of one photo, with shares of (anchor, bearing) pairs."""
    logits = torch.full((1, 4, BEARINGS), -20.0)
    for (anchor, bearing), share in views.items():
        logits[0, anchor, bearing] = math.log(share)
    return logits


def _metres(position: Tensor) -> list[float]:
    return (position[0] * torch.tensor(SPREAD_M)).tolist()


def _degrees(heading: Tensor) -> float:
    return float(heading_from_unit(heading.detach().double().numpy())[0])


def _model() -> BearingsModel:
    torch.manual_seed(0)
    model = BearingsModel(CONFIG, region_count=2)
    assert model.place_head is not None
    model.place_head.set_anchors((ANCHORS_M / SPREAD_M).astype(np.float32), SPREAD_M)
    return model


def test_of_two_far_places_one_is_answered_and_never_the_middle() -> None:
    logits = _logits({(0, 0): 0.45, (3, 0): 0.55})
    found = _answers()(_head(), torch.zeros(1, 8), logits)
    assert _metres(found.position) == pytest.approx([400.0, 0.0], abs=1e-3)
    assert found.places[0].tolist() == pytest.approx([0.45, 0.0, 0.0, 0.55], abs=1e-5)


def test_neighbouring_anchors_stand_together_against_a_lone_stronger_one() -> None:
    logits = _logits({(0, 0): 0.2, (1, 0): 0.2, (2, 0): 0.2, (3, 0): 0.4})
    found = _answers()(_head(), torch.zeros(1, 8), logits)
    assert found.modes.anchor.tolist() == [1]
    assert _metres(found.position) == pytest.approx([0.0, 10.0], abs=1e-3)


def test_opposite_headings_are_not_averaged() -> None:
    logits = _logits({(0, 0): 0.55, (0, 6): 0.45})
    found = _answers()(_head(), torch.zeros(1, 8), logits)
    assert heading_error_deg(_degrees(found.heading), 0.0) < 0.1
    assert float(found.heading.norm()) == pytest.approx(0.1, abs=1e-3)


def test_the_heading_is_what_all_places_agree_on() -> None:
    logits = _logits({(0, 9): 0.35, (1, 3): 0.25, (3, 3): 0.4})
    found = _answers()(_head(), torch.zeros(1, 8), logits)
    # Around the answered place the other bearing is stronger; the far place decides.
    assert found.modes.anchor.tolist()[0] in (0, 1)
    assert _degrees(found.heading) == pytest.approx(90.0, abs=0.1)
    assert found.bearings[0, [3, 9]].tolist() == pytest.approx([0.65, 0.35], abs=1e-5)


@pytest.mark.parametrize("true_deg", [0.0, 7.0, 15.0, 22.5, 355.0])
def test_headings_between_bearings_are_found(true_deg: float) -> None:
    head = _head()
    radians = math.radians(true_deg)
    truth = torch.tensor([[math.cos(radians), math.sin(radians)]])
    soft = head.targets(torch.zeros(1, 2), truth, 10.0, 4.0)
    found = _answers()(head, torch.zeros(1, 8), soft.clamp(min=1e-9).log())
    assert heading_error_deg(_degrees(found.heading), true_deg) < 1.5


def test_a_known_region_and_a_known_heading_are_conditions() -> None:
    answers, head, features = _answers(), _head(), torch.zeros(1, 8)
    logits = _logits({(0, 0): 0.6, (3, 0): 0.1, (3, 6): 0.3})
    free = answers(head, features, logits)
    assert _metres(free.position) == pytest.approx([0.0, 0.0], abs=1e-3)

    told = answers(head, features, logits, known_region=torch.tensor([1]))
    assert _metres(told.position) == pytest.approx([400.0, 0.0], abs=0.1)
    assert _degrees(told.heading) == pytest.approx(180.0, abs=5.0)
    assert torch.equal(told.region, free.region)

    south = torch.tensor([[-1.0, 0.0]])
    facing = answers(head, features, logits, known_heading=south)
    assert _metres(facing.position) == pytest.approx([400.0, 0.0], abs=0.1)
    # The heading is the network's own, as if nobody knew it.
    assert torch.equal(facing.heading, free.heading)
    unknown = answers(head, features, logits, torch.tensor([-1]), torch.full((1, 2), torch.nan))
    assert torch.equal(unknown.position, free.position)
    assert torch.equal(unknown.heading, free.heading)


def test_regions_are_those_around_the_places() -> None:
    found = _answers()(_head(), torch.zeros(1, 8), _logits({(0, 0): 0.3, (3, 0): 0.7}))
    assert found.region.exp()[0].tolist() == pytest.approx([0.3, 0.7], abs=1e-4)


def test_offsets_stay_within_the_distance_to_the_next_anchor() -> None:
    answers = PlaceAnswers(8, 4, 2, 16, 0.0)
    with torch.no_grad():
        answers.offset[-1].bias.fill_(1e3)  # type: ignore[index, union-attr, operator]
    offset = answers.offsets(_head(), torch.ones(1, 8))
    assert offset is not None
    metres = (offset[0] * torch.tensor(SPREAD_M)).abs()
    assert metres.max(dim=1).values.tolist() == pytest.approx([10.0, 10.0, 10.0, 15.0])


def test_a_wrong_mode_does_not_teach_the_position_at_the_truth() -> None:
    """The network errs by 400 m, yet what is taught is the answer of the mode at the truth."""
    logits = _logits({(0, 0): 0.004, (1, 0): 0.006, (3, 0): 0.99}).requires_grad_()
    near = position_near(_head(), logits, torch.zeros(1, 4, 2), torch.tensor([[0.0, 0.05]]))
    assert _metres(near) == pytest.approx([0.0, 6.0], abs=1e-3)
    near.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[0, 3].abs().max() < 1e-6


def test_answers_are_smooth_once_the_mode_is_fixed() -> None:
    model = _model().eval()
    images = torch.rand(3, 3, 32, 32, requires_grad=True)
    free = model(images)
    assert free.modes is not None
    fixed = model(images, modes=free.modes)
    assert torch.equal(free.position, fixed.position)
    assert torch.equal(free.heading, fixed.heading)
    (fixed.position.sum() + fixed.heading.sum()).backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert (images.grad.flatten(1).abs().max(dim=1).values > 0).all()


def _targets() -> Targets:
    position = torch.tensor([[0.0, 3.0], [2.0, 18.0], [395.0, 2.0], [1.0, 11.0], [0.0, 0.0]])
    radians = torch.deg2rad(torch.tensor([10.0, 130.0, 245.0, 355.0, 60.0]))
    return Targets(
        torch.tensor([0, 0, 1, 0, 0]),
        position / torch.tensor(SPREAD_M),
        torch.stack([radians.cos(), radians.sin()], dim=1),
    )


@pytest.mark.parametrize("position_loss", ["mse", "huber"])
def test_a_batch_is_learnt_by_heart(position_loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The five photos stand closer together than those of a campus.
    monkeypatch.setattr("core.model.losses.PLACE_SIGMA_M", 5.0)
    model, targets = _model().eval(), _targets()
    features = torch.randn(5, model.width)
    learnt = [p for name, p in model.named_parameters() if not name.startswith("backbone")]
    optimiser = torch.optim.AdamW(learnt, 2e-2, weight_decay=0.0)
    config = LossConfig(position_loss=position_loss)  # type: ignore[arg-type]
    for _ in range(60):
        optimiser.zero_grad()
        outputs = model.heads(features)
        loss = multi_task_loss(outputs, targets, config, model.place_head)
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert all(p.grad.isfinite().all() for p in learnt if p.grad is not None)
    with torch.no_grad():
        found = model.heads(features)
    error_m = ((found.position - targets.position) * torch.tensor(SPREAD_M)).norm(dim=1)
    assert float(error_m.max()) < 2.0
    cosine = torch.nn.functional.cosine_similarity(found.heading, targets.heading)
    assert float(cosine.min()) > math.cos(math.radians(5.0))


def test_photos_without_a_position_teach_the_heading_from_all_places() -> None:
    model, targets = _model(), _targets()
    nowhere = Targets(targets.region, torch.full((5, 2), torch.nan), targets.heading)
    outputs = model.heads(torch.randn(5, model.width))
    losses = multi_task_loss(outputs, nowhere, LossConfig(), model.place_head)
    assert float(losses.position.detach()) == 0.0
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert model.place_head is not None
    gradient = model.place_head.classify.weight.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_a_region_from_places_is_a_mixture_of_shares() -> None:
    torch.manual_seed(0)
    options = CONFIG.model_dump() | {"region_from_places": 0.25}
    model = BearingsModel(ModelConfig(**options), region_count=2).eval()
    assert model.place_head is not None
    assert model.place_answers is not None
    model.place_head.set_anchors((ANCHORS_M / SPREAD_M).astype(np.float32), SPREAD_M)
    model.place_answers.set_regions(torch.tensor([[0.9, 0.1]] * 3 + [[0.2, 0.8]]))
    features = torch.randn(6, model.width)
    mixed = model.heads(features)
    own = model.region_head(features).softmax(1)
    assert mixed.places is not None
    places = mixed.places @ model.place_answers.region_share
    torch.testing.assert_close(mixed.region_logits.softmax(1), 0.75 * own + 0.25 * places)
    # In training each head answers to its own loss.
    model.train()
    torch.manual_seed(1)
    own = model.region_head(features)
    torch.manual_seed(1)
    assert torch.equal(model.heads(features).region_logits, own)


def test_two_close_bearings_are_one_direction() -> None:
    angles = torch.deg2rad(torch.arange(0, 360, 30).float())
    units = torch.stack([angles.cos(), angles.sin()], dim=1)
    share = torch.zeros(1, 12)
    share[0, [0, 1, 5]] = torch.tensor([0.3, 0.3, 0.4])
    start = strongest_bearing(share, units)
    direction = modal_direction(share, units, start)
    assert 12.0 < _degrees(direction) < 20.0


def test_options_that_need_a_place_head_say_so() -> None:
    with pytest.raises(ValueError, match="set place_anchors too"):
        ModelConfig(position_head="anchors", place_anchors=0)
    with pytest.raises(ValueError, match="at least 4 place_bearings"):
        ModelConfig(heading_head="bearings", place_anchors=4, place_bearings=2)
