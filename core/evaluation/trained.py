"""What a run folder says about itself, as far as evaluation asks: its home and its dataset."""

import json
from pathlib import Path

from core.errors import ConfigError, RunError

CONFIG = "config.json"


def run_of(checkpoint: Path) -> Path:
    """Return the run folder of `RUN/checkpoints/best`; a checkpoint that stands alone, itself."""
    inside = checkpoint.parent.name == "checkpoints" and checkpoint.name in ("best", "last")
    return checkpoint.parent.parent if inside else checkpoint


def trained_dataset(run: Path) -> Path:
    """Return the dataset that a run was trained on.

    Raises:
        ConfigError: A checkpoint without a run does not know where its dataset is.
        RunError: The run's options are damaged.
    """
    path = run_of(run) / CONFIG
    if not path.exists():
        raise ConfigError(
            f"{run} does not say where its dataset is (it is a checkpoint without a run): name "
            "the dataset folder"
        )
    try:
        return Path(json.loads(path.read_text(encoding="utf-8"))["dataset"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}): name the dataset folder") from error
