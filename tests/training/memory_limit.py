"""A device with little memory, imitated."""

import weakref
from collections.abc import Callable

import pytest
import torch

from core.training.stages import StepInput
from core.training.step_losses import StepLosses

Full = Callable[[int], list[int]]
CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB."


class Activations:
    """Stands for the tensors of a step, which a traceback keeps alive."""


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Full:
    """A device with memory for steps of so many photos; gives the sizes that were tried."""

    def limit(most: int) -> list[int]:
        tried: list[int] = []
        kept: list[weakref.ref[Activations]] = []
        forward = StepLosses.forward

        def limited(self: StepLosses, inputs: StepInput) -> torch.Tensor:
            assert not any(each() for each in kept), "the step that did not fit is still in memory"
            held = Activations()
            kept.append(weakref.ref(held))
            tried.append(len(inputs.batch.rows))
            if len(inputs.batch.rows) > most:
                raise torch.cuda.OutOfMemoryError(CUDA)
            return forward(self, inputs)

        monkeypatch.setattr(StepLosses, "forward", limited)
        return tried

    return limit
