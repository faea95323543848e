"""Options of `evaluate` and `compare`; read by command line and forms, so nothing heavy here."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from core.options import OptionSchema

Part = Literal["test", "val", "calibrate", "train", "all"]
Clusters = Literal["spot", "visit"]
Kind = Literal["refined", "raw"]


class EvaluateConfig(OptionSchema):
    """Which checkpoint to judge, on which photos, and where the report goes."""

    run: Path = Field(description="Run folder, or checkpoint folder")
    dataset: Path | None = Field(
        None, description="Dataset folder; empty: the one that the run was trained on"
    )
    split: Part = Field(
        "test",
        description="Part of the split that is stored with the checkpoint; all: every photo, for "
        "a dataset that the run never saw",
    )
    out: Path | None = Field(
        None, description="Folder of the report; empty: reports/DATASET-SPLIT inside the run"
    )
    device: str = Field("auto", description="auto, cpu, cuda or mps")
    batch_size: int = Field(64, ge=1, le=1024, description="Photos that the network sees at once")
    allow_missing: bool = Field(
        False, description="Go on when more than 1 % of the rows have to be left out"
    )
    by: Clusters | None = Field(
        None,
        description="What the confidence intervals draw as a whole: photos of one spot, or of one "
        "visit; none: visits, where ten or more are known, else spots",
    )
    plots: bool = Field(True, description="Also draw the static plots")


class CompareConfig(OptionSchema):
    """Which judged models are compared, and how the intervals are made."""

    by: Clusters = Field(
        "spot",
        description="What is drawn as a whole: photos of one spot, or of one visit; photos that "
        "are right or wrong together belong in one",
    )
    kind: Kind = Field(
        "refined", description="Predictions refined by training photos, or the network's own"
    )
    draws: int = Field(10_000, ge=200, le=100_000, description="Resamples of the bootstrap")
    confidence: float = Field(
        0.95, gt=0.5, lt=1.0,
        description="How sure all intervals of the comparison hold at the same time",
    )  # fmt: skip
    seed: int = Field(0, ge=0, description="Seeds the resamples")
