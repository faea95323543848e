"""Options of `calibrate`; read by the command line, so this module imports nothing heavy."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from core.options import OptionSchema


class CalibrateConfig(OptionSchema):
    """Which checkpoint to calibrate, and on which photos."""

    run: Path = Field(description="Run folder, checkpoint folder or ensemble folder")
    dataset: Path | None = Field(
        None, description="Dataset folder; none: the one that the run was trained on"
    )
    # The test part measures the calibration, so it is no choice.
    split: Literal["calibrate", "val"] | None = Field(
        None,
        description="Part of the stored split to fit on; none: calibrate, or val if the split has "
        "no such part",
    )
    device: str = Field("auto", description="Device: auto, cpu, cuda or mps")
    batch_size: int = Field(64, ge=1, le=1024, description="Photos in a forward pass")
    allow_missing: bool = Field(
        False, description="Continue if more than 1 % of the rows cannot be used"
    )
    other_place: bool = Field(
        False, description="Calibrate on photos that stand kilometres from all training photos, too"
    )
    gallery_points: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="First detect this many keypoints in each training photo again, for a gallery "
        "of an older version that has none; the dataset must contain the training photos; 0: "
        "remove keypoints; none: leave the gallery as it is",
    )
    local_features: Literal["auto", "sift", "xfeat"] = Field(
        "sift",
        description="With gallery points: the kind of keypoints; auto: xfeat if it is installed, "
        "else sift",
    )
    store_size: int | None = Field(
        None,
        ge=32,
        le=1024,
        description="With gallery points: decode photos to this side from now on, so that small "
        "keypoints are found; the network still sees its own input size; none: as before",
    )

    @model_validator(mode="after")
    def _points_need_it(self) -> Self:
        if self.store_size is not None and self.gallery_points is None:
            raise ValueError(
                "a store size needs gallery points, which are detected again at that size"
            )
        return self
