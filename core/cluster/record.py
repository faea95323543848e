"""What was submitted to which cluster, written before it is submitted: no job runs twice."""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import ConfigError, RunError
from core.files import read_stored, write_json
from core.locks import is_handed

RAY = "ray.json"


class RayRecord(BaseModel):
    """Content of `ray.json` in a job's folder; times are seconds since 1970.

    Attributes:
        address: The cluster, as the user named it.
        submission_id: Chosen here: a cluster takes a number only once.
        made: When this was written first.
        heard: Heartbeat of the status that lay in the folder then, and is not of this submission.
        submitted: Whether the cluster is known to have taken it. Before that, a cluster that knows
            nothing of the number is given it; after that, such a cluster has lost the job.
        cpus: Cores to reserve for the command; none: one.
        gpus: GPUs to reserve; none: one where the cluster has any and the job may use it.
        bring_back: Work in a folder of the cluster's even where it sees this one.
        place: That folder, where the command works in one; none: it writes this folder itself.
        node: Number of the machine of the cluster that the command ran on.
        host: That machine's name, as it says itself.
        versions: Python, Ray and torch over there.
        git: Commit of the code that was sent, and whether it was changed since.
        log_read: Characters of the job's log that were taken over.
        ended: What the cluster said at its end; none while it is not known to have ended.
        brought: Whether the folder came back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    submission_id: str
    made: float = Field(default_factory=time.time)
    heard: float | None = None
    submitted: bool = False
    cpus: float | None = Field(None, ge=0)
    gpus: float | None = Field(None, ge=0)
    bring_back: bool = False
    place: str | None = None
    node: str | None = None
    host: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    git: dict[str, Any] = Field(default_factory=dict)
    log_read: int = 0
    ended: str | None = None
    brought: bool = False

    @classmethod
    def new(cls, address: str, wishes: Mapping[str, Any]) -> Self:
        """A job that is about to be submitted, under a number that nobody else has.

        Raises:
            ConfigError: The cluster is asked for what it cannot be asked for.
        """
        number = f"bearings-{secrets.token_hex(8)}"
        try:
            return cls.model_validate({"address": address, "submission_id": number, **wishes})
        except ValidationError as error:
            raise ConfigError(f"{address} cannot be asked for {dict(wishes)}: {error}") from error

    def changed(self, folder: Path, **changes: object) -> "RayRecord":
        """Write and return the record with some fields changed."""
        record = self.model_copy(update=changes)
        record.write(folder)
        return record

    def write(self, folder: Path) -> None:
        """Replace the record of a job."""
        write_json(folder / RAY, self.model_dump(mode="json"))

    @property
    def open(self) -> bool:
        """Whether the cluster may be at work on it."""
        return self.ended is None


def read_ray(folder: Path) -> RayRecord | None:
    """Read what was submitted for a job; None where nothing was.

    Raises:
        RunError: The record is damaged.
    """
    return read_stored(folder / RAY, RayRecord, "delete it, and see what runs there")


def refuse_if_elsewhere(folder: Path) -> None:
    """Raise RunError where a cluster may be at work on the folder and nobody follows it.

    The lock of a folder is this side's; a follower that was killed leaves a job at work. That job
    itself is told by its environment that the folder is its own.
    """
    record = read_ray(folder)
    if record is not None and record.submitted and record.open and not is_handed(folder):
        raise RunError(
            f"{folder} is being worked on by {record.address} as {record.submission_id}: go on "
            f"following it with `python -m core follow {folder}`, or stop it there and delete "
            f"{folder / RAY}"
        )
