"""Options of `audit`; read by the command line and by forms, so nothing heavy here."""

from pathlib import Path

from pydantic import Field

from core.options import OptionSchema


class AuditConfig(OptionSchema):
    """What to audit, and from where on something counts as odd."""

    dataset: Path = Field(description="Dataset folder, or one CSV file of labels")
    out: Path | None = Field(None, description="CSV file to write the findings to")
    photos: bool = Field(True, description="Also look at the photos, where there are any")
    declination: float | None = Field(
        None, ge=-180.0, le=180.0,
        description="Degrees that magnetic north lies east of true north there, to compare "
        "magnetic directions in EXIF",
    )  # fmt: skip
    checkpoint: Path | None = Field(
        None,
        description="Trained model (a run or checkpoint): also name photos that it takes for one "
        "another though their labels contradict",
    )
    crossval: Path | None = Field(
        None,
        description="Folder of a finished cross-validation of this dataset: also name rows whose "
        "label models that never saw them find unlikely",
    )
    neighbours: int = Field(
        30, ge=3, le=1000, description="Rows nearest in space that vote on a row's region"
    )
    first_hour: float = Field(
        6.0, ge=0.0, le=24.0, description="Photos before this hour of the day are implausible"
    )
    last_hour: float = Field(
        20.0, ge=0.0, le=24.0, description="Photos after this hour of the day are implausible"
    )
    min_score: float = Field(
        0.0, ge=0.0, le=1.0, description="Leave out findings that are less sure than this"
    )
    accept: tuple[str, ...] = Field(
        (), description="Kinds of finding to accept by rule: those of at least --min-score, 0.9 "
        "unless it is given; written to repairs.csv beside the labels",
    )  # fmt: skip
    undo: tuple[str, ...] = Field(
        (), description="Kinds whose decisions by rule to take back; all: of every kind; last: the "
        "last decision, whoever made it",
    )  # fmt: skip
