"""The side of the cluster: `python -m core.cluster.job` runs there what was submitted.

Where the cluster sees the job's folder, the command takes this process's place and writes there.
Where it does not, the command works in a folder of its own, what it says is relayed through the log
while it runs, and the follower brings the folder back at the end.
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from core.cluster.code import CARRIED
from core.cluster.relay import Relay
from core.cluster.task import Task, marked
from core.locks import held_elsewhere
from core.project import CLUSTER_TASK

_POLL_S = 1.0
_MISTAKE = 1


def main() -> int:
    """Run the task in the environment and return the command's exit code."""
    task = Task.model_validate_json(os.environ.pop(CLUSTER_TASK))
    shared = not task.bring_back and _sees_folder(task)
    place = None if shared else place_of(task.submission_id)
    _say(marked(_introduction(place)))
    mistake = _mistake(task, shared)
    if mistake is not None:
        _say(f"error: {mistake}\n")
        return _MISTAKE
    if place is None:
        os.environ.update(held_elsewhere(Path(task.folder)))
        os.dup2(_options(task), 0)
        os.execv(sys.executable, _command(task))
    return _run_apart(task, place)


def place_of(submission_id: str) -> Path:
    """The folder that a job works in which does not see its own."""
    return Path(tempfile.gettempdir()) / "bearings" / submission_id


def _sees_folder(task: Task) -> bool:
    """Whether the job's folder is here too, and not another one of the same name."""
    try:
        found = json.loads((Path(task.folder) / "ray.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found.get("submission_id") == task.submission_id)


def _introduction(place: Path | None) -> dict[str, object]:
    versions = {name: version(name) for name in ("ray", "torch")}
    return {
        "place": None if place is None else str(place),
        "host": platform.node(),
        "versions": {"python": platform.python_version(), **versions},
    }


def _mistake(task: Task, shared: bool) -> str | None:
    """What keeps the command from working here, if anything does."""
    here = f"{platform.node()}, a machine of the cluster"
    if task.goes_on and not shared and not task.carried:
        return (
            f"{task.folder}, which is to be gone on with, does not exist on {here}: put it on "
            "storage that both sides see, or add --bring-back, which takes it along"
        )
    missing = _missing_dataset(task)
    if missing is not None:
        return (
            f"{missing} does not exist on {here}: put the dataset on storage that the cluster sees "
            "under this path, or give the path that it has there"
        )
    return None


def _missing_dataset(task: Task) -> str | None:
    """The dataset of the options, or of those that the run was begun with, if it is not here."""
    options = task.options
    begun = Path(CARRIED if task.carried else task.folder) / "config.json"
    if not options and begun.is_file():
        options = json.loads(begun.read_text(encoding="utf-8"))
    # A study's is among the options of its runs.
    dataset = options.get("dataset", options.get("train", {}).get("dataset"))
    return None if dataset is None or Path(dataset).exists() else str(dataset)


def _command(task: Task) -> list[str]:
    piped = ["--config", "-"] if task.options else []
    return [sys.executable, "-m", "core", *task.arguments, *piped]


def _options(task: Task) -> int:
    """A descriptor to read the options from."""
    with tempfile.TemporaryFile() as stream:
        stream.write(json.dumps(task.options).encode())
        stream.seek(0)
        return os.dup(stream.fileno())


def _run_apart(task: Task, place: Path) -> int:
    """Run the command in a folder of the cluster's, and relay what it writes there."""
    _make_place(task, place)
    told: list[int] = []
    # Handled, not ignored: what is ignored stays ignored in the command, before it can listen.
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    moved = task.moved(place)
    process = subprocess.Popen(_command(moved), stdin=_options(moved))
    if told:
        process.terminate()
    relay = Relay(place, _say)
    while process.poll() is None:
        relay.tell()
        time.sleep(_POLL_S)
    relay.tell()
    return 128 - process.returncode if process.returncode < 0 else process.returncode


def _make_place(task: Task, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if task.carried:
        shutil.copytree(CARRIED, place)
    else:
        place.mkdir(mode=0o700)


def _say(text: str) -> None:
    """Write to the log at once, in one piece."""
    os.write(1, text.encode())


if __name__ == "__main__":
    sys.exit(main())
