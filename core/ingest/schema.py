"""Options of `ingest`; read by the command line and by forms, so nothing heavy here."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from core.options import OptionSchema


class IngestConfig(OptionSchema):
    """Which photos become which dataset, and how its regions are made."""

    photos: Path = Field(description="Folder of phone photos with EXIF; it is only read")
    out: Path = Field(description="Dataset folder to write; must be new or empty")
    name: str | None = Field(None, description="Name of the campus; none: the name of the folder")
    regions: int | None = Field(
        None, ge=1, le=500,
        description="Number of regions that k-means makes of the positions; none: no photo gets a "
        "region, and training makes regions of the positions",
    )  # fmt: skip
    region_from_folders: bool = Field(
        False, description="Take the subfolder of a photo as its region"
    )
    declination: float | None = Field(
        None, ge=-180.0, le=180.0,
        description="Degrees by which magnetic north lies east of true north; without it, photos "
        "with a magnetic direction have no heading",
    )  # fmt: skip
    direction_reference: Literal["true", "magnetic"] | None = Field(
        None,
        description="North that directions count from in photos that do not say it; none: such "
        "photos have no heading",
    )
    panorama: bool = Field(
        False,
        description="Cut 360-degree panoramas, which their tags (GPano) name, into views; without "
        "it each is one wide photo",
    )
    panorama_shape: bool = Field(
        False, description="Take photos twice as wide as high without tags for panoramas too"
    )
    views: int = Field(8, ge=1, le=36, description="Views that a panorama is cut into")
    view_hfov: float = Field(
        65.0, ge=20.0, le=120.0, description="Degrees across each view; that of a phone is 65"
    )
    size: int | None = Field(
        None, ge=64, le=8192,
        description="Longest side of the copies in pixels; none: the size of the originals",
    )  # fmt: skip
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of k-means")

    @property
    def cuts_panoramas(self) -> bool:
        """Whether panoramas become views."""
        return self.panorama or self.panorama_shape

    @model_validator(mode="after")
    def _one_source_of_regions(self) -> Self:
        if self.regions is not None and self.region_from_folders:
            raise ValueError("regions and region_from_folders exclude each other: give one")
        return self
