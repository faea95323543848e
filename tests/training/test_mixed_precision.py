"""Half precision changes the rounding of a step and nothing else; fp16 is run on the CPU here.

Learning rates of next to nothing keep the weights of two runs alike, so that their gradients can be
compared step by step.
"""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from core.training import device
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import StepReport
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from tests.training.launch import ending
from tests.training.test_resume import stop_at

TinyRun = Callable[..., TrainConfig]
PRECISIONS = ("fp16", "bf16")
# By step: the gradient of each group of the optimiser, as one vector.
Gradients = dict[int, list[torch.Tensor]]
Train = Callable[[TrainConfig], Gradients]

# Relative to the norm of the group. Measured: at most 0.16, most of it from units that a rounding
# switches on or off, in a network of few units and steps of 12 photos.
TOLERANCE = 0.25
STILL: dict[str, Any] = {
    "stage1": Stage1Config(epochs=1, views=2, lr=1e-9),
    "stage2": Stage2Config(epochs=2, lr_heads=1e-9),
    "p_known": 1.0,  # the direction of an estimate near zero would magnify roundings
    "device": "cpu",
}


@pytest.fixture
def fp16_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a CPU compute in fp16, which works there but is refused because it is slow."""
    monkeypatch.setattr(device, "choose_precision", lambda config, kind: config.precision)


def _trained(config: TrainConfig) -> Gradients:
    """Train, and return the gradients that the optimiser was given at each step that it made."""
    seen: Gradients = {}
    done: list[StepReport] = []

    def note(optimiser: torch.optim.Optimizer, *_: Any) -> None:  # noqa: ANN401
        seen[len(done)] = [
            torch.cat([p.grad.flatten() for p in group["params"] if p.grad is not None])
            for group in optimiser.param_groups
        ]

    handle = register_optimizer_step_pre_hook(note)
    try:
        list(fit(config, on_step=done.append))
    finally:
        handle.remove()
    return seen


@pytest.mark.parametrize("clip_norm", [None, 1e-3])
@pytest.mark.usefixtures("fp16_on_cpu")
def test_gradients_of_both_stages_are_those_of_float32(
    tiny_run: TinyRun, tmp_path: Path, clip_norm: float | None
) -> None:
    options = STILL | {"clip_norm": clip_norm}
    exact = _trained(tiny_run(tmp_path / "exact", precision="fp32", **options))
    assert len(exact) == 9
    for precision in PRECISIONS:
        rough = _trained(tiny_run(tmp_path / precision, precision=precision, **options))
        # Steps that overflow while the loss scale is still too great are left out.
        assert set(rough) <= set(exact)
        assert any(step < 3 for step in rough)
        assert any(step >= 3 for step in rough)
        for step, groups in rough.items():
            for half, single in zip(groups, exact[step], strict=True):
                assert float((half - single).norm()) < TOLERANCE * float(single.norm())


@pytest.mark.usefixtures("fp16_on_cpu")
@pytest.mark.parametrize("precision", PRECISIONS)
def test_half_precision_goes_on_exactly(tiny_run: TinyRun, tmp_path: Path, precision: str) -> None:
    def config(name: str) -> TrainConfig:
        stage2 = Stage2Config(epochs=2)
        return tiny_run(
            tmp_path / name, command="train", precision=precision, stage2=stage2, device="cpu"
        )

    list(fit(config("whole")))
    for epoch, step in ((1, 2), (2, 1), (3, 2)):
        cut = config(f"cut in epoch {epoch}")
        with pytest.raises(TrainingInterrupted):
            list(fit(cut, on_step=stop_at(epoch, step, signal.SIGINT)))
        list(fit(cut, resume=True))
        assert ending(cut.run) == ending(config("whole").run)
