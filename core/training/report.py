"""Reports of a run: one `EpochReport` an epoch, one `StepReport` a step; no torch."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

StageName = Literal["heads", "fine-tune"]


@dataclass(frozen=True)
class TaskLosses:
    """Mean losses over photos: the weighted sum and each task's own."""

    total: float
    region: float
    position: float
    heading: float
    place: float = 0.0


@dataclass(frozen=True)
class Validation:
    """Figures of the raw predictions for the validation part, without known metadata.

    Attributes:
        loss: The multi-task loss.
        region_accuracy: Share of photos with the right region.
        median_m: Median position error in metres.
        mean_m: Mean position error in metres.
        maae_deg: Mean absolute angular error of the heading in degrees.
        score: Combined figure, less is better; see `core.training.fit`.
    """

    loss: float
    region_accuracy: float
    median_m: float
    mean_m: float
    maae_deg: float
    score: float


@dataclass(frozen=True)
class EpochReport:
    """One epoch.

    Attributes:
        stage: `heads` (frozen backbone) or `fine-tune`.
        epoch: From 1, over both stages.
        epochs: How many epochs were planned for both stages.
        step: Steps since the beginning of the run.
        lr: Learning rate of the heads at the epoch's end.
        train: Mean losses over the epoch's training steps.
        validation: Figures of the validation part after the epoch.
        best: Whether this epoch is the best so far.
        seconds: Duration of the epoch, validation included.
        photos_per_s: Training photos per second.
    """

    stage: StageName
    epoch: int
    epochs: int
    step: int
    lr: float
    train: TaskLosses
    validation: Validation
    best: bool
    seconds: float
    photos_per_s: float

    def __post_init__(self) -> None:
        """Reject figures that are no numbers: training went wrong before."""
        figures = [*asdict(self.train).values(), *asdict(self.validation).values()]
        if not all(math.isfinite(figure) for figure in figures):
            raise ValueError(f"epoch {self.epoch}: a figure is not finite: {figures}")

    def to_json(self) -> dict[str, Any]:
        """As one line of `events.jsonl`."""
        return asdict(self)

    @classmethod
    def from_json(cls, event: dict[str, Any]) -> Self:
        """The report that `to_json` gave."""
        train, validation = TaskLosses(**event["train"]), Validation(**event["validation"])
        return cls(**(event | {"train": train, "validation": validation}))


@dataclass(frozen=True)
class StepReport:
    """One step: where the run is, for progress bars."""

    stage: StageName
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
