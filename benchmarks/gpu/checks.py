"""What a check is: its share of the time, what it may use, and the events that it leaves."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from core.model.schema import ModelConfig, TtaConfig
from core.training.schema import Stage1Config, Stage2Config, TrainConfig

State = Literal["ok", "failed", "not run", "left out", "too long"]
Figure = float | int | str


class NotRunError(Exception):
    """A check that cannot be made on this machine; says why."""


class WrongResultError(Exception):
    """A check that was made and has another result than it must have."""


class Settings(BaseModel):
    """What all checks share.

    Attributes:
        demo: Folder of the demo campus.
        few: Folder of some of its photos, where only the start and end of runs count.
        work: Folder for runs.
        device: cuda, or cpu in a dry run.
        gpus: How many GPUs there are.
        dry: Whether everything is as small as it can be.
        deadline: When everything must have ended, in seconds since 1970.
        models: Backbones whose throughput is measured.
        batch_size: Photos a step of those.
    """

    demo: Path
    few: Path
    work: Path
    device: Literal["cuda", "cpu"]
    gpus: int
    dry: bool
    deadline: float
    models: tuple[str, ...]
    batch_size: int

    @property
    def input_size(self) -> int:
        """Pixels of a side where speed is measured."""
        return 32 if self.dry else 224

    def small(self, name: str, **changes: Any) -> TrainConfig:  # noqa: ANN401 - any option
        """Return the options of a run that is small enough for a check of correctness."""
        backbone, size = ("test_resnet", 32) if self.dry else ("resnet10t", 64)
        return self.run_of(name, backbone, size, **{"batch_size": 16 if self.dry else 64} | changes)

    def run_of(self, name: str, backbone: str, input_size: int, **changes: Any) -> TrainConfig:  # noqa: ANN401 - any option
        """Return the options of a run on the demo campus, from random weights, with quick ends."""
        options: dict[str, Any] = {
            "dataset": self.demo,
            "run": self.work / name,
            "model": still(backbone, input_size),
            "stage1": Stage1Config(epochs=0),
            "stage2": Stage2Config(epochs=2),
            "tta": TtaConfig(views=1),
            "batch_size": self.batch_size,
            "least_steps": 0,
            "gallery_points": 0,
            "patience": 0,
            "device": self.device,
            "export_onnx": False,
            "command": "benchmarks.gpu",
        }
        return TrainConfig(**(options | changes))


def still(backbone: str, input_size: int) -> ModelConfig:
    """Return a network without dropout, which a GPU draws otherwise than a CPU."""
    return ModelConfig(
        backbone=backbone,
        weights="random",
        input_size=input_size,
        region_dropout=0.0,
        position_dropout=0.0,
        heading_dropout=0.0,
    )


@dataclass
class Recorder:
    """Appends what happens to a file, a line each, so that nothing is lost if the process dies."""

    path: Path
    check: str

    def event(self, kind: str, **values: object) -> None:
        """Append an event of this check."""
        line = {"check": self.check, "event": kind, "at": time.time(), **values}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def figure(self, name: str, value: Figure) -> None:
        """Record a figure; floats are kept to five digits."""
        if isinstance(value, float):
            value = float(f"{value:.5g}") if math.isfinite(value) else str(value)
        self.event("figure", figure=name, value=value)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Raise WrongResultError if a result is not as it must be."""
        if not holds:
            raise WrongResultError(otherwise)


@dataclass(frozen=True)
class Check:
    """One thing to check or to measure.

    Attributes:
        name: Short, unique.
        title: What is checked, for the report.
        share: Its part of the time, relative to the others.
        run: Makes the check within about so many seconds; raises NotRunError or WrongResultError.
        least_s: With less time than this it is left out.
    """

    name: str
    title: str
    share: float
    run: Callable[[Settings, float, Recorder], None]
    least_s: float = 8.0


@dataclass
class Outcome:
    """What came of a check."""

    name: str
    title: str
    state: State = "left out"
    reason: str = "no time was left"
    seconds: float = 0.0
    figures: dict[str, Figure] = field(default_factory=dict)


def time_for(check: Check, left: Sequence[Check], remaining_s: float) -> float:
    """Return the seconds that a check gets: its share of what remains for it and those after it."""
    return remaining_s * check.share / sum(each.share for each in left)


def read_outcomes(path: Path, checks: Sequence[Check]) -> list[Outcome]:
    """Read what came of each check from the events; a torn last line is ignored."""
    outcomes = {check.name: Outcome(check.name, check.title) for check in checks}
    for event in read_events(path):
        outcome = outcomes[event["check"]]
        if event["event"] == "figure":
            outcome.figures[event["figure"]] = event["value"]
        elif event["event"] == "end":
            outcome.state, outcome.reason = event["state"], event["reason"]
            outcome.seconds = event["seconds"]
    return list(outcomes.values())


def read_events(path: Path) -> list[dict[str, Any]]:
    """Read the events so far."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]
