"""Trials that run at the same time have a GPU each, whoever started the search."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.__main__ import main
from core.jobs.job import read_job
from core.jobs.runner import Runner
from core.training.interrupt import TrainingInterrupted
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.study import conduct

TinyStudy = Callable[..., TuneConfig]
PATIENCE_S = 300.0


@pytest.fixture
def all_at_once(
    monkeypatch: pytest.MonkeyPatch, shown_gpus: dict[str, str | None]
) -> Callable[[TuneConfig], dict[str, str | None]]:
    """Conducts a study until so many trials run as it allows; returns which GPU each was shown."""
    monkeypatch.setattr("core.jobs.conductor._GRACE_S", 0.1)
    monkeypatch.setattr("core.tuning.study._POLL_S", 0.05)

    def stop(config: TuneConfig) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while len(shown_gpus) < config.workers and time.monotonic() < deadline:
            time.sleep(0.05)
        StudyFolder.of(config).job.request_stop()

    def run(config: TuneConfig) -> dict[str, str | None]:
        shown_gpus.clear()
        threading.Thread(target=stop, args=(config,), daemon=True).start()
        with pytest.raises(TrainingInterrupted):
            list(conduct(config))
        return dict(shown_gpus)

    return run


@pytest.mark.parametrize(
    ("gpus", "workers", "shown"),
    [(4, 4, ["0", "1", "2", "3"]), (2, 3, ["0", "1", "0"]), (1, 2, ["0", "0"])],
)
def test_each_of_the_trials_has_a_gpu_of_its_own(
    tiny_study: TinyStudy,
    tmp_path: Path,
    driver: Callable[..., None],
    all_at_once: Callable[[TuneConfig], dict[str, str | None]],
    gpus: int,
    workers: int,
    shown: list[str],
) -> None:
    driver(gpus)
    config = tiny_study(tmp_path / "s", trials=9, workers=workers, train={"device": "auto"})
    found = all_at_once(config)
    assert [found[name] for name in sorted(found)] == shown


def test_a_search_that_the_queue_started_has_its_gpus_too(
    tiny_study: TinyStudy,
    tmp_path: Path,
    driver: Callable[..., None],
    all_at_once: Callable[[TuneConfig], dict[str, str | None]],
    shown_gpus: dict[str, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.cli.queueing.ensure_runner", lambda root: None)
    driver(4)
    config = tiny_study(tmp_path / "runs" / "s", workers=4, trials=9, train={"device": "auto"})
    options = tmp_path / "options.json"
    options.write_text(config.model_dump_json())
    assert main(["tune", "--config", str(options), "--queue"]) == 0
    job = read_job(config.study)
    assert job is not None
    assert job.slots == 4
    runner = Runner(config.study.parent)
    runner.step()
    assert shown_gpus == {"s": "0,1,2,3"}
    # What the queue told the search is what the search sees.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", str(shown_gpus["s"]))
    runner.started[config.study][0].communicate()
    found = all_at_once(config)
    assert [found[name] for name in sorted(found)] == ["0", "1", "2", "3"]
