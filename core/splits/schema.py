"""Options of a split: one schema for the command line, the form and the run file."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.options import OptionSchema, Traits

Protocol = Literal["spot", "visit", "block", "random", "official", "region"]


class SplitConfig(OptionSchema):
    """Which photos train, which select, which are kept for the test."""

    protocol: Annotated[Protocol, Traits(basic=True)] = Field(
        "spot",
        description="How photos are divided. spot: photos within a few metres stay together; "
        "visit: photos of one walk stay together; block: whole cells of ground, with a buffer "
        "around them; random: as in most published figures; official: the folder's own parts; "
        "region: whole regions are held out",
    )
    seed: int = Field(0, ge=0, description="Another seed gives another split")
    fold: Annotated[int | None, Traits(basic=True)] = Field(
        None, ge=0, description="Number of the fold that is the test part; none: a single split"
    )
    folds: Annotated[int, Traits(basic=True)] = Field(5, ge=2, le=50, description="Number of folds")
    gap_minutes: float = Field(
        10.0,
        gt=0,
        le=1440,
        description="visit: a walk ends after a longer pause between photos; not used if the "
        "labels name walks",
    )
    cell_m: float = Field(
        50.0, ge=1, le=10_000, description="block: side of a held-out cell in metres"
    )
    buffer_m: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="block: photos this close to a held-out photo, in metres, are not used",
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(
                f"fold {self.fold} does not exist: folds run from 0 to {self.folds - 1}"
            )
        return self
