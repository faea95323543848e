import numpy as np
import pytest
import torch

from core.model.losses import Targets, multi_task_loss
from core.model.network import BearingsModel
from core.model.places import PlaceHead, find_anchors
from core.model.schema import LossConfig, ModelConfig, as_made

EAST = torch.tensor([[0.0, 1.0]])


def _head() -> PlaceHead:
    head = PlaceHead(width=3, anchors=2, bearings=4)
    # 10 m and 20 m to a unit north and east: the second anchor lies 30 m north, 40 m east.
    head.set_anchors(np.array([[0.0, 0.0], [3.0, 2.0]], np.float32), (10.0, 20.0))
    return head


def test_a_photo_speaks_for_its_anchor_and_its_bearing() -> None:
    targets = _head().targets(torch.tensor([[3.0, 2.0]]), EAST, 10.0, 4.0)

    assert targets.shape == (1, 2, 4)
    assert float(targets.sum()) == pytest.approx(1.0)
    assert divmod(int(targets.argmax()), 4) == (1, 1)  # second anchor, bearing 90 degrees


def test_distances_are_metres_not_normalised_units() -> None:
    place = _head().targets(torch.tensor([[0.0, 0.0]]), EAST, 50.0, 4.0).sum(dim=2)[0]

    # The other anchor is 50 m away: one standard deviation.
    assert float(place[1] / place[0]) == pytest.approx(np.exp(-0.5), rel=1e-5)


def test_the_place_loss_adds_to_the_total_and_skips_positions_that_are_not_believed() -> None:
    config = ModelConfig.model_validate(
        as_made({"backbone": "test_resnet", "weights": "random", "place_anchors": 2})
    )
    model = BearingsModel(config, region_count=2).eval()
    assert model.place_head is not None
    model.place_head.set_anchors(np.eye(2, dtype=np.float32), (10.0, 10.0))
    outputs = model(torch.rand(2, 3, 64, 64))
    position = torch.tensor([[1.0, 0.0], [torch.nan, torch.nan]])
    targets = Targets(torch.tensor([0, 1]), position, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))

    without = multi_task_loss(outputs, targets, LossConfig())
    losses = multi_task_loss(outputs, targets, LossConfig(place_weight=0.5), model.place_head)

    assert without.place.item() == 0.0
    assert losses.place.item() > 0.0
    assert (losses.total - without.total).item() == pytest.approx(0.5 * losses.place.item())


def test_anchors_are_saved_with_the_weights() -> None:
    assert {"anchors", "spread_m"} <= set(_head().state_dict())


def test_more_anchors_than_places_leave_some_without_a_place() -> None:
    positions = np.repeat([[0.0, 0.0], [5.0, 5.0]], 10, axis=0)
    assert sorted(find_anchors(positions, 2, seed=0)[:, 0]) == pytest.approx([0.0, 5.0])
    found = find_anchors(positions, 3, seed=0)
    assert found.shape == (2, 2)

    head = PlaceHead(width=3, anchors=3, bearings=4)
    head.set_anchors(found.astype(np.float32), (1.0, 1.0))
    assert head.placed.tolist() == [True, True, False]
    targets = head.targets(torch.zeros(1, 2), EAST, 2.0, 4.0)
    assert targets[0, 2].tolist() == [0.0] * 4
    loss = head.loss(head(torch.rand(1, 3)), targets)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert head.classify.weight.grad is not None
    assert head.classify.weight.grad.isfinite().all()
    assert head(torch.rand(5, 3)).softmax(1)[:, 2].max() == 0.0
