"""Which photos of a step are mixed, and how strongly: seed, epoch and step decide."""

import numpy as np
import torch

from core.model.mixup import Mix

# Keeps this stream of random numbers apart from those of `batches`, `feature_cache` and `stages`.
_MIX = 6


def draw_mix(alpha: float, seed: int, epoch: int, step: int, photos: int) -> Mix | None:
    """Draw the mix of a process's `photos` of a step; None where `alpha` is 0.

    One lambda for the step, from Beta(alpha, alpha). Where it is less than a half the two photos of
    each pair change places: the inverse of a permutation is as likely as the permutation, so the
    mixtures are those of Zhang et al. (2018), and each photo is the dominant one exactly once.

    All processes draw the same lambda, and each mixes the photos of its own share: with another
    number of processes a photo has another partner, as it has other draws of dropout.
    """
    if alpha == 0.0:
        return None
    rng = np.random.default_rng([seed, _MIX, epoch, step])
    share = float(rng.beta(alpha, alpha))
    partner = torch.from_numpy(rng.permutation(photos))
    return Mix(partner, max(share, 1.0 - share))
