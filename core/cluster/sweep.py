"""More workers of a study, as tasks of Ray: each on whatever machine has a place for it.

A task runs the command that anyone may type on any machine to join a study. Which trial is whose is
decided in the study's folder, so that no two tasks take the same one.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.cluster.ray_train import connected
from core.project import TUNE_PARENT

# The one who conducts the study writes it first; that takes as long as torch takes to import.
_BEGIN_S = 600.0
# Workers notice by themselves that a study is full, or was stopped.
_GRACE_S = 120.0
_POLL_S = 0.5


@contextmanager
def ray_tasks(study: Path, count: int, *, cores: int = 1, device: str = "auto") -> Iterator[None]:
    """Let tasks of Ray work on a study for a block of code.

    Args:
        study: The study's folder, on storage that every machine of the cluster sees. They wait
            until the study is begun there.
        count: How many tasks.
        cores: Cores that each reserves.
        device: What they train on; each reserves a GPU where the cluster has any and this allows.

    Raises:
        ConfigError: Ray is not installed.
    """
    if not count:
        yield
        return
    with connected("--ray-workers"):
        import ray

        there = ray.cluster_resources()  # type: ignore[no-untyped-call]
        gpus = 1.0 if device in ("auto", "cuda") and there.get("GPU", 0.0) >= 1.0 else 0.0
        # A worker that was killed leaves its trial to another one; a new one would only be late.
        task = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=0)(join)
        tasks = [task.remote(str(study)) for _ in range(count)]
        try:
            yield
        finally:
            # What is left after that waits for a place that it never got.
            ray.wait(tasks, num_returns=len(tasks), timeout=_GRACE_S)
            for each in tasks:
                ray.cancel(each, force=True)


def join(study: str) -> int:
    """What a task does: be a worker of the study; returns the worker's exit code."""
    folder = Path(study)
    deadline = time.monotonic() + _BEGIN_S
    while not (folder / "study.json").is_file():
        if time.monotonic() >= deadline:
            return 1
        time.sleep(_POLL_S)
    log = folder / "workers" / f"ray-{platform.node()}-{os.getpid()}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as stream:
        return subprocess.run(
            [sys.executable, "-m", "core", "tune", "--study", study, "--worker"],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            # A worker ends with the process that started it, whatever ends that.
            env=os.environ | {TUNE_PARENT: str(os.getpid())},
            check=False,
        ).returncode
