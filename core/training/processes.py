"""The processes that train one network together: how they agree, wait, and fail together.

They talk over two groups. Gradients travel on torch's default group (nccl between GPUs, gloo
between CPUs). Everything else travels as small messages on a gloo group of our own, by one verb,
`exchange`, in which all take part. A process that fails says so in its next exchange, whatever the
others expect to hear there, so that all of them end with the reason and none waits for ever.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from core.errors import ConfigError
from core.training.interrupt import TrainingInterrupted
from core.training.launched import PeerFailed, launched_count, launched_local_rank

Work = TypeVar("Work")
Bytes = NDArray[np.uint8]

# While one process decodes a large campus the others wait. A process that dies closes its
# connections and a machine that dies is noticed by torchrun: neither is waited for.
PATIENCE = timedelta(hours=12)
# Most messages fit into one round of this many bytes; a longer one takes a second round.
_FRAME = 512
_HEAD = 8
# What torch needs to bring processes together.
_LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Processes:
    """This process's place among all that train one network.

    Attributes:
        rank: Its number; 0 is the main process, the only one that writes.
        count: How many there are.
        local_rank: Its number on its machine.
        control: The group that messages travel on; None where there is only one process.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    control: dist.ProcessGroup | None = None

    def __post_init__(self) -> None:
        """Reject a place that does not exist, and several processes that cannot talk."""
        if not 0 <= self.rank < self.count or (self.control is None) != (self.count == 1):
            raise ValueError(f"process {self.rank} of {self.count} with group {self.control}")

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes and talks to the user."""
        return self.rank == 0

    def exchange(self, message: Any = None) -> list[Any]:  # noqa: ANN401 - anything JSON can say
        """Tell all processes something and hear what each says, by rank; waits for all of them.

        Raises:
            PeerFailed: A process said that it failed, or ended without a word.
        """
        if self.control is None:
            return [message]
        heard = self._hear_all({"said": message})
        failed = [words["failed"] for words in heard if "failed" in words]
        if failed:
            raise PeerFailed("; ".join(failed))
        return [words["said"] for words in heard]

    def from_main(self, message: Any = None) -> Any:  # noqa: ANN401 - anything JSON can say
        """What the main process says; the others' own message is not looked at."""
        return self.exchange(message if self.is_main else None)[0]

    def total(self, values: list[float]) -> list[float]:
        """Add up numbers over all processes, in the order of their ranks."""
        return [sum(each) for each in zip(*self.exchange(values), strict=True)]

    def gather(self, part: NDArray[Any]) -> list[NDArray[Any]]:
        """The arrays of all processes by rank; their first axes may differ in length."""
        if self.control is None:
            return [part]
        shapes = self.exchange(list(part.shape))
        content = np.frombuffer(np.ascontiguousarray(part).tobytes(), np.uint8)
        item = part.dtype.itemsize
        lengths = [item * int(np.prod(shape)) for shape in shapes]
        heard = self._gather_bytes(content, max(lengths))
        return [
            each[:length].view(part.dtype).reshape(shape)
            for each, length, shape in zip(heard, lengths, shapes, strict=True)
        ]

    def in_turn(self, work: Callable[[], Work]) -> Work:
        """Do the same on every process: the main one first, then one on each other machine.

        What the first one leaves on disk (decoded photos, downloaded weights) the others find. In
        the second turn machines that share no disk make their own; whoever is left follows.
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
    def shared_fate(self) -> Iterator[None]:
        """Let the others know where this process fails or its reader leaves.

        A failure that another process told of, and a stop that all agreed on, are known to them. A
        second Ctrl-C ends at once: the closed connection tells.
        """
        try:
            yield
        except (PeerFailed, TrainingInterrupted, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._tell(error)
            raise

    def _tell(self, error: BaseException) -> None:
        if self.control is None:
            return
        what = "its reader left" if isinstance(error, GeneratorExit) else _described(error)
        who = f"process {self.rank} of {self.count} on {socket.gethostname()}"
        try:
            self._hear_all({"failed": f"{who} failed: {what}"})
        except PeerFailed:
            return  # nobody is left to be told

    def _hear_all(self, words: dict[str, Any]) -> list[dict[str, Any]]:
        content = np.frombuffer(json.dumps(words).encode(), np.uint8)
        head = np.frombuffer(np.int64(len(content)).tobytes(), np.uint8)
        frames = self._gather_bytes(np.concatenate([head, content])[:_FRAME], _FRAME)
        lengths = [int(frame[:_HEAD].view(np.int64)[0]) for frame in frames]
        heard = [frame[_HEAD:] for frame in frames]
        if max(lengths) > _FRAME - _HEAD:
            heard = self._gather_bytes(content, max(lengths))
        return [
            json.loads(each[:length].tobytes()) for each, length in zip(heard, lengths, strict=True)
        ]

    def _gather_bytes(self, content: Bytes, size: int) -> list[Bytes]:
        """Bytes of all processes, each padded to `size`."""
        own = torch.zeros(size, dtype=torch.uint8)
        own[: len(content)] = torch.from_numpy(content.copy())
        heard = [torch.empty_like(own) for _ in range(self.count)]
        with peers_alive():
            dist.all_gather(heard, own, group=self.control)
        return [each.numpy() for each in heard]


ALONE = Processes()


@contextmanager
def peers_alive() -> Iterator[None]:
    """Turn what torch says when another process is gone into PeerFailed."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise PeerFailed(
            f"another process of this run ended without a word ({reason}): it was killed, or its "
            "own output says why"
        ) from error


@contextmanager
def open_processes(device: str) -> Iterator[Processes]:
    """Join the processes that train together on devices of a kind, and leave them at the end.

    They are those of torch's default group where there is one, which is left alone, or else those
    that torchrun or accelerate started. All of them must call this at the same time.

    Raises:
        ConfigError: The launcher did not say where the main process is.
        PeerFailed: The others did not come.
    """
    own = not dist.is_initialized() and _launched()
    if own:
        with peers_alive():
            dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield _place_in_group()
    finally:
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


def _place_in_group() -> Processes:
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return ALONE
    with peers_alive():
        control = dist.new_group(backend="gloo", timeout=PATIENCE)
    assert isinstance(control, dist.ProcessGroup)  # every process is a member
    return Processes(dist.get_rank(), dist.get_world_size(), launched_local_rank(), control)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
