"""Options of `audit`; read by the command line and by forms, so nothing heavy here."""

from pathlib import Path

from pydantic import Field

from core.options import OptionSchema


class AuditConfig(OptionSchema):
    """What to audit, and which values count as suspect."""

    dataset: Path = Field(description="Dataset folder, or one CSV file of labels")
    out: Path | None = Field(None, description="CSV file to write the findings to")
    photos: bool = Field(True, description="Also check the photos, if there are any")
    declination: float | None = Field(
        None, ge=-180.0, le=180.0,
        description="Degrees by which magnetic north lies east of true north, to compare magnetic "
        "directions in EXIF",
    )  # fmt: skip
    checkpoint: Path | None = Field(
        None,
        description="Trained model (a run or checkpoint): also report photos that it finds alike "
        "although their labels contradict",
    )
    crossval: Path | None = Field(
        None,
        description="Folder of a finished cross-validation of this dataset: also report labels "
        "that models not trained on them find unlikely",
    )
    neighbours: int = Field(
        30, ge=3, le=1000, description="Number of nearest rows that vote on a row's region"
    )
    first_hour: float = Field(
        6.0, ge=0.0, le=24.0, description="Report photos taken before this hour of the day"
    )
    last_hour: float = Field(
        20.0, ge=0.0, le=24.0, description="Report photos taken after this hour of the day"
    )
    min_score: float = Field(
        0.0, ge=0.0, le=1.0, description="Leave out findings with a lower score"
    )
    accept: tuple[str, ...] = Field(
        (), description="Kinds of finding whose repairs to accept by rule, from a score of "
        "--min-score on (default here: 0.9); written to repairs.csv beside the labels",
    )  # fmt: skip
    undo: tuple[str, ...] = Field(
        (), description="Kinds of finding whose decisions by rule to undo; all: every kind; last: "
        "the last decision, by rule or by a person",
    )  # fmt: skip
