"""What three processes say to each other; started by `test_processes.py`, an assertion a fact."""

import os
import sys
import time

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

from core.training.environment import PeerFailed
from core.training.processes import Processes, open_processes


def messages(processes: Processes) -> None:
    """Objects of any size, floats to the last bit, arrays of uneven lengths."""
    rank = processes.rank
    assert processes.exchange(rank) == [0, 1, 2]
    assert [len(text) for text in processes.exchange("é" * (5000 * rank))] == [0, 5000, 10000]
    assert processes.from_main(0.1 + 0.2 if rank == 0 else None) == 0.1 + 0.2
    assert processes.mean([1.0, rank + 0.5]) == [1.0, 1.5]
    parts = processes.exchange(np.full((2 * rank, 3), rank, np.float32))
    assert [part.shape for part in parts] == [(0, 3), (2, 3), (4, 3)]
    assert all((part == rank).all() for rank, part in enumerate(parts))


def turns(processes: Processes) -> None:
    """The main process has done its work before the others begin theirs."""
    began, ended = processes.in_turn(_work)
    times = processes.exchange([began, ended])
    assert all(began >= times[0][1] for began, _ in times[1:])


def _work() -> tuple[float, float]:
    began = time.monotonic()
    time.sleep(0.2)
    return began, time.monotonic()


def steps(processes: Processes) -> None:
    """Parts of 3, 2 and 2 photos, weighted by their number, give the gradient of all seven."""
    torch.manual_seed(processes.rank)
    model = nn.ModuleDict({"used": nn.Linear(4, 4), "unused": nn.Linear(4, 1)})
    model["used"].register_buffer("rank", torch.tensor(processes.rank))
    model.forward = lambda photos: model["used"](photos)  # type: ignore[method-assign]
    parallel = processes.parallel(model)
    photos = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    part = photos[processes.share(np.arange(7))]
    (parallel(part).square().mean() * processes.count * len(part) / len(photos)).backward()
    assert model["unused"].weight.grad is None
    averaged, model["used"].weight.grad = model["used"].weight.grad, None
    model(photos).square().mean().backward()
    torch.testing.assert_close(averaged, model["used"].weight.grad)
    assert int(model["used"].rank) == 0
    own = torch.full((2, 3), float(processes.rank)).t()
    processes.broadcast([own])
    assert not own.any()


def failure(processes: Processes) -> None:
    """All others raise with the reason of the one that fails, although its process lives on."""
    began = time.monotonic()
    with pytest.raises((PeerFailed, MemoryError)) as raised:
        _fail_or_go_on(processes)
    assert "no memory left" in str(raised.value)
    assert isinstance(raised.value, MemoryError) == (processes.rank == 1)
    assert time.monotonic() - began < 30.0


def _fail_or_go_on(processes: Processes) -> None:
    try:
        with processes.failures_shared():
            if processes.rank == 1:
                raise MemoryError("no memory left")
            processes.exchange("all is well")
    finally:
        processes.leave()


def death(processes: Processes) -> None:
    """All others raise when a process is killed."""
    if processes.rank == 2:
        os._exit(0)
    with pytest.raises(PeerFailed, match="another process of this run was killed"):
        processes.exchange()


if __name__ == "__main__":
    dist.init_process_group("gloo")
    for scenes in ((messages, turns, steps), (failure,), (death,)):
        with open_processes("cpu") as opened:
            for scene in scenes:
                scene(opened)
    sys.stdout.write("all was well\n")
    sys.stdout.flush()
    os._exit(0)  # without a last barrier, as one process is gone
