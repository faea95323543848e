"""What was submitted to which cluster, written before it is submitted: no job runs twice."""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import ConfigError, RunError
from core.files import read_stored, write_json
from core.locks import is_handed

RAY = "ray.json"
# Written by earlier versions, which could bring a folder back from a cluster.
_REMOVED = frozenset({"bring_back", "place", "node", "host", "versions", "brought"})


class RayRecord(BaseModel):
    """Content of `ray.json` in a job's folder; times are seconds since 1970.

    Attributes:
        address: The cluster, as the user named it.
        submission_id: Chosen here; a cluster accepts each id only once.
        made: When this was written first.
        heard: Heartbeat of the status that was in the folder then, which is from earlier work.
        submitted: Whether the cluster is known to have accepted the id. Before that, the follower
            submits an id that the cluster does not know; after that, the cluster has lost the job.
        cpus: Cores to reserve for the command; None: one, or one a worker of a search.
        gpus: GPUs to reserve; None: the same, as far as a machine has any and the job may use them.
        git: Commit of the code that was sent, and whether it was changed since.
        log_read: Characters of the job's log that the follower has copied.
        ended: Ray's final state; None while the job is not known to have ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    submission_id: str
    made: float = Field(default_factory=time.time)
    heard: float | None = None
    submitted: bool = False
    cpus: float | None = Field(None, ge=0)
    gpus: float | None = Field(None, ge=0)
    git: dict[str, Any] = Field(default_factory=dict)
    log_read: int = 0
    ended: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_version(cls, stored: object) -> object:
        """Drop what earlier versions stored to bring folders back from a cluster."""
        if not isinstance(stored, dict):
            return stored
        if stored.get("place") is not None and stored.get("ended") is None:
            raise ValueError(
                f"an earlier version runs this job in {stored['place']} on {stored.get('host')}; "
                "copy that folder here when the job has ended"
            )
        return {name: value for name, value in stored.items() if name not in _REMOVED}

    @classmethod
    def new(cls, address: str, resources: Mapping[str, Any]) -> Self:
        """Return the record of a submission that is about to be made, with a fresh id.

        Args:
            address: As `check_address` returns it.
            resources: `cpus` and `gpus` to reserve, if the user set them.

        Raises:
            ConfigError: The resources are not valid.
        """
        submission_id = f"bearings-{secrets.token_hex(8)}"
        try:
            return cls.model_validate(
                {"address": address, "submission_id": submission_id, **resources}
            )
        except ValidationError as error:
            raise ConfigError(f"{address} cannot reserve {dict(resources)}: {error}") from error

    def changed(self, folder: Path, **changes: object) -> "RayRecord":
        """Write and return the record with some fields changed."""
        record = self.model_copy(update=changes)
        record.write(folder)
        return record

    def write(self, folder: Path) -> None:
        """Replace the record in a job's folder."""
        write_json(folder / RAY, self.model_dump(mode="json"))

    @property
    def open(self) -> bool:
        """Whether the cluster may still work on the job."""
        return self.ended is None


def read_ray(folder: Path) -> RayRecord | None:
    """Return the record of a job's latest submission; None if it was never submitted.

    Raises:
        RunError: The record is damaged, or an earlier version works on the job elsewhere.
    """
    return read_stored(folder / RAY, RayRecord, "check what runs on the cluster, then delete it")


def refuse_if_elsewhere(folder: Path) -> None:
    """Raise RunError if a cluster may be working on the folder and nothing here follows it.

    The lock of a folder belongs to this side, and a killed follower leaves its job at work. The
    job itself learns from its environment that the folder is held for it.
    """
    record = read_ray(folder)
    if record is not None and record.submitted and record.open and not is_handed(folder):
        raise RunError(
            f"{folder} is being worked on by {record.address} as {record.submission_id}: continue "
            f"with `python -m core follow {folder}`, or stop it there and delete {folder / RAY}"
        )
