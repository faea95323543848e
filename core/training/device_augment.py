"""Augmentation on the device that trains: the changes drawn for each photo, on whole batches.

The pictures are those of `core.dataset.augment.changed`, apart from roundings: values stay
fractions between the steps, and OpenCV samples at 32nds of a pixel. Headings are the very same.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.dataset.augment import LUMA, NOISE_LEVELS, SHRINK_FIRST, Changes, noise_table
from core.geo import Floats

_LARGEST_KERNEL = 9  # OpenCV's for the greatest blur, in pixels.


def changed_photos(photos: Tensor, changes: Sequence[Changes], size: int) -> Tensor:
    """Apply its changes to each photo.

    Args:
        photos: RGB `(n, s, s, 3)` uint8 on the device.
        changes: What happens to each.
        size: Side of the results in pixels.

    Returns:
        `(n, 3, size, size)` float32, values from 0 to 255.
    """
    images = photos.permute(0, 3, 1, 2).float()
    if photos.shape[1] >= SHRINK_FIRST * size:
        images = _shrunk(images, size)
    images = _warped(images, changes, size)
    images = _blurred(images, changes)
    images = _recoloured(images, changes)
    images = _with_noise(images, changes)
    return _erased(images, changes)


def _tensor(values: Floats | Sequence[float], like: Tensor) -> Tensor:
    pinned = torch.as_tensor(np.asarray(values, np.float32))
    return pinned.to(like.device, non_blocking=like.is_cuda)


def _shrunk(images: Tensor, size: int) -> Tensor:
    """Resize to fewer pixels by the mean over the area of each new one."""
    shares = _tensor(_area_shares(images.shape[-1], size), images)
    return shares @ images @ shares.T


@lru_cache(maxsize=4)
def _area_shares(old: int, new: int) -> Floats:
    """Share `(new, old)` of each old pixel in each new one; rows add up to 1."""
    edges = np.arange(new + 1) * (old / new)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)[None]
    overlap = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    return np.asarray(np.maximum(overlap, 0.0) * (new / old))


def _warped(images: Tensor, changes: Sequence[Changes], size: int) -> Tensor:
    """Sample each view, mirrored or not."""
    old = images.shape[-1]
    # To the coordinates of `grid_sample`, from -1 to 1 over the photo.
    scale = np.array([[2.0 / old, 0.0, -1.0], [0.0, 2.0 / old, -1.0], [0.0, 0.0, 1.0]])
    mirror = np.array([[-1.0, 0.0, size], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    matrices = [
        scale @ each.view.to_photo(old, size) @ (mirror if each.mirrored else np.eye(3))
        for each in changes
    ]
    middle = torch.arange(size, device=images.device, dtype=torch.float32) + 0.5
    down, right = torch.meshgrid(middle, middle, indexing="ij")
    pixels = torch.stack([right, down, torch.ones_like(right)], dim=-1).view(-1, 3)
    there = pixels @ _tensor(np.stack(matrices), images).transpose(1, 2)  # (n, size * size, 3)
    grid = (there[..., :2] / there[..., 2:]).view(-1, size, size, 2)
    # Views lie inside the photo: only the outer half pixel is reflected.
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _blurred(images: Tensor, changes: Sequence[Changes]) -> Tensor:
    rows = [row for row, each in enumerate(changes) if each.blur_sigma is not None]
    if not rows:
        return images
    kernels = np.stack([_kernel(changes[row].blur_sigma or 0.0) for row in rows])
    weights = _tensor(kernels, images).repeat_interleave(3, dim=0)[:, None]  # (3 k, 1, taps)
    index = torch.tensor(rows, device=images.device)
    some = images[index]
    channels = some.reshape(1, -1, *some.shape[2:])
    reach = _LARGEST_KERNEL // 2
    padded = functional.pad(channels, (reach,) * 4, mode="reflect")
    across = functional.conv2d(padded, weights[:, :, None], groups=len(weights))
    both = functional.conv2d(across, weights[..., None], groups=len(weights))
    return images.index_copy(0, index, both.view_as(some))


def _kernel(sigma: float) -> Floats:
    """OpenCV's kernel for 8-bit photos, zeros around it."""
    taps = round(6.0 * sigma + 1.0) | 1
    spare = (_LARGEST_KERNEL - taps) // 2
    return np.pad(cv2.getGaussianKernel(taps, sigma)[:, 0], spare)


def _recoloured(images: Tensor, changes: Sequence[Changes]) -> Tensor:
    if all(each.colour is None for each in changes):
        return images
    turns = [np.eye(3) if each.colour is None else each.colour.turn for each in changes]
    contrasts = [1.0 if each.colour is None else each.colour.contrast for each in changes]
    turn = _tensor(np.stack(turns), images)
    contrast = _tensor(contrasts, images)[:, None, None]
    mean = images.mean(dim=(2, 3))[:, :, None]  # (n, 3, 1)
    luma = _tensor(LUMA, images) @ (turn @ mean)  # (n, 1)
    pixels = contrast * (turn @ images.flatten(2)) + (1.0 - contrast) * luma[:, :, None]
    return pixels.view_as(images).clamp_(0.0, 255.0)


_TABLES: dict[torch.device, Tensor] = {}


def _with_noise(images: Tensor, changes: Sequence[Changes]) -> Tensor:
    noisy = [(row, *each.noise) for row, each in enumerate(changes) if each.noise is not None]
    if not noisy:
        return images
    if images.device not in _TABLES:
        _TABLES[images.device] = torch.from_numpy(noise_table()).to(images.device)
    table, size = _TABLES[images.device], images.shape[-1]
    values = 3 * size * size
    drawn = torch.stack([table[start : start + values] for _, _, start in noisy]).float()
    noise = drawn.view(-1, size, size, 3).permute(0, 3, 1, 2)
    scale = _tensor([std / NOISE_LEVELS for _, std, _ in noisy], images)[:, None, None, None]
    index = torch.tensor([row for row, _, _ in noisy], device=images.device)
    return images.index_copy(0, index, (images[index] + scale * noise).clamp_(0.0, 255.0))


def _erased(images: Tensor, changes: Sequence[Changes]) -> Tensor:
    erased = [(row, each.erased) for row, each in enumerate(changes) if each.erased is not None]
    if not erased:
        return images
    bounds, colours = np.zeros((4, len(changes))), np.zeros((len(changes), 3))
    for row, each in erased:
        bounds[:, row] = each.top, each.top + each.tall, each.left, each.left + each.wide
        colours[row] = each.rgb
    top, bottom, left, right = _tensor(bounds, images)[:, :, None]  # (n, 1)
    pixel = torch.arange(images.shape[-1], device=images.device)
    down = (pixel >= top) & (pixel < bottom)
    across = (pixel >= left) & (pixel < right)
    inside = (down[:, :, None] & across[:, None])[:, None]  # (n, 1, size, size)
    return torch.where(inside, _tensor(colours, images)[:, :, None, None], images)
