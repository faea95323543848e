"""Options of `ingest`; read by the command line and by forms, so nothing heavy here."""

from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from core.options import OptionSchema

# What FFmpeg within OpenCV reads of what phones and action cameras write.
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")


class IngestConfig(OptionSchema):
    """Which photos become which dataset, and how its regions are made."""

    photos: Path = Field(
        description="Folder of phone photos with EXIF, or a video with a track; it is only read"
    )
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
    track: Path | None = Field(
        None, description="GPX track of a video: gives its frames their positions"
    )
    video_start: str | None = Field(
        None,
        description="Time of a video's first frame with its zone, such as "
        "2024-03-05T15:03:20+01:00; the track's times are UTC",
    )
    every: float = Field(2.0, ge=0.1, le=3600.0, description="Seconds between frames of a video")
    size: int | None = Field(
        None, ge=64, le=8192,
        description="Longest side of the copies in pixels; none: the size of the originals",
    )  # fmt: skip
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of k-means")

    @property
    def cuts_panoramas(self) -> bool:
        """Whether panoramas become views."""
        return self.panorama or self.panorama_shape

    @property
    def first_frame(self) -> datetime | None:
        """The time of a video's first frame; None if it is absent or has no zone."""
        try:
            time = datetime.fromisoformat(self.video_start or "")
        except ValueError:
            return None
        return time if time.tzinfo is not None else None

    @property
    def is_video(self) -> bool:
        """Whether the photos are frames of a video."""
        return self.photos.suffix.lower() in VIDEO_SUFFIXES and not self.photos.is_dir()

    @model_validator(mode="after")
    def _options_that_fit(self) -> Self:
        if self.regions is not None and self.region_from_folders:
            raise ValueError("regions and region_from_folders exclude each other: give one")
        if self.video_start is not None and self.first_frame is None:
            raise ValueError("video_start must be a time with its zone: 2024-03-05T15:03:20+01:00")
        if self.is_video and self.region_from_folders:
            raise ValueError("a video has no folders to take regions from")
        if not self.is_video and (self.track or self.video_start):
            raise ValueError("track and video_start belong to a video, and this is a folder")
        return self
