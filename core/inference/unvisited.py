"""The heads' outputs for photos as if nobody had photographed around them.

Leaving training photos out of the search does not change the heads, which learnt from them. So the
place head loses the anchors inside each photo's circle, and everything is read off the others.
"""

from dataclasses import replace

import numpy as np
import torch

from core.geo import Floats, distance_m
from core.inference.network import NetworkOutputs
from core.model.card import Card
from core.model.network import BearingsModel
from core.model.places import NOTHING
from core.retrieval.neighbours import Surroundings


def reads_places(card: Card) -> bool:
    """Whether all that the heads say about position and heading is read off the place head."""
    model = card.model
    placed = "position" not in card.labels or model.position_head == "anchors"
    turned = "heading" not in card.labels or model.heading_head == "bearings"
    return bool(model.place_anchors) and placed and turned


def without_places(
    card: Card, model: BearingsModel, answers: NetworkOutputs, surroundings: Surroundings
) -> NetworkOutputs:
    """Return the outputs for n photos without the anchors inside their circles.

    Region probabilities keep the share of the region head. A photo whose circle holds all anchors
    keeps its outputs.

    Args:
        card: Of the checkpoint; `reads_places` holds.
        model: Its network.
        answers: Outputs for the photos, as they are.
        surroundings: The circles.
    """
    head, reader = model.place_head, model.place_answers
    if head is None or reader is None or not len(answers.features):
        return answers
    device = head.anchors.device
    placed = head.placed.cpu().numpy()
    anchors_m = card.normaliser.to_metres(head.placed_anchors.cpu().numpy().astype(np.float64))
    inside = distance_m(surroundings.position_m[:, None], anchors_m[None]) <= surroundings.radius_m
    inside &= (placed & ~inside).any(axis=1, keepdims=True)
    logits = answers.views.reshape(len(inside), *head.shape)
    hidden = np.where(inside[:, :, None], NOTHING, logits)
    with torch.inference_mode():
        features = torch.from_numpy(answers.features).to(device)
        before, after = (
            reader(head, features, torch.from_numpy(views).float().to(device))
            for views in (logits, hidden)
        )
        moved = (after.position - before.position).double().cpu().numpy()
        heading = answers.heading
        if "heading" in card.labels:
            heading = after.heading.double().cpu().numpy()
        elsewhere = (after.region.exp() - before.region.exp()).double().cpu().numpy()
    changed = inside.any(axis=1, keepdims=True)
    return replace(
        answers,
        position=np.where(changed, answers.position + moved, answers.position),
        heading=np.where(changed, heading, answers.heading),
        probabilities=_exchanged(
            answers.probabilities, model.config.region_from_places * elsewhere
        ),
        views=hidden.reshape(len(hidden), -1),
    )


def _exchanged(share: Floats, change: Floats) -> Floats:
    """Probabilities `(n, R)` with the places' part exchanged, rows adding up to 1."""
    if not share.shape[1]:
        return share
    mixed = np.maximum(share + change, 0.0)
    total = mixed.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0.0, mixed / np.where(total > 0.0, total, 1.0), share))
