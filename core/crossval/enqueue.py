"""Putting a cross-validation into the queue: one job, which trains its folds one after another."""

from pathlib import Path

from core.crossval.folder import check_free
from core.crossval.schema import CrossvalConfig
from core.jobs.job import LOCAL, Job
from core.jobs.queue import enqueue_job


def enqueue_crossval(config: CrossvalConfig, on: str = LOCAL) -> Path:
    """Queue a new cross-validation in the folder that its own lies in; returns its own folder.

    It is one job: it holds one device, goes through the folds in order, and can be cancelled and
    put back like a training run, going on with the fold at work.

    Args:
        config: Every option; `config.out` names the folder.
        on: `local`, or the address of a cluster.

    Raises:
        RunError: The folder holds other things, or is queued already.
    """
    out = config.out.resolve()
    check_free(out)
    config = config.model_copy(update={"run": out, "dataset": config.dataset.resolve()})
    job = Job(
        kind="crossval",
        arguments=("crossval",),
        options=config.model_dump(mode="json"),
        again=("crossval", "--out", str(out), "--resume"),
        device=config.device,
        on=on,
    )
    return enqueue_job(out, job)
