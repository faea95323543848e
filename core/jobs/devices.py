"""GPUs of this machine, the slots that jobs run on, and the slots that are taken.

The driver is queried without torch, which would take memory on every GPU.
"""

import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import pynvml

from core.errors import RunError
from core.files import read_object
from core.jobs.job import own_process, read_job
from core.jobs.queue import QUEUE
from core.locks import is_held
from core.training.run_folder import RunFolder, RunStatus

# Limits the GPUs that a process sees.
VISIBLE = "CUDA_VISIBLE_DEVICES"
# CUDA numbers GPUs by speed by default, the driver by bus.
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
CPU, MPS = "cpu", "mps"
_CUDA = "cuda:"
# Folders of the jobs within a job: the folds of a cross-validation, the trials of a study.
_NESTED = (".", "trials")


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        index: Its number for the driver.
        name: What its maker calls it.
        used_bytes: Memory in use by all processes.
        total_bytes: Memory in all.
        utilisation: Share of the last moments in which it computed, in [0, 1]; None if the
            driver does not report it.
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
    """The GPUs that a job of this process could use; none if there is no driver."""
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
    # Other names (UUIDs) cannot be matched here; the job inherits them as they are.
    return frozenset(map(int, numbers)) if all(n.isdecimal() for n in numbers) else None


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


def has_gpu(device: str) -> bool:
    """Whether a job with this device (auto, cpu, cuda or mps) takes a GPU of this machine."""
    return fitting(device, machine_slots())[0] != CPU


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
    """The slots that are left, in order; a slot that is listed twice can be taken twice."""
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
    """The slot that a process takes which no queue started.

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


def taken_slots(root: Path) -> set[str]:
    """Slots of running jobs on this machine, started by the queue or on the command line."""
    return {slot for slots in slots_taken(root).values() for slot in slots}


def slots_taken(root: Path) -> dict[Path, tuple[str, ...]]:
    """The same by the folder of the job, those of jobs within a job included."""
    taken: dict[Path, tuple[str, ...]] = {}
    for folder in root.iterdir() if root.is_dir() else ():
        if not folder.is_dir():
            continue
        own = _slots(folder)
        inner = {} if own else _nested(folder)
        taken |= {folder: own} if own else inner
    return taken


def _nested(folder: Path) -> dict[Path, tuple[str, ...]]:
    """Slots of the jobs that a job conducts, or conducted until it was killed."""
    try:
        status = RunFolder(path=folder).status()
    except RunError:
        return {}
    if status is None or status.state != "running":
        return {}
    taken: dict[Path, tuple[str, ...]] = {}
    for name in _NESTED:
        if (folder / name / QUEUE).is_dir():
            taken |= slots_taken(folder / name)
    return taken


def _slots(folder: Path) -> tuple[str, ...]:
    try:
        job, status = read_job(folder), RunFolder(path=folder).status()
        start = None if job is None else job.start
        started = own_process(start) is not None
        # A process gives its folder up before it ends, and its device only when it has ended.
        if not started and not _is_leaving(status) and not is_held(folder):
            return ()
    except RunError:
        # Damaged: its device is unknown, and lists show it as damaged.
        return ()
    # A runner that was killed in the middle of a start did not write which process it started.
    halfway = job is not None and job.state == "started" and start is not None and start.pid is None
    if start is not None and (started or halfway):
        return start.slots
    if status is None or own_process(status) is None or _conducts(folder):
        return ()
    return (_by_hand(folder, status),)


def _conducts(folder: Path) -> bool:
    """Whether a job that was started on the command line only conducts others."""
    return any(is_held(folder / name / QUEUE) for name in _NESTED)


def _is_leaving(status: RunStatus | None) -> bool:
    """Whether the process that wrote a status lives, and only for the job of that folder."""
    process = own_process(status)
    return process is not None and is_command(process)


def is_command(process: psutil.Process) -> bool:
    """Whether a process is a command of this command line, which ends soon after its job.

    A notebook that trained may stay open for days, and has its device only while it holds a folder.
    """
    try:
        words = process.cmdline()
    except psutil.Error:
        # It has just ended.
        return False
    return ("-m", "core") in pairwise(words)


def _by_hand(folder: Path, status: RunStatus) -> str:
    """The slot of a job that was begun on the command line."""
    device = _device(folder)
    if device == "auto":
        # It has not chosen yet: it will choose as the next job would.
        return fitting(device, machine_slots())[0]
    return slot_of(status.pid, device)


def _device(folder: Path) -> str:
    """The device that a job wrote down; auto before it has, and if that file is damaged."""
    try:
        written = read_object(folder / "environment.json") or {}
    except RunError:
        return "auto"
    return str(written.get("device", "auto"))
