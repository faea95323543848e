"""What stands for "nothing to see" in a photo."""

import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from torch import Tensor

from core.explain.schema import Baseline

# Of the photo's side: wide enough that no facade can be told from another.
_BLUR_SHARE = 1 / 8


def baseline_image(image: Tensor, kind: Baseline, black: Tensor) -> Tensor:
    """Return the baseline of a normalised image `(1, 3, s, s)`, of the same shape.

    Args:
        image: The photo.
        kind: `mean` is 0 everywhere, the colour that normalisation subtracts.
        black: `(1, 3, 1, 1)`, what black is after normalisation.
    """
    if kind == "mean":
        return image.new_zeros(image.shape)
    if kind == "black":
        return black.expand_as(image).contiguous()
    side = image.shape[-1]
    coarse = F.adaptive_avg_pool2d(image, max(1, round(1 / _BLUR_SHARE)))
    return F.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)
