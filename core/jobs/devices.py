"""Devices of this machine: GPUs as the driver reports them, and one slot for jobs on each.

The driver is asked without torch, which would take memory on every GPU.
"""

import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pynvml

# How a process is shown some of the GPUs only.
VISIBLE = "CUDA_VISIBLE_DEVICES"
# Numbers that CUDA gives GPUs follow speed by default; the driver's follow the bus.
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        index: Its number for the driver.
        name: What its maker calls it.
        used_bytes: Memory in use by all processes.
        total_bytes: Memory in all.
        utilisation: Share of the last moments in which it computed, in [0, 1]; None where the
            driver does not say.
        pids: Processes that compute on it, as far as they can be seen from here.
    """

    index: int
    name: str
    used_bytes: int
    total_bytes: int
    utilisation: float | None
    pids: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Refuse figures that cannot be."""
        if not 0 <= self.used_bytes <= self.total_bytes:
            raise ValueError(f"GPU {self.index} uses {self.used_bytes} of {self.total_bytes} bytes")
        if self.utilisation is not None and not 0.0 <= self.utilisation <= 1.0:
            raise ValueError(f"GPU {self.index} is used {self.utilisation}, not a share")


def gpus() -> tuple[Gpu, ...]:
    """The GPUs that a job of this process could use; none where there is no driver."""
    with _driver() as present:
        count = pynvml.nvmlDeviceGetCount() if present else 0
        found = [_gpu(index) for index in range(count)]
    shown = _shown()
    return tuple(gpu for gpu in found if shown is None or gpu.index in shown)


@contextmanager
def _driver() -> Iterator[bool]:
    """Connect to the driver; says whether there is one."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    name = pynvml.nvmlDeviceGetName(handle)
    try:
        utilisation = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100.0
    except pynvml.NVMLError:
        utilisation = None
    try:
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except pynvml.NVMLError:
        running = []
    return Gpu(
        index=index,
        name=name if isinstance(name, str) else name.decode(),
        used_bytes=int(memory.used),
        total_bytes=int(memory.total),
        utilisation=utilisation,
        pids=frozenset(int(process.pid) for process in running),
    )


def _shown() -> frozenset[int] | None:
    """Numbers that this process was limited to; None for all of them."""
    words = os.environ.get(VISIBLE)
    if words is None:
        return None
    numbers = [word.strip() for word in words.split(",") if word.strip()]
    # Other names (UUIDs) cannot be told apart here; the job inherits them as they are.
    return frozenset(map(int, numbers)) if all(n.isdecimal() for n in numbers) else None


# Which device a job takes: one job at a time on each GPU, and one on the processor.


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
