"""Which device a job takes: one job at a time on each GPU, and one on the processor."""

import platform
from collections import Counter
from collections.abc import Iterable, Sequence

from core.jobs.gpus import ORDER, VISIBLE, gpus

CPU, MPS = "cpu", "mps"
_CUDA = "cuda:"


def machine_slots() -> tuple[str, ...]:
    """The places of this machine for one job each, GPUs first: cuda:0, cuda:1, ..., mps, cpu."""
    found = [f"{_CUDA}{gpu.index}" for gpu in gpus()]
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        found.append(MPS)
    return (*found, CPU)


def fitting(device: str, slots: Iterable[str]) -> tuple[str, ...]:
    """Slots that a job with this device may take, in order of preference.

    Args:
        device: auto, cpu, cuda or mps, as in the options.
        slots: The machine's.
    """
    slots = tuple(slots)
    gpu = tuple(slot for slot in slots if slot.startswith(_CUDA))
    if device == "auto":
        return gpu or tuple(slot for slot in slots if slot == MPS) or (CPU,)
    if device == "cuda" and gpu:
        return gpu
    # A device that is not there: the job starts all the same, and its own error says so.
    return (device,) if device in slots else (CPU,)


def spread(device: str, count: int | None) -> tuple[str, ...]:
    """Slots for jobs side by side: a device each, as far as this process may use so many.

    Args:
        device: What the jobs ask for: auto, cpu, cuda or mps.
        count: How many slots; more than there are devices share them evenly. None: one a device.
    """
    fits = fitting(device, machine_slots())
    numbers = range(len(fits) if count is None else count)
    return tuple(fits[number % len(fits)] for number in numbers)


def free_slots(slots: Sequence[str], taken: Iterable[str]) -> list[str]:
    """The slots that are left, in order; one that is there twice can be taken twice."""
    used, left = Counter(taken), []
    for slot in slots:
        if used[slot]:
            used[slot] -= 1
        else:
            left.append(slot)
    return left


def slot_environment(slots: Sequence[str]) -> dict[str, str]:
    """What the environment of a process must hold to compute in its slots and nowhere else."""
    numbers = [slot.removeprefix(_CUDA) for slot in slots if slot.startswith(_CUDA)]
    return {VISIBLE: ",".join(numbers), **ORDER} if numbers else {}


def slot_of(pid: int, device: str) -> str:
    """The slot that a process which nobody put into one takes.

    Args:
        pid: Its number.
        device: What it computes on: cpu, cuda, cuda:0, mps.
    """
    if not device.startswith("cuda"):
        return MPS if device.startswith(MPS) else CPU
    present = gpus()
    seen = [gpu.index for gpu in present if pid in gpu.pids]
    index = seen[0] if seen else present[0].index if present else 0
    return f"{_CUDA}{index}"
