"""What three processes say to each other; started by `test_processes.py`, an assertion a fact."""

import os
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from core.training.gradients import add_up_gradients, average_statistics, share_weights
from core.training.launched import PeerFailed
from core.training.processes import Processes, open_processes
from core.training.sharing import shared


def messages(processes: Processes) -> None:
    """Short and long messages, of different lengths, and floats to the last bit."""
    rank = processes.rank
    assert processes.exchange(rank) == [0, 1, 2]
    long = "é" * (5000 * rank)
    assert [len(said) for said in processes.exchange(long)] == [0, 5000, 10000]
    assert processes.from_main(0.1 + 0.2 if rank == 0 else None) == 0.1 + 0.2
    assert processes.total([1.0, rank + 0.5]) == [3.0, 4.5]


def arrays(processes: Processes) -> None:
    """Arrays of uneven lengths, one of them empty."""
    own = np.full((2 * processes.rank, 3), processes.rank, np.float32)
    parts = processes.gather(own)
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
    """Shares of 3, 2 and 0 photos give the gradient, and BatchNorm's mean, of all five."""
    torch.manual_seed(processes.rank)
    linear, norm, unused = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)
    model = nn.Sequential(linear, norm, unused)
    share_weights(model, processes)
    photos = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    own = photos[shared(np.arange(5), processes.rank, 2)] if processes.rank < 2 else photos[:0]
    share = len(own) / len(photos)
    if len(own):
        (linear(own).square().mean() * share).backward()
        norm(linear(own))
    add_up_gradients(model, processes)
    average_statistics(model, share, processes)
    assert unused.weight.grad is None
    summed, linear.weight.grad = linear.weight.grad, None
    linear(photos).square().mean().backward()
    torch.testing.assert_close(summed, linear.weight.grad)
    mean = linear(photos).mean(dim=0).detach()
    torch.testing.assert_close(norm.running_mean, 0.1 * mean)
    assert norm.num_batches_tracked == torch.tensor(1)


def failures(processes: Processes) -> None:
    """Who fails is heard by all who were about to say something else."""
    with pytest.raises((PeerFailed, MemoryError)) as raised, processes.shared_fate():
        _fail_or_go_on(processes)
    assert "no memory left" in str(raised.value)
    assert isinstance(raised.value, MemoryError) == (processes.rank == 1)


def _fail_or_go_on(processes: Processes) -> None:
    if processes.rank == 1:
        raise MemoryError("no memory left")
    processes.exchange("all is well")


if __name__ == "__main__":
    with open_processes("cpu") as opened:
        for part in (messages, arrays, turns, steps, failures):
            part(opened)
        if opened.rank == 2:
            os._exit(0)
        with pytest.raises(PeerFailed, match="ended without a word"):
            opened.exchange()
    sys.stdout.write("all was well\n")
