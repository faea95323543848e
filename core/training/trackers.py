"""Experiment trackers: TensorBoard always, Weights & Biases with `wandb`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any, Protocol

from torch.utils.tensorboard import SummaryWriter

from core.errors import ConfigError
from core.training.report import EpochReport
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig


class Tracker(Protocol):
    """Something that takes the figures of every epoch."""

    def add(self, report: EpochReport) -> None:
        """Take one epoch."""

    def close(self) -> None:
        """Write out what is left."""


class TensorBoard:
    """Scalars in the run folder's `tensorboard/`."""

    def __init__(self, run: RunFolder, epochs_done: int) -> None:
        """Open a new event file; epochs that a resume repeats replace those of the old file."""
        self._writer: Any = SummaryWriter(str(run.tensorboard), purge_step=epochs_done + 1)

    def add(self, report: EpochReport) -> None:
        """Write the figures of one epoch."""
        for name, value in _scalars(report).items():
            self._writer.add_scalar(name, value, report.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class WeightsAndBiases:
    """A run at Weights & Biases."""

    def __init__(self, run: RunFolder, config: TrainConfig) -> None:
        """Begin the run there; ConfigError where the package is not installed."""
        try:
            wandb = import_module("wandb")
        except ImportError as error:
            raise ConfigError("--wandb needs its package: pip install wandb") from error
        self._run: Any = wandb.init(
            project="bearings", name=run.path.name, config=config.model_dump(mode="json")
        )

    def add(self, report: EpochReport) -> None:
        """Send the figures of one epoch."""
        self._run.log(_scalars(report), step=report.epoch)

    def close(self) -> None:
        """End the run there."""
        self._run.finish()


@contextmanager
def open_trackers(run: RunFolder, config: TrainConfig, epochs_done: int) -> Iterator[list[Tracker]]:
    """Open all trackers of a run and close them afterwards."""
    trackers: list[Tracker] = [TensorBoard(run, epochs_done)]
    if config.wandb:
        trackers.append(WeightsAndBiases(run, config))
    try:
        yield trackers
    finally:
        for tracker in trackers:
            tracker.close()


def _scalars(report: EpochReport) -> dict[str, float]:
    scalars = {f"train/{name}": value for name, value in asdict(report.train).items()}
    scalars |= {f"val/{name}": value for name, value in asdict(report.validation).items()}
    return scalars | {"lr": report.lr, "photos_per_s": report.photos_per_s}
