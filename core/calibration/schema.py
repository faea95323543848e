"""Options of `calibrate`; read by the command line, so this module imports nothing heavy."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from core.options import OptionSchema


class CalibrateConfig(OptionSchema):
    """Which checkpoint to calibrate, and on which photos."""

    run: Path = Field(description="Run folder, checkpoint folder or ensemble folder")
    dataset: Path | None = Field(
        None, description="Dataset folder; empty: the one that the run was trained on"
    )
    # The test part judges the calibration, so it is no choice.
    split: Literal["calibrate", "val"] | None = Field(
        None,
        description="Part of the stored split to fit on; empty: calibrate, or val where the split "
        "has no such part",
    )
    device: str = Field("auto", description="auto, cpu, cuda or mps")
    batch_size: int = Field(64, ge=1, le=1024, description="Photos that the network sees at once")
    allow_missing: bool = Field(
        False, description="Go on when more than 1 % of the rows have to be left out"
    )
    gallery_points: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="First describe so many points of each training photo anew, to verify photos "
        "by, as a gallery made by an older version lacks them; the training photos must be in the "
        "dataset; 0: drop them; empty: leave the gallery as it is",
    )
