"""Entry point on the cluster: `python -m core.cluster.remote` runs the submitted command there.

The command replaces this process and writes into the job's folder, which lies on storage that both
sides see. What keeps the command from running is checked first and reported in one line.
"""

import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.cluster.record import read_ray
from core.errors import RunError
from core.files import read_object
from core.locks import held_elsewhere
from core.project import CLUSTER_TASK


class RemoteCommand(BaseModel):
    """The command that the cluster runs; passed in the environment as JSON.

    Attributes:
        folder: The job's folder, under the same path on both sides.
        submission_id: Id of the submission; also stored in the folder's `ray.json`.
        arguments: What follows `python -m core`.
        options: Passed on standard input as `--config -`; empty: no such flag.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    submission_id: str
    arguments: tuple[str, ...]
    options: dict[str, Any]


def main() -> int:
    """Run the command of the environment in place of this process; returns 1 if it cannot run."""
    command = RemoteCommand.model_validate_json(os.environ.pop(CLUSTER_TASK))
    try:
        obstacle = _obstacle(command)
    except RunError as error:
        obstacle = str(error)
    if obstacle is not None:
        sys.stderr.write(f"error: {obstacle}\n")
        return 1
    os.environ.update(held_elsewhere(Path(command.folder)))
    os.dup2(_options_descriptor(command), 0)
    piped = ["--config", "-"] if command.options else []
    os.execv(sys.executable, [sys.executable, "-m", "core", *command.arguments, *piped])


def _obstacle(command: RemoteCommand) -> str | None:
    """Why the command cannot run on this machine; None if it can."""
    here = f"{platform.node()}, a machine of the cluster"
    if not _sees_folder(command):
        return (
            f"{command.folder} is not the job's folder on {here}: put the folder on storage that "
            "this side and every machine of the cluster see under one path, such as NFS"
        )
    dataset = _dataset(command)
    if dataset is not None and not Path(dataset).exists():
        return (
            f"{dataset} does not exist on {here}: put the dataset on storage that the cluster sees "
            "under this path, or give the path that it has there"
        )
    return None


def _sees_folder(command: RemoteCommand) -> bool:
    """Whether the job's folder is visible here; another folder of the same name does not count."""
    try:
        record = read_ray(Path(command.folder))
    except RunError:
        return False
    return record is not None and record.submission_id == command.submission_id


def _dataset(command: RemoteCommand) -> str | None:
    """The dataset path of the options, or of the stored configuration of a resumed run."""
    options = command.options or read_object(Path(command.folder) / "config.json") or {}
    # The dataset of a study is an option of its runs.
    dataset = options.get("dataset", options.get("train", {}).get("dataset"))
    return None if dataset is None else str(dataset)


def _options_descriptor(command: RemoteCommand) -> int:
    with tempfile.TemporaryFile() as stream:
        stream.write(json.dumps(command.options).encode())
        stream.seek(0)
        return os.dup(stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
