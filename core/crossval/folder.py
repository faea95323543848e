"""The folder of a cross-validation: a job folder, with an ordinary run folder per fold.

`crossval-config.json`, `status.json`, `log.txt`, `stop`, `fold-0/`, `fold-1/`, ..., and at the end
`crossval.json`, `predictions.csv` and `plots/`. No torch here: lists are read by light processes.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.crossval.schema import CrossvalConfig, fold_path
from core.errors import RunError
from core.files import checked, read_stored, write_json
from core.jobs.job import LOCAL, Job
from core.jobs.queue import enqueue_job
from core.options import different
from core.training.run_folder import RunFolder
from core.training.schema import as_begun_with

CONFIG = "crossval-config.json"
REPORT = "crossval.json"
PREDICTIONS = "predictions.csv"
PLOTS = "plots"
_REMEDY = "begin another cross-validation"
# What may lie in the folder before the first fold: what the queue and a failed start leave there.
_BEFORE = frozenset(
    {CONFIG, "exit.json", "job.json", "launch.json", "log.txt", "ray.json", "status.json", "stop"}
)


class _Stored(BaseModel):
    """Content of `crossval-config.json`.

    Attributes:
        config: The options, as this or an earlier version wrote them.
        labels_hash: Of the labels that the folds are made of, and of the photos that tags leave out
            of training; None before they were read.
    """

    config: dict[str, Any]
    labels_hash: str | None = None


def is_crossval(path: Path) -> bool:
    """Whether a folder holds a cross-validation that was begun."""
    return (path / CONFIG).is_file()


def read_config(out: Path) -> CrossvalConfig:
    """Read the options of the cross-validation in a folder, which may have been moved.

    Raises:
        RunError: There is none, or its options are damaged.
    """
    options = as_begun_with(_stored(out).config) | {"run": str(out)}
    return checked(options, CrossvalConfig, out / CONFIG, _REMEDY)


def _stored(out: Path) -> _Stored:
    stored = read_stored(out / CONFIG, _Stored, _REMEDY)
    if stored is None:
        raise RunError(
            f"{out} holds no cross-validation (no {CONFIG}): give the path of its folder"
        )
    return stored


def begin(config: CrossvalConfig) -> None:
    """Write the options of a new cross-validation; the caller holds the folder.

    Raises:
        RunError: Something else lies in the folder.
    """
    check_free(config.out)
    write_json(config.out / CONFIG, {"config": config.model_dump(mode="json")})


def go_on(config: CrossvalConfig) -> None:
    """Check that the options are those that the cross-validation was begun with.

    Raises:
        RunError: They are not, or there is no cross-validation.
    """
    changed = different(read_config(config.out), config)
    if changed:
        raise RunError(
            f"{config.out} was begun with other options ({', '.join(changed)}): resume it "
            "with its own, or begin a new one"
        )


def same_labels(out: Path, labels_hash: str) -> None:
    """Store the hash of what the folds are made of; RunError if it has changed."""
    stored = _stored(out)
    if stored.labels_hash is None:
        write_json(out / CONFIG, {"config": stored.config, "labels_hash": labels_hash})
    elif stored.labels_hash != labels_hash:
        raise RunError(
            f"the labels, or the tags that leave photos out of training, are no longer those that "
            f"{out} was begun with: folds of different data cannot be pooled; begin a new "
            "cross-validation"
        )


def check_free(out: Path) -> None:
    """Raise RunError unless a new cross-validation may be written into a folder."""
    if not out.exists():
        return
    if not out.is_dir():
        raise RunError(f"{out} is a file: choose another --out")
    if {entry.name for entry in out.iterdir() if not entry.name.startswith(".")} - _BEFORE:
        raise RunError(
            f"folder {out} is not empty: choose another --out, continue with --resume, or delete it"
        )


def fold_run(out: Path, number: int) -> RunFolder:
    """The run of one fold, counted from 0."""
    return RunFolder(path=fold_path(out, number))


def is_trained(run: RunFolder) -> bool:
    """Whether the run of a fold ended well."""
    status = run.status()
    return status is not None and status.state == "finished"


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
