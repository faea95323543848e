"""Options of `evaluate`; read by the command line and by forms, so nothing heavy here."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Part = Literal["test", "val", "train", "all"]


class EvaluateConfig(BaseModel):
    """Which checkpoint to judge, on which photos, and where the report goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    plots: bool = Field(True, description="Also draw the static plots")
