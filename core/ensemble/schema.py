"""Options of `ensemble`; read by the command line and by forms, so nothing heavy here."""

from pathlib import Path

from pydantic import Field

from core.model.ensemble_card import Weighing
from core.options import OptionSchema
from core.system import SYSTEM


class EnsembleConfig(OptionSchema):
    """Which runs answer together, how they are weighed, and where the ensemble goes."""

    members: tuple[Path, ...] = Field(description="Run folders, or checkpoint folders")
    out: Path = Field(
        description="Folder of the ensemble, such as checkpoints/NAME; it must not exist yet"
    )
    dataset: Path | None = Field(
        None, description="Dataset folder; empty: the one that the members were trained on"
    )
    weights: Weighing = Field(
        "uniform",
        description="uniform: all alike; softmax: exp(-validation score / temperature); fitted: "
        "the weights that answer the validation photos best",
    )
    temperature: float = Field(
        0.05,
        gt=0,
        le=100,
        description="For softmax: by how much worse a validation score costs a member the factor "
        "e; scores are 0 for perfect and about 1 for ignorant answers",
    )
    agree_m: float = Field(
        25.0,
        ge=0,
        le=1e6,
        description="Positions are averaged where every member is within so many metres of their "
        "mean; else the one that is nearest to all of them by weight answers",
    )
    device: str = Field("auto", description="auto, cpu, cuda or mps")
    batch_size: int = Field(64, ge=1, le=1024, description="Photos that a network sees at once")
    allow_missing: bool = Field(
        False, description="Go on when more than 1 % of the rows have to be left out"
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
