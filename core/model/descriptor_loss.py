"""The loss of a descriptor that is trained on places: photos of near views become alike.

Soft neighbourhood component analysis (Goldberger et al. 2004, "Neighbourhood components analysis";
soft targets as in Frosst et al. 2019, "Analyzing and improving representations with the soft
nearest neighbor loss"): a photo's similarities to all other gallery photos are pushed towards a
target that falls with their distance and turn. A second term keeps the descriptor near that of the
untouched network, which a few hundred photos would otherwise make forget what it knows (Li & Hoiem
2016, "Learning without forgetting"). Measured in docs/experiments.md.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor

SIGMA_M = 15.0
"""Width of the target over the distance of two photos, in metres."""
CONCENTRATION = 2.0
"""Concentration (von Mises) of the target about a photo's heading."""
WITHIN_M, WITHIN_DEG = 30.0, 60.0
"""Photos that are farther apart, or turned further, are no near views."""
TEMPERATURE = 0.07
DISTILLATION = 2.0
"""Weight of one minus the cosine to the untouched descriptor."""


def near_views(
    position_m: Tensor, heading_deg: Tensor, other_m: Tensor, other_deg: Tensor
) -> Tensor:
    """Return how much each of `n` gallery photos counts as a near view of `b` photos `(b, n)`.

    Of two photos of which one has no heading, the distance decides alone. A photo without a
    position has no near view. Pairs that are no near views have 0.

    Args:
        position_m: `(b, 2)` metres; NaN without a position.
        heading_deg: `(b,)` degrees; NaN without a heading.
        other_m: `(n, 2)`, of the gallery.
        other_deg: `(n,)`, of the gallery.
    """
    apart_m = (position_m[:, None] - other_m[None]).norm(dim=2)  # (b, n)
    cosine = torch.deg2rad(heading_deg[:, None] - other_deg[None]).cos()
    # As if they faced the same way.
    cosine = cosine.nan_to_num(nan=1.0)
    near = (apart_m < WITHIN_M) & (cosine > math.cos(math.radians(WITHIN_DEG)))
    weight = torch.exp(-0.5 * (apart_m / SIGMA_M) ** 2 + CONCENTRATION * (cosine - 1.0))
    return torch.where(near, weight, 0.0)


def contrast(
    descriptor: Tensor, bank: Tensor, weight: Tensor, own: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy `(b,)` of photos' similarities, and which `(b,)` have near views.

    A photo without a near view has 0.

    Args:
        descriptor: `(b, d)` of length 1.
        bank: `(n, d)` of length 1, of the gallery.
        weight: `(b, n)` from `near_views`; the photo's own column does not count.
        own: `(b,)` column of the photo itself; -1 for a photo that is not in the gallery.
    """
    itself = own[:, None] == torch.arange(len(bank), device=own.device)  # (b, n)
    weight = weight.masked_fill(itself, 0.0)
    total = weight.sum(dim=1, keepdim=True)
    target = weight / total.clamp(min=torch.finfo(weight.dtype).tiny)
    logits = (descriptor @ bank.T / TEMPERATURE).masked_fill(itself, -torch.inf)
    log_share = F.log_softmax(logits, dim=1).masked_fill(itself, 0.0)
    return -(target * log_share).sum(dim=1), total[:, 0] > 0


def drift(descriptor: Tensor, untouched: Tensor) -> Tensor:
    """Return one minus the cosine `(b,)` to the untouched descriptors; both `(b, d)`, length 1."""
    return 1.0 - (descriptor * untouched).sum(dim=1)
