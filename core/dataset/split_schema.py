"""Options of a split: one schema for the command line, the form and the run file."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.options import OptionSchema

Protocol = Literal["spot", "visit", "block", "random", "official", "region"]


class SplitConfig(OptionSchema):
    """Which photos train, which select, which are kept for the test."""

    protocol: Protocol = Field(
        "spot",
        description="spot: photos within a few metres stay together; visit: photos of one walk "
        "stay together; block: whole cells of ground, with a buffer around them; random: as most "
        "published figures; official: the folder's own; region: whole regions unseen",
    )
    seed: int = Field(0, ge=0, description="Another seed is another split")
    fold: int | None = Field(
        None, ge=0, description="Which fold is the test part; empty: one split, no folds"
    )
    folds: int = Field(5, ge=2, le=50, description="How many folds there are")
    gap_minutes: float = Field(
        10.0,
        gt=0,
        le=1440,
        description="visit: a walk ends where no photo was taken for longer; of no account where "
        "the labels name walks",
    )
    cell_m: float = Field(
        50.0, ge=1, le=10_000, description="block: side of the cells that are held out whole"
    )
    buffer_m: float = Field(
        10.0,
        ge=0,
        le=1000,
        description="block: photos this near to a held-out photo are left out of training",
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(
                f"fold {self.fold} does not exist: folds run from 0 to {self.folds - 1}"
            )
        return self
