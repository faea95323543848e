"""The one choice of a device to compute on."""

import torch

from core.errors import ConfigError


def choose_device(requested: str) -> str:
    """Return the device to compute on: the one that is asked for, or the best one for `auto`.

    Args:
        requested: auto, cpu, cuda, mps, or a numbered device such as cuda:1.

    Raises:
        ConfigError: This machine has no such device; names those that it has.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    usable = [name for name, present in available.items() if present]
    if requested == "auto":
        return usable[0]
    if requested.split(":")[0] not in usable:
        raise ConfigError(
            f"device {requested} is not available here: choose one of {', '.join(usable)}"
        )
    return requested
