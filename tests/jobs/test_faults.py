"""Whatever is killed at whatever moment, every run ends as if nothing had happened."""

import json
import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core.errors import RunError
from core.jobs.queue import QUEUE, cancel, enqueue, queue_of, requeue, stop
from core.jobs.runner import RUNNER_LOG, ensure_runner
from core.jobs.state import ACTIVE, log_tail, read_events, run_state
from core.jobs.summary import list_runs
from core.locks import is_held
from core.model.schema import ModelConfig
from core.training.run_folder import RunFolder
from core.training.schema import Stage2Config, TrainConfig
from tests.forked import Forks

PATIENCE_S = 600.0
KILLS = 12
EPOCHS = 30


def serve(root: Path) -> None:
    """Do what an app does while somebody looks: requeue lost runs, see that a runner works."""
    while True:
        for run in list_runs(root):
            if run.state in ("lost", "failed", "damaged", "cancelled"):
                with (root / "told.txt").open("a") as told:
                    told.write(f"{run.state}: {run.message}\n")
                try:
                    requeue(run.path)
                except RunError as error:
                    print(error, flush=True)
        ensure_runner(root)
        time.sleep(0.3)


class Stage:
    """A folder of runs with a server, a runner and a trainer, and what was seen of them."""

    def __init__(self, root: Path, dataset: Path, forks: Forks) -> None:
        self.root, self.dataset, self.forks = root, dataset, forks
        self.server: subprocess.Popen[bytes] | None = None
        self.runs: list[Path] = []

    def add(self, name: str) -> Path:
        """Queue a run; all of them have the same options, so they end in the same bits."""
        config = TrainConfig(
            dataset=self.dataset,
            run=self.root / name,
            model=ModelConfig(
                backbone="test_resnet", weights="random", input_size=32, place_anchors=0
            ),
            stage2=Stage2Config(epochs=EPOCHS),
            batch_size=16,
            gallery_points=0,
            patience=0,
            threads=1,
            workers=0,
            device="cpu",
        )
        self.runs.append(enqueue(config))
        return self.runs[-1]

    def serve(self) -> None:
        """Start the server where it does not run."""
        if self.server is None or self.server.poll() is not None:
            self.server = self.forks.call(lambda: serve(self.root), start_new_session=True)

    def kill(self, victim: str) -> bool:
        """Kill one of the three; False where there is none to kill."""
        if victim == "server":
            assert self.server is not None
            self.server.kill()
            self.server.wait()
            return True
        for process in self.living("queue" if victim == "runner" else "train")[:1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
                return True
        return False

    def living(self, command: str) -> list[psutil.Process]:
        """Living processes of a command; a runner that finds another at work lives briefly."""
        return [each for each, words in self.forks.living().items() if words[:1] == [command]]

    def wait(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, watching that there is never more than one trainer."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            at_work = self.living("train")
            assert len(at_work) <= 1, f"two at once on one processor: {at_work}"
            if done():
                return
            assert time.monotonic() < deadline, self.story()
            # Looking costs time too, which the trainers need.
            time.sleep(0.2)

    def nap(self, seconds: float) -> None:
        """Let some time pass."""
        time.sleep(seconds)
        self.wait(lambda: True)

    def unfinished(self) -> list[Path]:
        """Runs that have not finished yet."""
        return [run for run in self.runs if run_state(run).state != "finished"]

    def story(self) -> str:
        """What the logs say."""
        logs = [path for path in self.root.rglob("*") if path.name in ("log.txt", RUNNER_LOG)]
        return "\n".join(f"{path}:\n{path.read_text()[-1500:]}" for path in logs)


@pytest.fixture
def stage(shared_campus: Path, tmp_path: Path, forks: Forks) -> Iterator[Stage]:
    made = Stage(tmp_path / "runs", shared_campus, forks)
    yield made
    if made.server is not None:
        made.kill("server")
    for waiting in queue_of(made.root):
        cancel(waiting.path)
    for run in list_runs(made.root):
        stop(run.path, grace_s=0, term_s=5)


def weights(run: Path) -> dict[str, bytes]:
    """Everything that was learnt: both checkpoints and the gallery."""
    found = sorted((run / "checkpoints").rglob("*.safetensors"))
    assert found
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in found
        if not path.name.startswith("state-")
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_dozen_kills_change_nothing(stage: Stage) -> None:
    seed = int(os.environ.get("BEARINGS_FAULT_SEED", random.SystemRandom().randrange(10**6)))
    print(f"BEARINGS_FAULT_SEED={seed}")
    dice = random.Random(seed)
    calm = stage.add("calm")
    ensure_runner(stage.root)
    stage.wait(lambda: run_state(calm).state not in {"queued", *ACTIVE})
    assert run_state(calm).state == "finished", log_tail(calm)

    # Each as often: which of them is next, and when, is chance.
    victims = ["runner", "trainer", "server"] * (KILLS // 3)
    dice.shuffle(victims)
    planned = " ".join(victims)
    runs = [stage.add(f"run-{number}") for number in range(2)]
    while victims:
        stage.serve()
        if len(stage.unfinished()) < 2:
            # A fast machine: there must be something left to kill.
            runs.append(stage.add(f"run-{len(runs)}"))
        victim = victims[-1]
        if victim == "trainer" and dice.random() < 0.6:
            # At work, not still loading its packages, which takes most of the time.
            stage.wait(lambda: any(run_state(run).state == "running" for run in runs))
        stage.nap(dice.uniform(0.0, 1.2))
        if stage.kill(victim):
            victims.pop()

    stage.serve()
    stage.wait(lambda: not stage.unfinished())
    stage.kill("server")
    stage.wait(lambda: not is_held(stage.root / QUEUE) and not stage.living("queue"))
    assert not stage.living("train")
    told = (stage.root / "told.txt").read_text().splitlines()
    starts = {run.name: check_run(run, calm) for run in runs}
    print(f"killed, the last first: {planned}\nstarts {starts}\n" + "\n".join(told))
    again = sum(RunFolder(path=run).log_path.read_text().count("starts it again") for run in runs)
    # Nothing starts that was not queued, put back after it was told lost, or taken up by a runner.
    assert sum(starts.values()) <= len(runs) + len(told) + again
    assert all(re.fullmatch(r"lost: .*(gone|killed|wrote no status).*", line) for line in told)
    check_files(stage.root)


def check_run(run: Path, calm: Path) -> int:
    """Check that a run ended as the undisturbed one did, by one trainer at a time."""
    assert run_state(run).state == "finished", log_tail(run)
    assert weights(run) == weights(calm)
    assert [event["epoch"] for event in read_events(run)] == list(range(1, EPOCHS + 1))
    log = RunFolder(path=run).log_path.read_text()
    assert "in use by another process" not in log
    starts = log.count("started by the queue")
    assert log.count("training begins") >= 1
    assert log.count("training begins") + log.count("training goes on") <= starts
    return starts


def check_files(root: Path) -> None:
    """Check that no kill left half a file, and nothing lies about."""
    for path in root.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    leftover = [path for path in root.rglob(".*") if path.name not in (QUEUE, ".lock")]
    assert leftover == []
