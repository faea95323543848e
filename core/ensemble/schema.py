"""Options of `ensemble`; read by the command line and by forms, so nothing heavy here."""

from pathlib import Path

from pydantic import Field

from core.model.card import Weighing
from core.options import OptionSchema
from core.system import SYSTEM


class EnsembleConfig(OptionSchema):
    """Which runs are combined, how they are weighted, and where the ensemble goes."""

    members: tuple[Path, ...] = Field(description="Run folders, or checkpoint folders")
    out: Path = Field(
        description="Folder of the ensemble, such as checkpoints/NAME; it must not exist yet"
    )
    dataset: Path | None = Field(
        None, description="Dataset folder; none: the one that the members were trained on"
    )
    weights: Weighing = Field(
        "uniform",
        description="Weights of the members. uniform: equal; softmax: exp(-validation score / "
        "temperature); fitted: the weights with the best validation score",
    )
    temperature: float = Field(
        0.05,
        gt=0,
        le=100,
        description="For softmax: the difference in validation score that divides a weight by e; "
        "a perfect score is 0, chance is about 1",
    )
    agree_m: float = Field(
        25.0,
        ge=0,
        le=1e6,
        description="Positions are averaged if every member is within this many metres of the "
        "mean; else the weighted medoid is the answer",
    )
    device: str = Field("auto", description="Device: auto, cpu, cuda or mps")
    batch_size: int = Field(64, ge=1, le=1024, description="Photos in a forward pass")
    allow_missing: bool = Field(
        False, description="Continue if more than 1 % of the rows cannot be used"
    )

    @property
    def command(self) -> str:
        """The command that makes this ensemble, with what decides its answers."""
        words = ["python", "-m", "core", "ensemble", *map(_typed, self.members)]
        words += ["--out", _typed(self.out), "--weights", self.weights]
        if self.weights == "softmax":
            words += ["--temperature", f"{self.temperature:g}"]
        words += ["--agree-m", f"{self.agree_m:g}"]
        if self.dataset is not None:
            words += ["--dataset", _typed(self.dataset)]
        return SYSTEM.command_line(words)


def _typed(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
