"""Too little memory: the error that says so, and the batch size that fits."""

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from core.errors import RunError
from core.training.schema import TrainConfig

# CUDA raises a class of its own; torch on a CPU and on mps raises a RuntimeError.
_WORDS = re.compile(r"out of memory|can't allocate memory|CUBLAS_STATUS_ALLOC", re.IGNORECASE)
_SMALLER = "choose a smaller input size or backbone"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device or this machine has too little memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and _WORDS.search(str(error)) is not None


def fitting_batch(attempt: Callable[[int], None], photos: int) -> int | None:
    """Halve a step that did not fit until one does.

    Call it outside of the handler of the error, whose traceback keeps the tensors of the step.

    Args:
        attempt: Makes a whole step of so many photos.
        photos: Size of the step that did not fit.

    Returns:
        The size that fits; None if not even one photo does.
    """
    while photos > 1:
        photos //= 2
        if fits(attempt, photos):
            return photos
    return None


def fits(attempt: Callable[[int], None], photos: int) -> bool:
    """Whether a step of so many photos fits; call it outside of the handler of another error."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        attempt(photos)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def step_error(photos: int, input_size: int, device: torch.device, fits: int | None) -> RunError:
    """The error of a step that does not fit; `fits` is the size that was tried and does."""
    if fits is None:
        advice = f"start a new run with a smaller --batch-size, or {_SMALLER}"
    else:
        advice = f"{fits:,} photos fit. Start a new run with --batch-size {fits}, or {_SMALLER}"
    return RunError(
        f"a step of {photos:,} photos of {input_size} x {input_size} pixels does not fit into the "
        f"memory of {device}; {advice}"
    )


@contextmanager
def memory_explained(config: TrainConfig) -> Iterator[None]:
    """Raise RunError, which says what to do, if memory does not suffice elsewhere in a run."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        size = f"--batch-size {max(1, config.batch_photos // 2)} (now {config.batch_photos})"
        raise RunError(
            f"the memory does not suffice: start a new run with {size}, or {_SMALLER}"
        ) from error
