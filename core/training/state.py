"""Exact state of a run, for resuming: safetensors and JSON, committed by the JSON.

The tensors are written first under a name that no other content has; `state.json` names them and
comes last. Whenever the process dies, `state.json` names a complete state.
"""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors.torch import load, save
from torch import Tensor

from core.errors import FAULTS, RunError, reason
from core.files import read_object, read_tensors, refusing, write_bytes, write_json
from core.model.network import BearingsModel
from core.training.optimiser import WeightAverage
from core.training.processes import Processes

SCHEMA_VERSION = 1
_FILE = "state.json"
_REMEDY = "start a new run"


@dataclass
class Progress:
    """Epochs and steps that are done; changes with every step.

    Attributes:
        stage: Index of the stage at work.
        epoch: Epochs of this stage that are done.
        step: Steps of the current epoch that are done.
        all_epochs: Epochs of all stages that are done.
        all_steps: Steps of all stages that are done.
        best: Best monitored value so far, or None.
        waited: Epochs of this stage since its last best one.
        plateau_factor: Current factor of reduce-on-plateau.
        plateau_waited: Epochs since its last improvement.
        sums: Losses of the current epoch, summed over photos: total, region, position, heading,
            place.
        counts: Over how many photos each of them is summed.
        photos: Photos of the current epoch that are done.
        seconds: Time spent on the current epoch.
        event: The last epoch's report as in `events.jsonl`.
    """

    stage: int = 0
    epoch: int = 0
    step: int = 0
    all_epochs: int = 0
    all_steps: int = 0
    best: float | None = None
    waited: int = 0
    plateau_factor: float = 1.0
    plateau_waited: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * 5)
    counts: list[int] = field(default_factory=lambda: [0] * 5)
    photos: int = 0
    seconds: float = 0.0
    event: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Older states counted every photo for every loss."""
        if self.photos and not self.counts[0]:
            self.counts = [self.photos] * 5

    def add(self, losses: list[float], counts: list[int]) -> None:
        """Add the mean losses of a step, each over its own number of photos."""
        self.sums = [a + n * b for a, n, b in zip(self.sums, counts, losses, strict=True)]
        self.counts = [a + n for a, n in zip(self.counts, counts, strict=True)]
        self.photos += counts[0]

    def means(self) -> list[float | None]:
        """The mean losses of the current epoch; None where no photo counted."""
        pairs = zip(self.sums, self.counts, strict=True)
        return [total / n if n else None for total, n in pairs]

    def end_epoch(self, event: dict[str, Any]) -> None:
        """Count the current epoch as done."""
        self.epoch += 1
        self.all_epochs += 1
        self.event = event
        self._begin_epoch()

    def next_stage(self, stage: int) -> None:
        """Start another stage; the best value stays, patience starts again."""
        self.stage, self.epoch = stage, 0
        self.waited, self.plateau_factor, self.plateau_waited = 0, 1.0, 0
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.step, self.photos, self.seconds = 0, 0, 0.0
        self.sums, self.counts = [0.0] * 5, [0] * 5


@dataclass(frozen=True)
class TrainState:
    """Everything that a training step changes, and the bank that a descriptor is compared with."""

    model: BearingsModel
    optimiser: torch.optim.Optimizer
    average: WeightAverage | None
    scaler: torch.amp.GradScaler
    bank: Tensor | None = None


def random_state(processes: Processes) -> dict[str, Tensor]:
    """Return torch's random state of every process, by device and rank."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return {
        _random_name(kind, rank): torch.from_numpy(state.copy())
        for kind, tensor in states.items()
        for rank, state in enumerate(processes.exchange(tensor.numpy()))
    }


def save_state(
    folder: Path, state: TrainState, progress: Progress, random: dict[str, Tensor]
) -> None:
    """Write the state of a run between two steps, with the random state of all its processes."""
    named = [*_tensors(state), *random.items()]
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in named})
    tensors = f"state-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    write_bytes(folder / tensors, content)
    about: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "tensors": tensors}
    about["progress"] = asdict(progress)
    about["scaler"] = state.scaler.state_dict() or None
    write_json(folder / _FILE, about)
    for stale in folder.glob("state-*.safetensors"):
        if stale.name != tensors:
            stale.unlink()


def read_progress(folder: Path) -> Progress | None:
    """Return the saved progress, or None if nothing is saved."""
    about = _read(folder)
    if about is None:
        return None
    with refusing(folder / _FILE, _REMEDY):
        return TypeAdapter(Progress).validate_python(about["progress"])


def load_state(folder: Path, state: TrainState, processes: Processes) -> int:
    """Load the saved state, also torch's random state.

    A process without a saved random state keeps its own.

    Returns:
        How many processes saved the state; 0 if nothing is saved.

    Raises:
        RunError: The state is damaged or belongs to another run.
    """
    about = _read(folder)
    if about is None:
        return 0
    with refusing(folder / _FILE, _REMEDY):
        # A name without folders: the state is stored in the folder of its JSON file.
        path = folder / Path(about["tensors"]).name
    saved = read_tensors(path, load, _REMEDY, RunError)
    try:
        _restore(state, saved, processes.rank)
        if state.scaler.is_enabled() and about.get("scaler"):
            state.scaler.load_state_dict(about["scaler"])
    except FAULTS as error:
        raise RunError(
            f"state {path} does not fit this run ({reason(error)}): {_REMEDY}"
        ) from error
    return sum(name.startswith(_random_name("cpu", 0)) for name in saved)


def _tensors(state: TrainState) -> list[tuple[str, Tensor]]:
    named = [(f"model/{name}", value) for name, value in state.model.state_dict().items()]
    if state.average is not None:
        average = state.average.model.state_dict()
        named += [(f"average/{name}", value) for name, value in average.items()]
    for index, slots in state.optimiser.state_dict()["state"].items():
        named += [(f"optimiser/{index}/{slot}", value) for slot, value in slots.items()]
    if state.bank is not None:
        named.append(("bank", state.bank))
    return named


def _random_name(kind: str, rank: int) -> str:
    return f"random/{kind}" if rank == 0 else f"random/{kind}/{rank}"


def _restore(state: TrainState, saved: dict[str, Tensor], rank: int) -> None:
    state.model.load_state_dict(_under("model/", saved))
    if state.average is not None:
        state.average.model.load_state_dict(_under("average/", saved))
    _restore_optimiser(state.optimiser, _under("optimiser/", saved))
    if state.bank is not None:
        state.bank.copy_(saved["bank"])
    cpu, cuda = _random_name("cpu", rank), _random_name("cuda", rank)
    if cpu in saved:
        torch.set_rng_state(saved[cpu])
    if torch.cuda.is_available() and cuda in saved:
        torch.cuda.set_rng_state(saved[cuda])


def _restore_optimiser(optimiser: torch.optim.Optimizer, saved: dict[str, Tensor]) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in saved.items():
        index, slot = name.split("/")
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            # In the parameter's own memory format, as the first step would have made it.
            value = torch.empty_like(parameter).copy_(value)
        slots.setdefault(int(index), {})[slot] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": slots, "param_groups": groups})


def _under(prefix: str, saved: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in saved.items() if name.startswith(prefix)}


def _read(folder: Path) -> dict[str, Any] | None:
    path = folder / _FILE
    about = read_object(path, _REMEDY)
    if about is None:
        return None
    if about.get("schema_version") != SCHEMA_VERSION:
        raise RunError(f"{path} was written by another version of Bearings: start a new run")
    return about
