"""How well the network answers the validation part: raw answers, given no truth."""

import numpy as np
import torch
from numpy.typing import NDArray

from core.geo import distance_m, heading_error_deg, heading_from_unit
from core.model.losses import multi_task_loss
from core.model.network import BearingsModel, Outputs
from core.model.schema import LossConfig
from core.training.data import TrainingData
from core.training.device import Compute
from core.training.report import Validation
from core.training.schema import HIGHER_IS_BETTER, Monitor


def validate(
    model: BearingsModel,
    compute: Compute,
    data: TrainingData,
    features: NDArray[np.float32],
    loss: LossConfig,
) -> Validation:
    """Validate the heads on features `(n, width)` of the validation part.

    `score` is the mean of three figures that are 0 for a perfect answer and about 1 for an ignorant
    one: the median position error over the campus's usual distance from its middle, MAAE over the
    90 degrees of a random heading, and the share of wrong regions.
    """
    rows = data.rows["val"]
    model.eval()
    with torch.no_grad():
        outputs = model.heads(torch.from_numpy(features).to(compute.device))
        targets = data.targets(rows).to(compute.device)
        total = multi_task_loss(outputs, targets, loss, model.place_head).total
    position_m, heading_deg, region = answers(outputs, data)
    error_m = distance_m(position_m, data.position_m[rows])
    maae_deg = float(heading_error_deg(heading_deg, data.heading_deg[rows]).mean())
    accuracy = float((region == data.region[rows]).mean())
    median_m = float(np.median(error_m))
    score = (median_m / data.scale_m + maae_deg / 90.0 + 1.0 - accuracy) / 3.0
    return Validation(float(total), accuracy, median_m, float(error_m.mean()), maae_deg, score)


def answers(
    outputs: Outputs, data: TrainingData
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Positions in metres `(n, 2)`, headings in degrees `(n,)`, regions `(n,)`."""
    position = outputs.position.double().cpu().numpy()
    heading = outputs.heading.double().cpu().numpy()
    region = outputs.region_logits.argmax(dim=1).cpu().numpy()
    return data.normaliser.to_metres(position), heading_from_unit(heading), region


def improves(validation: Validation, monitor: Monitor, best: float | None) -> bool:
    """Whether the monitored figure is better than the best so far."""
    value = float(getattr(validation, monitor))
    if best is None:
        return True
    return value > best if monitor in HIGHER_IS_BETTER else value < best
