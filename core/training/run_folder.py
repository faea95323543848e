"""The run folder: every file of a run, written by training and read by app, queue and CLI.

`config.json`, `split.json`, `left_out.json` (photos that tags keep out of training),
`environment.json`, `events.jsonl` (append only, an `EpochReport` a line), `samples.jsonl` (see
`core.training.samples`), `log.txt`, `status.json` (a `RunStatus`), `tensorboard/`,
`checkpoints/best/`, `checkpoints/last/`, and a file `stop`, which is a stop request. No torch here:
light processes read lists of runs.
"""

import math
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import psutil
from pydantic import BaseModel, ConfigDict, Field

from core.amounts import percent
from core.errors import RunError
from core.files import (
    append_json_line,
    checked,
    read_json_lines,
    read_object,
    read_stored,
    refusing,
    sweep,
    write_json,
    write_text,
)
from core.locks import Lock, LockHeld, hold, is_held
from core.model.card import LeftOutCard
from core.options import different
from core.runs import CONFIG, best_of, last_of
from core.training.schema import TrainConfig, as_begun_with

LEFT_OUT = "left_out.json"
_REMEDY = "start the run anew"
EVENTS = "events.jsonl"
# Interval of heartbeats in seconds.
HEARTBEAT_S = 2.0
# The system counts the start of a process in hundredths of a second.
_TICK_S = 0.05
State = Literal["running", "finished", "cancelled", "failed"]
StageName = Literal["heads", "fine-tune"]


class RunStatus(BaseModel):
    """Content of `status.json`.

    Times are seconds since 1970. `host` tells whose process `pid` is, where several machines share
    a folder; `after_boot` are the seconds from the start of that machine to that of the process.
    `step` counts within the epoch, `epoch` over both stages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: State
    pid: int
    process_start: float
    after_boot: float | None = None
    host: str = ""
    heartbeat: float
    stage: str = "preparing"
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    message: str = ""


def own_status(state: State = "running") -> RunStatus:
    """The status of this very process."""
    return RunStatus(state=state, heartbeat=time.time(), **identity(psutil.Process()))


def identity(process: psutil.Process) -> dict[str, Any]:
    """What tells a process of this machine from every other one; see `RunStatus`."""
    start = process.create_time()
    return {
        "pid": process.pid,
        "process_start": start,
        "after_boot": round(start - psutil.boot_time(), 3),
        "host": platform.node(),
    }


def living_process(
    pid: int, process_start: float, after_boot: float | None = None
) -> psutil.Process | None:
    """Return the living process with this number and this start time, or None.

    A process id alone is no proof: ids are given again. The start time tells two apart. Linux
    reckons it from the clock of now, so that it moves when the clock is set; the time since the
    machine started does not, whereas other systems reckon that one from the clock. One that agrees
    is enough.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        start = process.create_time()
        since_boot = start - psutil.boot_time()
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        # A damaged status may name a number that no process can have.
        return None
    same = abs(start - process_start) < 1.0
    if after_boot is not None:
        same |= abs(since_boot - after_boot) < _TICK_S
    return process if same else None


@dataclass(frozen=True)
class TaskLosses:
    """Mean losses over the photos with the label: the weighted sum and each task's own.

    None for a task that the model does not learn.
    """

    total: float
    region: float | None
    position: float | None
    heading: float | None
    place: float | None = 0.0


@dataclass(frozen=True)
class Validation:
    """Figures of the raw predictions for the validation part, without known metadata.

    Those of a label that the model does not predict, or no validation photo has, are None.

    Attributes:
        loss: The multi-task loss.
        region_accuracy: Share of photos with the right region.
        median_m: Median position error in metres.
        mean_m: Mean position error in metres.
        maae_deg: Mean absolute angular error of the heading in degrees.
        score: Combined figure, less is better; see `core.training.fit`.
    """

    loss: float
    region_accuracy: float | None
    median_m: float | None
    mean_m: float | None
    maae_deg: float | None
    score: float

    def in_words(self) -> str:
        """The figures that there are, such as `region 91.2 %, median 4.1 m, heading 12.3°`."""
        parts = []
        if self.region_accuracy is not None:
            parts.append(f"region {percent(self.region_accuracy, 1)}")
        if self.median_m is not None:
            parts.append(f"median {self.median_m:.1f} m")
        if self.maae_deg is not None:
            parts.append(f"heading {self.maae_deg:.1f}°")
        return ", ".join(parts)


@dataclass(frozen=True)
class EpochReport:
    """One epoch.

    Attributes:
        stage: `heads` (frozen backbone) or `fine-tune`.
        epoch: From 1, over both stages.
        epochs: How many epochs were planned for both stages.
        step: Steps since the beginning of the run.
        lr: Learning rate of the heads at the epoch's end.
        train: Mean losses over the epoch's training steps.
        validation: Figures of the validation part after the epoch.
        best: Whether this epoch is the best so far.
        seconds: Duration of the epoch, validation included.
        photos_per_s: Training photos per second.
    """

    stage: StageName
    epoch: int
    epochs: int
    step: int
    lr: float
    train: TaskLosses
    validation: Validation
    best: bool
    seconds: float
    photos_per_s: float

    def __post_init__(self) -> None:
        """Reject figures that are no numbers: training went wrong before."""
        figures = [*asdict(self.train).values(), *asdict(self.validation).values()]
        if not all(figure is None or math.isfinite(figure) for figure in figures):
            raise ValueError(f"epoch {self.epoch}: a figure is not finite: {figures}")

    def to_json(self) -> dict[str, Any]:
        """As one line of `events.jsonl`."""
        return asdict(self)

    @classmethod
    def from_json(cls, event: dict[str, Any]) -> Self:
        """The report that `to_json` gave."""
        train, validation = TaskLosses(**event["train"]), Validation(**event["validation"])
        return cls(**(event | {"train": train, "validation": validation}))


class _Event(BaseModel):
    """What lists of runs read of a line of `events.jsonl`."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, strict=True)

    stage: str = ""
    epoch: int = Field(0, ge=0, le=10**9)
    epochs: int = Field(0, ge=0, le=10**9)
    best: bool = False
    seconds: float = Field(0.0, ge=0, le=10**9)
    train: dict[str, float | None] = {}
    validation: dict[str, float | None] = {}


@dataclass(frozen=True)
class StepReport:
    """One step: where the run is, for progress bars."""

    stage: StageName
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


class RunFolder(BaseModel):
    """Paths and files of one run."""

    model_config = ConfigDict(frozen=True)

    path: Path

    @property
    def best(self) -> Path:
        """Checkpoint of the best epoch."""
        return best_of(self.path)

    @property
    def last(self) -> Path:
        """Checkpoint of the last epoch, and what a resume needs."""
        return last_of(self.path)

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def log_path(self) -> Path:
        """The log, one line an event."""
        return self.path / "log.txt"

    def config(self) -> TrainConfig:
        """The options of the run.

        Raises:
            RunError: No run here, or its options are unreadable.
        """
        path = self.path / CONFIG
        content = read_object(path, _REMEDY)
        if content is None:
            raise RunError(
                f"{self.path} holds no run (no config.json): give the path of a run folder"
            )
        with refusing(path, _REMEDY):
            return TrainConfig.model_validate(as_begun_with(content))

    def write_config(self, config: TrainConfig) -> None:
        """Write the options."""
        write_json(self.path / CONFIG, config.model_dump(mode="json"))

    def status(self) -> RunStatus | None:
        """Return the status, or None if nothing is written yet."""
        return read_stored(self.path / "status.json", RunStatus, _REMEDY)

    def write_status(self, status: RunStatus) -> None:
        """Replace the status at once."""
        write_json(self.path / "status.json", status.model_dump(mode="json"))

    def left_out(self) -> LeftOutCard | None:
        """The photos that tags kept out of training when the run began; None if none did.

        Raises:
            RunError: The file is damaged.
        """
        remedy = f"restore it, or {_REMEDY}"
        return read_stored(self.path / LEFT_OUT, LeftOutCard, remedy)

    def read_json(self, name: str) -> dict[str, Any]:
        """Read `split.json` or `environment.json`; RunError if absent or damaged."""
        remedy = f"restore it, or {_REMEDY}"
        content = read_object(self.path / name, remedy)
        if content is None:
            raise RunError(f"{self.path / name} is missing: {remedy}")
        return content

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write `split.json` or `environment.json`."""
        write_json(self.path / name, value)

    def events(self) -> list[dict[str, Any]]:
        """All epochs so far, oldest first.

        Raises:
            RunError: A complete line is no epoch.
        """
        path = self.path / EVENTS
        events = read_json_lines(path)
        for event in events:
            checked(event, _Event, path, "delete the line that is damaged")
        return events

    def append_event(self, event: dict[str, Any]) -> None:
        """Append one epoch."""
        append_json_line(self.path / EVENTS, event)

    def log(self, text: str) -> None:
        """Append one line to the log, with the time."""
        now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
        with self.log_path.open("a", encoding="utf-8") as stream:
            stream.write(f"{now} {text}\n")

    @property
    def stop_requested(self) -> bool:
        """Whether there is a stop request."""
        return (self.path / "stop").exists()

    def request_stop(self) -> None:
        """Write a stop request; the run saves and stops at its next step."""
        write_text(self.path / "stop", "")

    def clear_stop(self) -> None:
        """Delete the stop request."""
        (self.path / "stop").unlink(missing_ok=True)

    def forget_stop(self, lock: Lock) -> None:
        """Forget requests from before a job begins, under the hold that it has on its folder.

        A starter that handed the hold on has forgotten them itself, and hears of later ones.
        """
        if not lock.handed:
            self.clear_stop()


@contextmanager
def opened_run(config: TrainConfig, resume: bool) -> Iterator[RunFolder]:
    """Lock the folder of a new or a resumed run while it is trained.

    Raises:
        LockHeld: Another process trains it.
        RunError: The folder holds something else, or there is no run to resume.
    """
    # Before the hold, which makes the folder.
    if resume:
        RunFolder(path=config.run).config()
    else:
        _check_empty(config.run)
    with hold(config.run) as lock:
        run = _existing_run(config) if resume else _new_run(config)
        run.forget_stop(lock)
        sweep(run.path)
        yield run


def _new_run(config: TrainConfig) -> RunFolder:
    run = RunFolder(path=config.run)
    _check_empty(run.path)
    run.write_config(config)
    return run


# What a run writes before its first checkpoint, and whoever launches it before that.
_BEFORE_TRAINING = frozenset(
    {
        "config.json",
        "environment.json",
        "exit.json",
        "job.json",
        "launch.json",
        "log.txt",
        "ray.json",
        "split.json",
        "status.json",
        "stop",
        "tensorboard",
    }
)


def check_free(path: Path) -> None:
    """Raise RunError unless a new run may be written into a folder.

    A folder is free if a run failed there before it saved anything, for instance because of a wrong
    path: the same command then works after the path is corrected.
    """
    _check_empty(path)
    if is_held(path):
        raise LockHeld(f"run {path} is in use by another process: choose another --run")


def _check_empty(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"{path} is a file: choose another --run")
    entries = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    if entries - _BEFORE_TRAINING:
        raise RunError(
            f"run folder {path} is not empty: choose another --run, continue that run with "
            "--resume, or delete the folder"
        )


def _existing_run(config: TrainConfig) -> RunFolder:
    run = RunFolder(path=config.run)
    changed = different(run.config(), config)
    if changed:
        raise RunError(
            f"run {run.path} was begun with other options ({', '.join(changed)}): resume "
            "it with its own, or begin a new run"
        )
    status = run.status()
    if status is not None and status.state == "finished":
        raise RunError(f"run {run.path} is finished: there is nothing to resume")
    return run
