"""Mixed photos share out labels that are shares; positions and headings stay one photo's."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor

from core.model.losses import Losses, Share, Targets, multi_task_loss
from core.model.mixup import Mix
from core.model.network import Outputs
from core.model.places import PlaceHead
from core.model.schema import LossConfig

MIX = Mix(torch.tensor([1, 2, 0]), 0.7)
CONFIG = LossConfig(place_weight=0.5, place_sigma_m=5.0, label_smoothing=0.1)


@pytest.fixture
def head() -> PlaceHead:
    head = PlaceHead(8, 3, 4)
    anchors = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    head.put_anchors(anchors.numpy(), (10.0, 10.0))
    return head.requires_grad_(False)


def _outputs(n: int, learns: bool = False) -> Outputs:
    rng = torch.Generator().manual_seed(0)

    def some(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, requires_grad=learns)

    return Outputs(some(n, 4), some(n, 2), some(n, 2), some(n, 8), some(n, 3, 4))


def _targets(n: int, untaught: int | None = None) -> Targets:
    angle = torch.arange(n) * 1.3
    position = torch.stack([torch.arange(n) * 0.4, torch.arange(n) * 0.2], dim=1)
    if untaught is not None:
        position[untaught] = torch.nan
    return Targets(torch.arange(n) % 4, position, torch.stack([angle.cos(), angle.sin()], dim=1))


def _loss(
    outputs: Outputs, targets: Targets, head: PlaceHead, mix: Mix | None, share: Share | None = None
) -> Losses:
    mixed = replace(targets, mix=mix)
    return multi_task_loss(outputs, mixed, CONFIG, head, share or Share())


def test_both_cross_entropies_are_weighted_sums(head: PlaceHead) -> None:
    outputs, targets = _outputs(3), _targets(3)
    losses = _loss(outputs, targets, head, MIX)
    # One soft label each: 0.7 of the own region, 0.3 of the partner's.
    label = torch.zeros(3, 4)
    for photo, partner in enumerate([1, 2, 0]):
        label[photo, targets.region[photo]] += 0.7
        label[photo, targets.region[partner]] += 0.3
    assert label.sum(dim=1).tolist() == pytest.approx([1.0] * 3)
    region = F.cross_entropy(outputs.region_logits, label, label_smoothing=0.1)
    assert float(losses.region) == pytest.approx(float(region), rel=1e-6)
    views = head.targets(targets.position, targets.heading, 5.0, CONFIG.place_concentration)
    views = 0.7 * views + 0.3 * views[[1, 2, 0]]
    assert views.flatten(1).sum(dim=1).tolist() == pytest.approx([1.0] * 3)
    assert outputs.place_logits is not None
    place = head.loss(outputs.place_logits, views)
    assert float(losses.place) == pytest.approx(float(place), rel=1e-6)


def test_shares_of_regions_are_mixed_as_well(head: PlaceHead) -> None:
    outputs = _outputs(3)
    label = torch.softmax(torch.arange(12.0).reshape(3, 4).sin(), dim=1)
    losses = _loss(outputs, replace(_targets(3), region_share=label), head, MIX)
    mixed = 0.7 * label + 0.3 * label[[1, 2, 0]]
    region = F.cross_entropy(outputs.region_logits, mixed, label_smoothing=0.1)
    assert float(losses.region) == pytest.approx(float(region), rel=1e-6)


def test_positions_and_headings_stay_the_dominant_photos(head: PlaceHead) -> None:
    outputs, targets = _outputs(3), _targets(3)
    mixed, plain = (_loss(outputs, targets, head, mix) for mix in (MIX, None))
    assert torch.equal(mixed.position, plain.position)
    assert torch.equal(mixed.heading, plain.heading)
    partners = targets.partners(MIX)
    for own, theirs in [(targets.position, partners.position), (targets.heading, partners.heading)]:
        assert torch.equal(theirs, own[[1, 2, 0]])
    assert replace(targets, mix=MIX).to(torch.device("cpu")).mix is MIX


def test_a_photo_all_its_own_is_as_one_unmixed(head: PlaceHead) -> None:
    targets, alone = _targets(3, untaught=1), Mix(MIX.partner, 1.0)
    told, gradients = [], []
    for mix in (None, alone):
        outputs = _outputs(3, learns=True)
        losses = _loss(outputs, targets, head, mix)
        losses.total.backward()  # type: ignore[no-untyped-call]
        assert outputs.place_logits is not None
        told.append(losses.stacked().tolist())
        logits = (outputs.region_logits, outputs.place_logits)
        gradients.append([each.grad.tolist() for each in logits if each.grad is not None])
    assert told[0] == told[1]
    assert len(gradients[0]) == 2
    assert gradients[0] == gradients[1]
    images = torch.randn(3, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    blended = alone.blended(images)
    assert torch.equal(blended, images)
    assert blended.is_contiguous(memory_format=torch.channels_last)


def test_photos_are_mixed_with_their_partners() -> None:
    photos = torch.tensor([[0.0], [10.0], [100.0]])
    assert MIX.blended(photos).flatten().tolist() == pytest.approx([3.0, 37.0, 70.0])


def test_a_photo_without_position_teaches_none_of_either(head: PlaceHead) -> None:
    outputs, targets = _outputs(3), _targets(3, untaught=1)
    losses = _loss(outputs, targets, head, MIX)
    logits = outputs.place_logits
    assert logits is not None
    views = head.targets(targets.position, targets.heading, 5.0, CONFIG.place_concentration)

    def loss(photo: int, target: int) -> float:
        return float(head.loss(logits[[photo]], views[[target]]))

    # Photo 0 is mixed with photo 1 and 1 with 2: photo 1's place is taught nowhere.
    own, theirs = loss(0, 0) + loss(2, 2), loss(1, 2) + loss(2, 0)
    assert float(losses.place) == pytest.approx(0.7 * own / 2 + 0.3 * theirs / 2, rel=1e-5)


def test_what_two_processes_lose_adds_up(head: PlaceHead) -> None:
    outputs, targets = _outputs(5), _targets(5, untaught=1)
    partner = torch.tensor([1, 2, 0, 4, 3])
    whole = _loss(outputs, targets, head, Mix(partner, 0.7))
    parts = []
    for rows, taught in ((slice(0, 3), 2), (slice(3, 5), 2)):
        own = Targets(targets.region[rows], targets.position[rows], targets.heading[rows])
        told = Outputs(*(v[rows] for v in vars(outputs).values() if v is not None))
        mix = Mix(partner[rows] - rows.start, 0.7)
        parts.append(
            _loss(told, own, head, mix, Share(len(own.region) / 5, taught / 4)).stacked().tolist()
        )
    sums = [sum(values) for values in zip(*parts, strict=True)]
    assert sums == pytest.approx(whole.stacked().tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("partner", "own"), [([0, 1], 0.4), ([0, 1], 1.1), ([0, 0], 0.7), ([1, 2], 0.7)]
)
def test_a_mix_is_a_permutation_under_the_own_photo(partner: list[int], own: float) -> None:
    with pytest.raises(ValueError, match=r"share is|no permutation"):
        Mix(torch.tensor(partner), own)
