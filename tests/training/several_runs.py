"""Train as one of two processes; started by `test_distributed.py` with the name of a scenario.

    torchrun several_runs.py SCENARIO CONFIG...

The scenarios that go on after a stop do so under one process group, as workers of Ray Train do.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist

from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder, StepReport
from core.training.schema import TrainConfig
from core.training.session import OnStep


def main(scenario: str, *paths: str) -> None:
    """Run a scenario in one of its processes."""
    configs = [TrainConfig.model_validate_json(Path(path).read_text()) for path in paths]
    rank = int(os.environ["RANK"])
    if scenario in ("fail", "kill"):
        list(fit(configs[0], on_step=_at(3, 2, _fail if scenario == "fail" else _kill, rank == 1)))
        return
    dist.init_process_group("gloo")
    undisturbed, signalled, asked = configs
    list(fit(undisturbed))
    _stopped(signalled, _at(3, 2, _terminate, rank == 1))
    _stopped(signalled, _at(4, 1, _terminate, rank == 0))
    list(fit(signalled, resume=True))
    _stopped(asked, _at(3, 2, RunFolder(path=asked.run).request_stop, rank == 0))
    dist.destroy_process_group()


def _stopped(config: TrainConfig, on_step: OnStep) -> None:
    """Train until stopped, and say where."""
    resume = RunFolder(path=config.run).last.exists()
    try:
        list(fit(config, resume=resume, on_step=on_step))
    except TrainingInterrupted as error:
        where = str(error).split(";", maxsplit=1)[0]
        sys.stdout.write(f"process {os.environ['RANK']}: {where}\n")
        sys.stdout.flush()


def _at(epoch: int, step: int, act: Callable[[], None], here: bool) -> OnStep:
    def on_step(report: StepReport) -> None:
        if here and (report.epoch, report.step) == (epoch, step):
            act()

    return on_step


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> None:
    raise MemoryError("no memory left")


if __name__ == "__main__":
    main(*sys.argv[1:])
