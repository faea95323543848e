"""Options of `evaluate` and `compare`; read by command line and forms, so nothing heavy here."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from core.options import OptionSchema

Part = Literal["test", "val", "calibrate", "train", "all"]
Clusters = Literal["spot", "visit"]
Kind = Literal["refined", "raw"]


class EvaluateConfig(OptionSchema):
    """Which checkpoint to evaluate, on which photos, and where the report goes."""

    run: Path = Field(description="Run folder, or checkpoint folder")
    dataset: Path | None = Field(
        None, description="Dataset folder; none: the one that the run was trained on"
    )
    split: Part = Field(
        "test",
        description="Part of the split stored with the checkpoint; all: every photo, for a dataset "
        "that the run has never seen",
    )
    out: Path | None = Field(
        None, description="Folder of the report; none: reports/DATASET-PART inside the run"
    )
    device: str = Field("auto", description="Device: auto, cpu, cuda or mps")
    batch_size: int = Field(64, ge=1, le=1024, description="Photos in a forward pass")
    allow_missing: bool = Field(
        False, description="Continue if more than 1 % of the rows cannot be used"
    )
    other_place: bool = Field(
        False, description="Judge photos that stand kilometres from all training photos, too"
    )
    by: Clusters | None = Field(
        None,
        description="Unit of resampling for confidence intervals: all photos of a spot, or of a "
        "visit; none: visits if at least ten are known, else spots",
    )
    plots: bool = Field(True, description="Also draw the static plots")
    raw: bool = Field(
        False,
        description="In predictions.csv, no apostrophe before text that spreadsheets would compute "
        "(= + - @ first)",
    )


class CompareConfig(OptionSchema):
    """How evaluated models are compared, and how the intervals are made."""

    by: Clusters = Field(
        "spot",
        description="Unit of resampling: all photos of a spot, or of a visit, as their errors are "
        "correlated",
    )
    kind: Kind = Field(
        "refined",
        description="refined: predictions refined by training photos; raw: the network's own",
    )
    draws: int = Field(10_000, ge=200, le=100_000, description="Resamples of the bootstrap")
    confidence: float = Field(
        0.95, gt=0.5, lt=1.0,
        description="Probability that all intervals hold at the same time",
    )  # fmt: skip
    seed: int = Field(0, ge=0, description="Seed of the resamples")
