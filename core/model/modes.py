"""One answer out of many: the strongest mode of a distribution, never the mean of two far ones."""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor

# Bearings within about 30 degrees of each other are one direction, opposite ones never.
_KERNEL = 4.0
# Each round halves the way from the nearest bearing to the mode: a sixteenth of it is left.
_ROUNDS = 4
# A mode reaches this many times the usual distance between neighbouring anchors.
_REACH = 1.5
# Logarithm of a share that counts for nothing, and still has a gradient of 0 rather than NaN.
NOTHING = -1e4


def spacing(anchors_m: Tensor, placed: Tensor) -> Tensor:
    """Metres `(anchors,)` from every anchor `(anchors, 2)` to the nearest other placed one.

    An anchor that is alone has a spacing of 1 m, one that is not placed of 0.
    """
    apart = torch.cdist(anchors_m, anchors_m, compute_mode="donot_use_mm_for_euclid_dist")
    neither = torch.eye(len(placed), dtype=torch.bool, device=apart.device) | ~placed[None]
    nearest = apart.masked_fill(neither, torch.inf).min(dim=1).values
    return torch.where(nearest.isinf(), 1.0, nearest) * placed


def mode_radius_m(spacing_m: Tensor, placed: Tensor) -> Tensor:
    """How far from its middle a mode reaches, in metres, a scalar."""
    return _REACH * spacing_m[placed].median()


def within(first_m: Tensor, second_m: Tensor, radius_m: Tensor) -> Tensor:
    """Which of `second_m` `(k, 2)` lie within a radius of each of `first_m` `(n, 2)`: `(n, k)`.

    The nearest one does in any case.
    """
    apart = torch.cdist(first_m, second_m, compute_mode="donot_use_mm_for_euclid_dist")
    return apart <= torch.maximum(radius_m, apart.min(dim=1, keepdim=True).values)


def windowed_mean(log_share: Tensor, window: Tensor, places: Tensor) -> Tensor:
    """Mean `(n, 2)` of places `(n, k, 2)` inside a window `(n, k)`, by shares `(n, k)`."""
    share = log_share.masked_fill(~window, NOTHING).softmax(dim=1)
    return (share[:, :, None] * places).sum(dim=1)


def strongest_bearing(share: Tensor, units: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Index `(n,)` of the bearing with most of `share` `(n, bearings)` around it.

    Args:
        share: Non-negative.
        units: `(bearings, 2)` unit vectors.
        allowed: `(n, bearings)`, which may be chosen; absent: all.
    """
    support = share @ torch.exp(_KERNEL * (units @ units.T - 1.0))
    return (support if allowed is None else support.masked_fill(~allowed, -1.0)).argmax(dim=1)


def modal_direction(share: Tensor, units: Tensor, start: Tensor) -> Tensor:
    """Unit vector `(n, 2)` of the mode of `share` `(n, bearings)` that the start `(n,)` lies in.

    Mean shift on the circle with a von Mises kernel (Kobayashi & Otsu 2010), a few rounds: smooth
    in the shares, blind to what faces elsewhere, and between bearings where the shares say so.
    """
    direction = units[start]
    for _ in range(_ROUNDS):
        near = share * torch.exp(_KERNEL * (direction @ units.T - 1.0))
        direction = F.normalize(near @ units, dim=1, eps=1e-12)
    return direction
