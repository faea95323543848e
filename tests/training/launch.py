"""Start several processes as torchrun does, for tests."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.distributed import TCPStore

from core.training.run_folder import RunFolder
from tests.forked import Forks

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600.0

Ended = subprocess.CompletedProcess[str]


def torchrun(processes: int, *words: str | Path) -> Ended:
    """Run a script, or `-m -- MODULE`, in several processes and wait for their end."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return run([*launcher, "--nproc-per-node", str(processes), *map(str, words)])


def as_torchrun(forks: Forks, count: int, folder: Path, act: Callable[[], int | None]) -> Ended:
    """Call a function in several forks with the environment of torchrun; wait for their end.

    As there, the store in which they meet is kept by their starter. The output goes to `folder`.
    """
    # DistributedDataParallel loads the compiler, which no other job needs: once, here.
    importlib.import_module("torch._dynamo.config")
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    shared = {
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    outputs = [folder / f"rank-{rank}.out" for rank in range(count)]
    errors = [path.with_suffix(".err") for path in outputs]
    processes = []
    for rank, (output, error) in enumerate(zip(outputs, errors, strict=True)):
        environment = os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        with output.open("wb") as out, error.open("wb") as err:
            processes.append(forks.call(act, env=environment, stdout=out, stderr=err, cwd=PROJECT))
    try:
        codes = [process.wait(PATIENCE_S) for process in processes]
    finally:
        for process in processes:
            process.kill()
    said, told = ("".join(path.read_text() for path in paths) for paths in (outputs, errors))
    return Ended("torchrun", int(any(codes)), said, told)


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
