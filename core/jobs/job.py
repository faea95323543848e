"""A job: a command line, its options, and its state in the queue.

`job.json` holds what the queue knows of a job, with the process that it started and how that ended.
It is written when a job is queued, started, collected or cancelled, always under the lock of the
job's folder (`core.locks`). The running job writes its own `status.json`.
"""

import platform
import time
from pathlib import Path
from typing import Any, Literal, Self

import psutil
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.files import read_stored, write_json
from core.runs import JOB
from core.system import SYSTEM
from core.training.run_folder import RunFolder, RunStatus, identity, living_process
from core.training.schema import TrainConfig

LOCAL = "local"
# The end of the year 9999: no calendar shows a later time.
_LATEST = 253402300799.0
Kind = Literal["train", "crossval", "tune"]
Standing = Literal["queued", "started", "cancelled"]


class Start(BaseModel):
    """The last start of a job by a queue; times are seconds since 1970.

    Attributes:
        at: When.
        slots: The devices that it was given: cpu, mps, cuda:0, ...; none for a job that runs on a
            cluster or leaves all computing to jobs of its own.
        pid: Number of its process; None until the process is started.
        process_start: Start time of that process: numbers are given again.
        after_boot: Seconds from the start of the machine to that of the process, which stay the
            same when the clock is set.
        host: Machine that the process runs on.
        code: Exit code of the process, as Python gives it (on Linux and macOS negative for the
            signal that ended it); None if it runs, or if no queue saw its end.
        ended: When that end was seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float = Field(default_factory=time.time)
    slots: tuple[str, ...] = ()
    pid: int | None = None
    process_start: float = 0.0
    after_boot: float | None = None
    host: str = ""
    code: int | None = None
    ended: float | None = None

    def as_process(self, pid: int) -> Self:
        """The same start, with the process that came of it."""
        return self.model_copy(update=identity(psutil.Process(pid)))

    @property
    def end(self) -> str:
        """How its process ended, in words."""
        assert self.code is not None
        return SYSTEM.killed(self.code) or f"ended with exit code {self.code}"

    @property
    def killed(self) -> bool:
        """Whether something outside the process ended it."""
        return self.code is not None and SYSTEM.killed(self.code) is not None


class Job(BaseModel):
    """Content of `job.json`; times are seconds since 1970.

    Attributes:
        kind: The command.
        arguments: What follows `python -m core`, without the options.
        options: Given to the command as `--config -`; none if the arguments are complete.
        again: What follows `python -m core` once the job has begun before; none: the same as at
            first, options included.
        state: In the queue.
        order: The lower, the earlier; equal ones by `created`, then by name.
        created: When it was queued, or queued again.
        heard: Heartbeat of the status that was in the folder at its last change of state: that
            status is from an earlier start.
        device: That it needs: auto, cpu, cuda or mps.
        slots: How many devices it can use at once; fewer if the machine has fewer. 0: it computes
            nothing itself, and starts without waiting for a device.
        start: Its last start by a queue; none before the first.
        restarts: How many times in a row a queue has queued it again by itself because it was lost;
            0 again once a user does.
        on: `local`, or the address of the cluster that runs it.
        wishes: Resources to reserve on a cluster: `cpus`, `gpus`; see `core.cluster`.
        cwd: Folder that relative paths among the options start from.
        origin: Folder of the run whose options it began with; empty if it began with none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    arguments: tuple[str, ...] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    again: tuple[str, ...] = ()
    state: Standing = "queued"
    order: float = 0.0
    created: float = Field(default_factory=time.time, ge=0, le=_LATEST)
    heard: float | None = None
    device: str = "auto"
    slots: int = Field(1, ge=0)
    start: Start | None = None
    restarts: int = Field(0, ge=0)
    on: str = LOCAL
    wishes: dict[str, float | bool] = Field(default_factory=dict)
    cwd: Path = Field(default_factory=Path.cwd)
    origin: str = ""

    @model_validator(mode="before")
    @classmethod
    def _as_earlier_versions_wrote(cls, values: Any) -> Any:  # noqa: ANN401 - whatever was written
        """Earlier versions wrote the start as `started` and `slot`, its process elsewhere."""
        if not isinstance(values, dict) or not {"started", "slot"} & set(values):
            return values
        values = dict(values)
        at, slot = values.pop("started", None), values.pop("slot", None)
        if at is not None:
            values["start"] = {"at": at, "slots": [] if slot is None else [slot]}
        return values

    @classmethod
    def training(cls, config: TrainConfig, on: str = LOCAL, origin: Path | None = None) -> Self:
        """The job of a training run; `config` names its folder and data set absolutely."""
        return cls(
            kind="train",
            arguments=("train",),
            options=config.model_dump(mode="json"),
            again=("train", "--run", str(config.run), "--resume"),
            device=config.device,
            on=on,
            origin="" if origin is None else str(origin),
        )

    @property
    def is_local(self) -> bool:
        """Whether this machine runs it."""
        return self.on == LOCAL

    @property
    def slot(self) -> str | None:
        """Its devices, such as `cuda:0` or `cuda:0,cuda:1`; None while it waits."""
        at_work = self.start is not None and self.state == "started"
        return (",".join(self.start.slots) or None) if self.start and at_work else None

    def command(self, folder: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
        """What to run now, after `python -m core`, and the options to pipe in.

        Args:
            folder: The job's folder. A job that has a status resumes; a training run without a
                checkpoint begins again, as its options may have changed.
        """
        begun = (folder / ("checkpoints" if self.kind == "train" else "status.json")).exists()
        if self.again and begun:
            return self.again, {}
        return self.arguments, self.options

    def write(self, folder: Path) -> None:
        """Replace the job of a folder; the caller holds the folder."""
        write_json(folder / JOB, self.model_dump(mode="json"))


def read_job(folder: Path) -> Job | None:
    """Read the job of a folder; None for one that never was in a queue.

    Raises:
        RunError: The file is damaged.
    """
    return read_stored(folder / JOB, Job)


def moved_on(job: Job, folder: Path, state: Standing, **changes: object) -> Job:
    """The job in another state, with the heartbeat of the status from before."""
    status = RunFolder(path=folder).status()
    heard = None if status is None else status.heartbeat
    return job.model_copy(update={"state": state, "heard": heard, **changes})


def own_process(written: Start | RunStatus | None) -> psutil.Process | None:
    """The process that a start or a status names, if it lives on this machine; else None."""
    if written is None or written.pid is None or written.host not in ("", platform.node()):
        return None
    return living_process(written.pid, written.process_start, written.after_boot)
