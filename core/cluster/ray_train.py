"""Train with `fit` on several workers by Ray Train: on one machine, or on those of a cluster.

Ray starts the workers and makes torch's process group; `fit` shares the work among its processes,
and the first of them writes the run folder. This process waits, reports epochs, and passes a stop
request on.
"""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.cluster.client import INSTALL
from core.errors import ConfigError, RunError
from core.locks import held_elsewhere, hold
from core.project import RAY_WORKERS, python_path
from core.training.interrupt import Interruption, TrainingInterrupted
from core.training.run_folder import EpochReport, RunFolder
from core.training.schema import TrainConfig

_POLL_S = 0.5
_OWN = ".ray-train"


def train_on_workers(config: TrainConfig, resume: bool, workers: int) -> Iterator[EpochReport]:
    """Train on several workers of the cluster that this process belongs to, else of this machine.

    Args:
        config: Every option; the batch size is that of all workers together. Run and dataset must
            lie where all workers see them.
        resume: Continue the run in `config.run`.
        workers: How many; each takes a GPU if Ray has enough and the options allow it.

    Yields:
        Every epoch, after it was validated and saved.

    Raises:
        ConfigError: Ray is missing, or this machine has too little for so many workers.
        RunError: A worker failed; the message is its own.
        TrainingInterrupted: There was a stop request; the run is saved.
    """
    paths = {"run": config.run.resolve(), "dataset": config.dataset.resolve()}
    config = config.model_copy(update=paths)
    run = RunFolder(path=config.run)
    if workers < 1:
        raise ConfigError(f"--ray-workers must be at least 1, got {workers}")
    with hold(run.path) as lock, connected("--ray-workers"), Interruption(run) as stop:
        run.forget_stop(lock)
        reported = len(run.events()) if resume else 0
        _check_room(workers, config.threads or 1)
        work = _Work(config, resume, workers)
        work.start()
        while True:
            ended = not work.is_alive()
            if not ended:
                # By the run's stop file: a signal to this process reaches no worker.
                stop.pass_on(run.request_stop)
            events = run.events()
            yield from map(EpochReport.from_json, events[reported:])
            reported = max(reported, len(events))
            if ended:
                break
            work.join(_POLL_S)
        # The workers may have ended before the request reached them.
        run.clear_stop()
        _check(run, work.failure)


def _check_room(workers: int, cores: int) -> None:
    """Refuse workers that would wait for ever: a cluster may get more cores, this machine not."""
    import ray

    there = int(ray.cluster_resources().get("CPU", 0.0))  # type: ignore[no-untyped-call]
    if "RAY_ADDRESS" not in os.environ and there < workers * cores:
        raise ConfigError(
            f"{workers} workers of {cores} CPU threads need {workers * cores} cores, and this "
            f"machine has {there}: choose fewer --ray-workers or --threads"
        )


def _check(run: RunFolder, failure: str) -> None:
    status = run.status()
    if status is not None and status.state == "cancelled":
        raise TrainingInterrupted(status.message)
    if failure:
        raise RunError(failure)


class _Work(threading.Thread):
    """Ray Train in a thread, so that this process can notice stop requests meanwhile."""

    def __init__(self, config: TrainConfig, resume: bool, workers: int) -> None:
        super().__init__(daemon=True)
        self.failure = ""
        self._config = config
        self._task = {
            "config": config.model_dump_json(),
            "resume": resume,
            "environment": json.dumps(held_elsewhere(config.run) | {RAY_WORKERS: str(workers)}),
        }
        self._workers = workers

    def run(self) -> None:
        """Train to the end, or until it fails."""
        import ray

        # Relative paths start from the user's folder, not from one of Ray's.
        os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
        from ray.train import RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer
        from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError

        there = ray.cluster_resources()  # type: ignore[no-untyped-call]
        gpus = there.get("GPU", 0.0) >= self._workers
        own = self._config.run / _OWN
        trainer = TorchTrainer(
            _work,
            train_loop_config=self._task,
            scaling_config=ScalingConfig(
                num_workers=self._workers,
                use_gpu=gpus and self._config.device in ("auto", "cuda"),
                resources_per_worker={"CPU": self._config.threads or 1},
            ),
            run_config=RunConfig(name=self._config.run.name, storage_path=str(own)),
        )
        try:
            trainer.fit()
        except WorkerGroupError as error:
            first = next(iter(error.worker_failures.values()), error)
            self.failure = _plain(str(first))
        except TrainingFailedError as error:
            self.failure = _plain(str(error))
        finally:
            shutil.rmtree(own, ignore_errors=True)


def _work(task: dict[str, Any]) -> None:
    """What every worker does."""
    os.environ.update(json.loads(task["environment"]))
    # Torch is imported by those who compute with it.
    from core.training.fit import fit

    try:
        for _ in fit(TrainConfig.model_validate_json(task["config"]), task["resume"]):
            pass
    except TrainingInterrupted:
        # The run is saved, and its status records the stop.
        return


def _plain(trace: str) -> str:
    """The last line of a traceback, without the error's module."""
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    name, colon, rest = lines[-1].partition(": ") if lines else ("", "", "")
    return f"{name.rpartition('.')[2]}{colon}{rest}" or "a worker of Ray Train failed"


@contextmanager
def connected(flag: str) -> Iterator[None]:
    """Be a member of a cluster for a block of code.

    Args:
        flag: The flag that needs Ray, named in the error if Ray is missing.

    Raises:
        ConfigError: Ray is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"{flag} needs Ray: {INSTALL}") from error
    address = os.environ.get("RAY_ADDRESS")
    if address:
        # The environment of the job, its code included, holds for its workers too.
        ray.init(address=address)
    else:
        environment = {"env_vars": python_path()}
        # Errors of workers come back as errors; what else Ray's own processes say, which miss the
        # dashboard, is nobody's business.
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            runtime_env=environment,
        )
    try:
        yield
    finally:
        ray.shutdown()
