"""Options of `calibrate`; read by the command line, so this module imports nothing heavy."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.model.schema import RetrievalConfig
from core.options import OptionSchema, Traits


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
    renew_gallery: bool = Field(
        False,
        description="First compute the gallery again, as training does at its end: descriptors, "
        "keypoints and the choice of the refinement; the network is not trained. The dataset must "
        "contain the training photos",
    )
    descriptor: Literal["last", "middle"] = Field(
        "middle", description="With a renewed gallery: as --descriptor of train"
    )
    retrieval: Annotated[RetrievalConfig, Traits(topic="retrieval backbone")] = Field(
        RetrievalConfig(),
        description="With a renewed gallery: as --retrieval-backbone of train; none: as before",
    )
    gallery_dimensions: int | None = Field(
        None,
        ge=2,
        le=4096,
        description="With a renewed gallery: as --gallery-dimensions of train",
    )
    gallery_whiten: float | None = Field(
        None, ge=0, le=1, description="With a renewed gallery: as --gallery-whiten of train"
    )
    gallery_points: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="First detect this many keypoints in each training photo again; 0: remove "
        "keypoints; none: leave them as they are, or with a renewed gallery as many as train",
    )
    local_features: Literal["auto", "sift", "xfeat"] = Field(
        "auto",
        description="With a renewed gallery or gallery points: the kind of keypoints; auto: xfeat "
        "if it is installed, else sift",
    )
    verification: Literal["fundamental", "affine"] = Field(
        "fundamental",
        description="With a renewed gallery or gallery points: what joins the keypoints of two "
        "photos. fundamental: a fundamental matrix; affine: one affine map, which did better with "
        "100 or so SIFT keypoints of rendered photos",
    )
    store_size: int | None = Field(
        None,
        ge=32,
        le=1024,
        description="With a renewed gallery or gallery points: decode photos to this side from now "
        "on, so that small keypoints are found; the network still sees its own input size; none: "
        "as before",
    )

    @model_validator(mode="after")
    def _points_need_it(self) -> Self:
        renewed = self.renew_gallery or self.gallery_points is not None
        if self.store_size is not None and not renewed:
            raise ValueError(
                "a store size needs a renewed gallery or gallery points, which are detected again "
                "at that size"
            )
        needing = {"descriptor", "retrieval", "gallery_dimensions", "gallery_whiten"}
        changed = needing & self.model_fields_set
        if changed and not self.renew_gallery:
            raise ValueError(f"{', '.join(sorted(changed))} needs renew_gallery")
        return self
