"""Grad-CAM: the last stage's maps, weighted by how the number follows each of them."""

import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from captum.attr import LayerGradCam

from core.errors import ConfigError
from core.explain.problem import Problem, Solution
from core.explain.schema import GradCamKnobs
from core.explain.stage import last_stage

_SMALLEST_MAP = 2


def grad_cam(problem: Problem, knobs: GradCamKnobs) -> Solution:
    """Weight the last stage's feature maps and enlarge their sum to the photo's size.

    One pass forward and one back: the cheapest method, and the coarsest. For vision transformers
    the map is the grid of patches after the last block (see `last_stage`).

    Raises:
        ConfigError: The backbone has no such map, or it is a single cell at this input size.
    """
    side = problem.image.shape[-1]
    with last_stage(problem.score.model.backbone) as stage:
        maps = LayerGradCam(problem.score, stage).attribute(
            problem.image, relu_attributions=knobs.positive_only
        )  # (1, 1, h, w)
    if min(maps.shape[-2:]) < _SMALLEST_MAP:
        raise ConfigError(
            f"at {side} pixels the last stage sees {maps.shape[-2]} x {maps.shape[-1]} cells, too "
            "few for Grad-CAM: choose occlusion or integrated gradients"
        )
    enlarged = F.interpolate(maps.detach(), (side, side), mode="bilinear", align_corners=False)
    return Solution(enlarged[0, 0].cpu())
