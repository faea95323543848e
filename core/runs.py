"""Where runs, checkpoints and reports lie on disk: the one place that finds them.

A run is `RUN/config.json` with `RUN/checkpoints/best` and `RUN/checkpoints/last`; a checkpoint may
also stand alone, as an ensemble does. Reports lie in `reports/` of the run, or of the checkpoint
that stands alone. Names and presence of files are looked at, and no weights are read.
"""

from pathlib import Path

from core.errors import CheckpointError, ConfigError, RunError
from core.files import read_object

CARD = "card.json"
CONFIG = "config.json"
JOB = "job.json"
REPORT = "report.json"
SPLIT = "split.json"

SHIPPED = "demo-campus"
"""Name of the checkpoint that ships with the project, in a folder `checkpoints/`."""
_CHECKPOINTS = "checkpoints"
_BEST, _LAST = "best", "last"
# `report` is where a checkpoint that ships with the project has its only one.
_REPORTS, _ONLY_REPORT = "reports", "report"


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, or a job that may become one."""
    return any((path / name).is_file() for name in (CONFIG, JOB))


def has_card(folder: Path) -> bool:
    """Whether a folder presents itself as a checkpoint."""
    return (folder / CARD).is_file()


def best_of(run: Path) -> Path:
    """The checkpoint of a run's best epoch, which need not exist yet."""
    return run / _CHECKPOINTS / _BEST


def last_of(run: Path) -> Path:
    """The checkpoint of a run's last epoch, which need not exist yet."""
    return run / _CHECKPOINTS / _LAST


def run_of(checkpoint: Path) -> Path | None:
    """The run that a checkpoint belongs to, or None for one that stands alone."""
    inside = checkpoint.parent.name == _CHECKPOINTS and checkpoint.name in (_BEST, _LAST)
    return checkpoint.parents[1] if inside else None


def is_shipped(checkpoint: Path) -> bool:
    """Whether a folder is the checkpoint that ships with the project."""
    return checkpoint.parent.name == _CHECKPOINTS and checkpoint.name == SHIPPED


def home_of(path: Path) -> Path:
    """The run of a checkpoint; a checkpoint that stands alone, or a run, itself."""
    return run_of(path) or path


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint folder that a path means: itself, or a run's best, or its last.

    Raises:
        CheckpointError: There is none.
    """
    for folder in (path, best_of(path), last_of(path)):
        if has_card(folder):
            return folder
    if not path.exists():
        raise CheckpointError(f"there is nothing at {path}: give a run or checkpoint folder")
    raise CheckpointError(
        f"{path} holds no checkpoint (no {CARD}, nor {best_of(Path()) / CARD}): give a run folder "
        "that has finished an epoch, or a checkpoint folder"
    )


def split_file(checkpoint: Path) -> Path:
    """The file with the split that a checkpoint was trained on: its own, or its run's."""
    own = checkpoint / SPLIT
    # Until a run ends, only the run folder holds the split.
    return own if own.exists() else home_of(checkpoint) / SPLIT


def trained_dataset(path: Path) -> Path:
    """Return the dataset that a run, or the run of a checkpoint, was trained on.

    Raises:
        ConfigError: A checkpoint without a run does not know where its dataset is.
        RunError: The run's options are damaged.
    """
    config = home_of(path) / CONFIG
    content = read_object(config, "name the dataset folder")
    if content is None:
        raise ConfigError(
            f"{path} does not say where its dataset is (it is a checkpoint without a run): name "
            "the dataset folder"
        )
    dataset = content.get("dataset")
    if not isinstance(dataset, str):
        raise RunError(f"{config} is damaged (it names no dataset): name the dataset folder")
    return Path(dataset)


def has_report(folder: Path) -> bool:
    """Whether a folder holds an evaluation report."""
    return (folder / REPORT).is_file()


def report_folders(path: Path) -> list[Path]:
    """Folders with the reports of a run or a checkpoint, newest first."""
    home = home_of(path)
    candidates = [home / _ONLY_REPORT, *folders(home / _REPORTS)]
    return sorted(
        filter(has_report, candidates), key=lambda folder: -(folder / REPORT).stat().st_mtime_ns
    )


def report_folder(home: Path, dataset: Path, part: str) -> Path:
    """Where the report of one part of a dataset goes by default.

    Args:
        home: The run, or the checkpoint that stands alone.
        dataset: The dataset as it is given: its folder, or one label file.
        part: Which photos are predicted.
    """
    return home / _REPORTS / f"{dataset.resolve().name}-{part}"


def home_of_report(folder: Path) -> Path:
    """The run or checkpoint that a report folder belongs to; one that lies elsewhere, itself."""
    whole = folder.resolve()
    if whole.parent.name == _REPORTS:
        return whole.parents[1]
    return whole.parent if whole.name == _ONLY_REPORT else whole


def free_folder(parent: Path, name: str, number: int = 1) -> Path:
    """Return the first of `parent/NAME-1`, `parent/NAME-2` ... that is not there yet.

    Args:
        parent: Folder that will hold it; need not exist yet.
        name: The name without its number.
        number: The first number to try.
    """
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def folders(parent: Path) -> list[Path]:
    """The folders in a folder, by name, hidden ones left out; none if it does not exist."""
    if not parent.is_dir():
        return []
    return sorted(
        child for child in parent.iterdir() if child.is_dir() and not child.name.startswith(".")
    )
