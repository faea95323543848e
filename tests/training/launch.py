"""Start several processes as torchrun does, for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.training.run_folder import RunFolder

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600.0

Ended = subprocess.CompletedProcess[str]


def torchrun(processes: int, *words: str | Path) -> Ended:
    """Run a script, or `-m -- MODULE`, in several processes and wait for their end."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return run([*launcher, "--nproc-per-node", str(processes), *map(str, words)])


def run(command: list[str]) -> Ended:
    """Run a command in the project with one thread a process."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def ending(folder: Path) -> dict[str, Any]:
    """Everything that two equal runs share: files by content, reports less the clock."""
    run = RunFolder(path=folder)
    events = run.events()
    for event in events:
        del event["seconds"], event["photos_per_s"]
    read = {
        "last": json.loads((run.last / "card.json").read_text())["weights"],
        "best": json.loads((run.best / "card.json").read_text()),
        "gallery": json.loads((run.best / "gallery.json").read_text())["sha256"],
        "state": json.loads((run.last / "state.json").read_text())["tensors"],
        "events": events,
    }
    del read["best"]["created"]
    return read
