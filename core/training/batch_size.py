"""`--batch-size auto`: the size of a step that a GPU trains fastest, found by trying.

Sizes double from 8 photos until a step does not fit into the memory, or an epoch would have too few
steps. A size counts as fitting if a step of an eighth more photos fits: a run later holds a little
more than it does now. Of the sizes that fit, the smallest is taken that needs at most 5 % more time
a photo than the fastest: larger steps gain nothing then, and make fewer of them.

A CPU is not searched. There the time a photo is nearly the same for any size from 8 on, and a step
that does not fit ends the process in place of raising an error.
"""

import copy
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

from core.model.network import BearingsModel
from core.training.data import Augmenter, Batch, TrainingData
from core.training.device import Compute
from core.training.memory import fits, step_error
from core.training.optimiser import freeze, make_optimiser, train_mode
from core.training.run_folder import RunFolder
from core.training.schema import AUTO, BATCH_SIZE, LARGEST_BATCH, SMALLEST_BATCH, TrainConfig
from core.training.stages import StepInput, Watch, plan_stages
from core.training.step_losses import StepLosses

SEARCHED = ("cuda",)
"""Kinds of devices that are searched; on the others it is `BATCH_SIZE`."""
_MARGIN = 8  # One photo in so many is added to a step that is tried.
_AS_FAST = 1.05
_TIMED_STEPS = 3
_AUGMENTED = 32

Seconds = Mapping[int, float]
"""Seconds a photo, by batch size."""


def with_batch_size(
    run: RunFolder,
    config: TrainConfig,
    compute: Compute,
    data: TrainingData,
    model: BearingsModel,
    watch: Watch | None = None,
) -> TrainConfig:
    """Return the options with a batch size, written into the run, so that a resume has the same.

    Args:
        run: The run that begins; its main process writes.
        config: The options, in which `batch_size` is None.
        compute: Device, precision and processes; the size is that of all processes together.
        data: The photos.
        model: The network on its device, which stays as it is.
        watch: Called before each size is tried.

    Raises:
        RunError: Not even one photo fits into the memory.
    """
    processes = compute.processes
    if compute.device.type not in SEARCHED or config.zero_training or not config.stage2_epochs:
        size = BATCH_SIZE
        why = "the usual one: only a GPU that trains heads and backbone is tried"
    else:
        most = _most(config, len(data.rows["train"]), processes.count)
        with _tried_steps(model, compute, data, config) as attempt:
            seconds = seconds_a_photo(attempt, most, watch)
        seconds = _of_all(processes.exchange(seconds))
        if not seconds:
            raise step_error(1, model.input_size, compute.device, None)
        size = processes.count * fastest(seconds)
        why = ", ".join(f"{each}: {1e3 * seconds[each]:.3g} ms a photo" for each in sorted(seconds))
        if processes.count > 1:
            why = f"in each of {processes.count} processes {why}"
    # The command repeats this very run.
    command = config.command.replace(f"--batch-size {AUTO}", f"--batch-size {size}")
    config = config.model_copy(update={"batch_size": size, "command": command})
    if processes.is_main:
        run.write_config(config)
        run.log(f"batch size {size} ({why})")
    return config


def seconds_a_photo(
    attempt: Callable[[int], float], most: int, watch: Watch | None = None
) -> dict[int, float]:
    """Try sizes until one does not fit; return the seconds a photo of those that do.

    Args:
        attempt: Makes steps of so many photos; returns the seconds of one, or raises as torch does
            if they do not fit.
        most: The largest size to try.
        watch: Called before each attempt with the number of attempts, and how many there may be.
    """
    found: dict[int, float] = {}
    doublings = max(1, most // SMALLEST_BATCH).bit_length() + 1

    def fitting(size: int) -> bool:
        if watch is not None:
            watch(min(len(found), doublings), doublings)
        photos, spent = size + -(-size // _MARGIN), 0.0

        def timed(photos: int) -> None:
            nonlocal spent
            spent = attempt(photos)

        if not fits(timed, photos):
            return False
        found[size] = spent / photos
        return True

    size = min(SMALLEST_BATCH, most)
    while not fitting(size):
        if size == 1:
            return found
        size //= 2
    if size < min(SMALLEST_BATCH, most):
        return found
    while size < most:
        doubled = min(2 * size, most)
        if not fitting(doubled):
            # What lies between may be larger by half.
            between = (size + doubled) // 2
            if between > size:
                fitting(between)
            break
        size = doubled
    return found


def fastest(seconds: Seconds) -> int:
    """Return the smallest size that is about as fast a photo as the fastest one."""
    least = min(seconds.values())
    return min(size for size, spent in seconds.items() if spent <= _AS_FAST * least)


def _most(config: TrainConfig, photos: int, processes: int) -> int:
    """Photos a process and step: more would leave an epoch fewer than `least_steps` steps."""
    whole = config.model_copy(update={"batch_size": LARGEST_BATCH}).photos_per_step(photos)
    return max(1, min(whole, photos) // processes)


def _of_all(each: list[dict[int, float]]) -> dict[int, float]:
    """The sizes that fit in every process, with the time of the slowest."""
    common = set.intersection(*(set(seconds) for seconds in each))
    return {size: max(seconds[size] for seconds in each) for size in common}


@contextmanager
def _tried_steps(
    model: BearingsModel, compute: Compute, data: TrainingData, config: TrainConfig
) -> Iterator[Callable[[int], float]]:
    """Give what makes steps of the last stage with a copy of the network, and returns their time.

    The copy takes the place of the moving average that the run will keep.
    """
    device = compute.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        network = copy.deepcopy(model)
        plan = plan_stages(config)[-1]
        freeze(network, last_blocks=plan.last_blocks)
        train_mode(network)
        optimiser = make_optimiser(network, plan.rates)
        losses = StepLosses(network, compute, data, config)
        augmenter = Augmenter.of(data, config, network.input_size)
        few = augmenter((0, data.rows["train"][:_AUGMENTED]))
        scaler = torch.amp.GradScaler(device.type, enabled=compute.scaler.is_enabled())

        def step(inputs: StepInput) -> float:
            began = time.perf_counter()
            optimiser.zero_grad(set_to_none=True)
            scaler.scale(losses(inputs)[0]).backward()
            scaler.step(optimiser)
            scaler.update()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            return time.perf_counter() - began

        def attempt(photos: int) -> float:
            inputs = _repeated(few, photos)
            step(inputs)  # Chooses kernels and fills the allocator.
            return statistics.median(step(inputs) for _ in range(_TIMED_STEPS))

        yield attempt
        optimiser.zero_grad(set_to_none=True)


def _repeated(batch: Batch, photos: int) -> StepInput:
    """A step of so many photos, made of a few."""
    index = np.arange(photos) % len(batch.rows)
    changes = tuple(batch.changes[each] for each in index) if batch.changes else ()
    many = Batch(batch.rows[index], batch.photos[index], batch.heading_deg[index], changes)
    return StepInput(many, None, np.zeros((photos, 2), np.float32), many.rows)
