"""Where the place head's anchors stand, and whose regions lie around them: training photos only."""

import numpy as np
import torch

from core.geo import Floats
from core.model.network import BearingsModel
from core.model.places import PlaceHead, find_anchors
from core.training.data import TrainingData
from core.training.schema import TrainConfig

# A region that no training photo near an anchor has is unlikely there, not impossible.
_UNSEEN = 0.01


def put_anchors(model: BearingsModel, data: TrainingData, config: TrainConfig) -> None:
    """Place the anchors, if any, where the training part's believed photos stand."""
    head = model.place_head
    if head is None:
        return
    position_m = data.position_m[data.taught_rows("train")]
    found = find_anchors(position_m, head.shape[0], config.seed)
    head.put_anchors(data.normaliser.normalise(found), data.normaliser.spread)
    if model.place_answers is not None:
        shares = region_shares(head, data, config.loss.place_sigma_m)
        model.place_answers.put_regions(torch.from_numpy(shares.astype(np.float32)))


def region_shares(head: PlaceHead, data: TrainingData, sigma_m: float) -> Floats:
    """Shares `(anchors, regions)` of the regions of the training photos around each anchor.

    A photo counts at an anchor by its share of the photo's place target; rows add up to 1.
    """
    rows = data.taught_rows("train")
    at = head.shares(torch.from_numpy(data.target[rows]), sigma_m).double().numpy()
    region = np.eye(len(data.dataset.regions))[data.region[rows]]  # (n, regions)
    counted = at.T @ region + _UNSEEN
    return np.asarray(counted / counted.sum(axis=1, keepdims=True))
