"""The processes that train one network together, by torch's DistributedDataParallel (DDP).

Gradients travel on a group of the device's own backend (nccl between GPUs, gloo between CPUs),
everything else on a gloo group as small Python objects, by `exchange`, in which all take part.
A process that fails writes the reason into torch's store and closes its connections; the others
notice that at once and raise PeerFailed with the reason. If the process cannot close them, because
its machine is gone, the launcher ends the others, or the timeouts below do.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from core.errors import ConfigError
from core.model.light_timm import convert_sync_batchnorm
from core.model.network import BearingsModel
from core.training.environment import PeerFailed, launched_count, launched_local_rank
from core.training.interrupt import TrainingInterrupted

Work = TypeVar("Work")

# While one process decodes a large campus the others wait.
PATIENCE = timedelta(hours=12)
# All processes begin a step together, so that none waits longer than one of them computes.
STEP_PATIENCE = timedelta(minutes=10)
# What torch needs to bring processes together.
_LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_FAILURE = "bearings/failure"


@dataclass(eq=False)
class Processes:
    """All processes that train one network, and which of them this one is.

    Attributes:
        rank: Number of this process; 0 is the main process, the only one that writes.
        count: How many processes there are.
        local_rank: Number of this process on its machine.
        control: The group of `exchange`; None in a single process.
        gradients: The group of DDP; None in a single process.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    control: dist.ProcessGroup | None = None
    gradients: dist.ProcessGroup | None = None

    def __post_init__(self) -> None:
        """Reject a rank that does not exist, and several processes without a group."""
        if not 0 <= self.rank < self.count or (self.control is None) != (self.count == 1):
            raise ValueError(f"process {self.rank} of {self.count} with group {self.control}")

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes and talks to the user."""
        return self.rank == 0

    def share(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return this process's part of a step, or of anything aligned with it.

        Parts differ in length by one at most; no photo is left out and none is repeated.
        """
        return rows[self.rank :: self.count]

    def exchange(self, message: Any = None) -> list[Any]:  # noqa: ANN401 - any Python object
        """Send an object to all processes and return those of all, by rank.

        Raises:
            PeerFailed: Another process failed or is gone.
        """
        if self.control is None:
            return [message]
        messages: list[Any] = [None] * self.count
        with peers_alive():
            dist.all_gather_object(messages, message, group=self.control)
        return messages

    def from_main(self, message: Any = None) -> Any:  # noqa: ANN401 - any Python object
        """Return the main process's message; that of the others is ignored."""
        return self.exchange(message if self.is_main else None)[0]

    def mean(self, values: list[float]) -> list[float]:
        """Average numbers over all processes."""
        columns = zip(*self.exchange(values), strict=True)
        return [sum(column) / self.count for column in columns]

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors on all processes by the main process's."""
        if self.gradients is None:
            return
        for tensor in tensors:
            # Other memory formats cannot be sent as they are.
            sent = tensor.detach().contiguous()
            with peers_alive():
                dist.broadcast(sent, 0, group=self.gradients)
            tensor.detach().copy_(sent)

    def parallel(self, module: nn.Module) -> nn.Module:
        """Wrap a module so that its backward pass averages gradients over all processes.

        In every forward pass the buffers of the main process replace those of the others.
        """
        if self.gradients is None:
            return module
        # The heads that a configuration leaves without a loss have no gradient.
        with peers_alive():
            return DistributedDataParallel(
                module, process_group=self.gradients, find_unused_parameters=True
            )

    def synchronise_batchnorm(self, model: BearingsModel, device: torch.device) -> str | None:
        """Let BatchNorm see the photos of all processes, on GPUs; return what the log should say.

        torch has no such layer for CPUs. There each process normalises by its own photos, and the
        running statistics are those of the main process.
        """
        if self.count == 1 or not any(isinstance(m, _BatchNorm) for m in model.modules()):
            return None
        if device.type != "cuda":
            return (
                f"BatchNorm normalises by the photos of each of the {self.count} processes alone, "
                "because torch has no synchronised BatchNorm on a CPU; the running statistics are "
                "those of the main process"
            )
        # timm's own: torch's would drop the activation inside timm's normalisation layers.
        convert_sync_batchnorm(model, self.gradients)  # type: ignore[no-untyped-call]
        return "BatchNorm normalises by the photos of all processes"

    def in_turn(self, work: Callable[[], Work]) -> Work:
        """Do the same work on every process: the main one first, then one on each other machine.

        The others find what the first one leaves on disk (decoded photos, downloaded weights). In
        the second turn machines that share no disk make their own; the rest follow.
        """
        turns = 3
        turn = 0 if self.is_main else 1 if self.local_rank == 0 else 2
        for _ in range(turn):
            self.exchange()
        done = work()
        for _ in range(turn, turns):
            self.exchange()
        return done

    @contextmanager
    def failures_shared(self) -> Iterator[None]:
        """Store why this process fails, or that its caller leaves, for the others to raise.

        Failures of others, and stops that all agreed on, are known already.
        """
        try:
            yield
        except (PeerFailed, TrainingInterrupted, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if self.control is not None:
                left = isinstance(error, GeneratorExit)
                why = "its caller left" if left else f"{type(error).__name__}: {error}"
                who = f"process {self.rank} of {self.count} on {socket.gethostname()}"
                _store().set(_FAILURE, f"{who} failed: {why}")
            raise

    def leave(self) -> None:
        """Leave the groups, which closes this process's connections."""
        for group in (self.control, self.gradients):
            if group is not None:
                dist.destroy_process_group(group)
        # A connection is closed when nothing refers to its group.
        self.control = self.gradients = None


ALONE = Processes()


@contextmanager
def peers_alive() -> Iterator[None]:
    """Raise PeerFailed in place of torch's errors about a process that is gone."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if not (isinstance(error, dist.DistError) or "gloo" in text.lower()):
            raise
        raise PeerFailed(
            _failure() or f"another process of this run was killed ({text})"
        ) from error


@contextmanager
def open_processes(device: str) -> Iterator[Processes]:
    """Join the processes that train together on devices of a kind, and leave them at the end.

    They are those of torch's default group if there is one, which is left alone, or else those that
    torchrun or accelerate started. All of them must call this at the same time.

    Raises:
        ConfigError: The launcher did not say where the main process is.
        PeerFailed: The others did not come.
    """
    own = not dist.is_initialized() and _launched()
    if own:
        dist.init_process_group("gloo")
    processes = _joined(device)
    try:
        yield processes
    finally:
        processes.leave()
        if own:
            dist.destroy_process_group()


def _launched() -> bool:
    """Whether this process was started as one of a group."""
    missing = [name for name in _LAUNCHED if name not in os.environ]
    if missing and launched_count() > 1:
        raise ConfigError(
            f"WORLD_SIZE is {launched_count()} but {', '.join(missing)} is not set: start several "
            "processes with torchrun, as in: torchrun --nproc-per-node 2 -m -- core train ..."
        )
    return not missing


def _joined(device: str) -> Processes:
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return ALONE
    with peers_alive():
        if dist.get_rank() == 0:
            _store().delete_key(_FAILURE)  # of an earlier run of these processes
        control = dist.new_group(backend="gloo", timeout=PATIENCE)
        backend = "nccl" if device == "cuda" else "gloo"
        gradients = dist.new_group(backend=backend, timeout=STEP_PATIENCE)
    assert isinstance(control, dist.ProcessGroup)  # every process is a member of both
    assert isinstance(gradients, dist.ProcessGroup)
    rank, count = dist.get_rank(), dist.get_world_size()
    return Processes(rank, count, launched_local_rank(), control, gradients)


def _store() -> Any:  # noqa: ANN401 - torch exports no type of it
    return dist.distributed_c10d._get_default_store()


def _failure() -> str:
    """Why another process failed, if it said so."""
    try:
        store = _store()
        return store.get(_FAILURE).decode() if store.check([_FAILURE]) else ""
    except RuntimeError:
        return ""  # the process that keeps the store is gone
