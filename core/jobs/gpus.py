"""The GPUs of this machine as their driver sees them; no torch, which would take memory there."""

import os
from collections.abc import Iterator
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
