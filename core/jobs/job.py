"""What a job is: a command line, its options, and how far the queue has got with it.

`job.json` is written by those who queue, start and cancel, always under the hold on the job's
folder (`core.locks`). What the job says of itself while it works stands in `status.json`.
"""

import time
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from core.files import read_stored, write_json
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

JOB = "job.json"
LOCAL = "local"
Kind = Literal["train", "crossval", "tune"]
Standing = Literal["queued", "started", "cancelled"]


class Job(BaseModel):
    """Content of `job.json`; times are seconds since 1970.

    Attributes:
        kind: The command.
        arguments: What follows `python -m core`, without the options.
        options: Given to the command as `--config -`; none where the arguments say everything.
        again: What follows `python -m core` once the job has begun before; none: the same as at
            first, options included.
        state: How far the queue has got with it.
        order: The lower, the earlier; equal ones by `created`, then by name.
        created: When it was put into the queue, or put back.
        started: When it was started last.
        heard: Heartbeat of the status that lay in the folder at that time, and is not of this
            start.
        device: What it asks for: auto, cpu, cuda or mps.
        slot: Where it was started: cpu, mps, cuda:0, ...; none for one that runs elsewhere.
        on: `local`, or the address of the cluster that runs it.
        wishes: What it asks of a cluster: `cpus`, `gpus`, `bring_back`; see `core.cluster`.
        cwd: Folder that relative paths among the options start from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    arguments: tuple[str, ...] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    again: tuple[str, ...] = ()
    state: Standing = "queued"
    order: float = 0.0
    created: float = Field(default_factory=time.time)
    started: float | None = None
    heard: float | None = None
    device: str = "auto"
    slot: str | None = None
    on: str = LOCAL
    wishes: dict[str, float | bool] = Field(default_factory=dict)
    cwd: Path = Field(default_factory=Path.cwd)

    @classmethod
    def training(cls, config: TrainConfig, on: str = LOCAL) -> Self:
        """The job of a training run; `config` names its folder and data set absolutely."""
        return cls(
            kind="train",
            arguments=("train",),
            options=config.model_dump(mode="json"),
            again=("train", "--run", str(config.run), "--resume"),
            device=config.device,
            on=on,
        )

    @property
    def is_local(self) -> bool:
        """Whether this machine computes it, and so has a place to give it."""
        return self.on == LOCAL

    def command(self, folder: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
        """What to run now, after `python -m core`, and the options to pipe in.

        Args:
            folder: The job's folder: one that has spoken before goes on instead of beginning; a
                training run that saved nothing yet begins anew, as its options may be others now.
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
    """The job in another state; remembers which status lies there from before."""
    status = RunFolder(path=folder).status()
    heard = None if status is None else status.heartbeat
    return job.model_copy(update={"state": state, "heard": heard, **changes})
