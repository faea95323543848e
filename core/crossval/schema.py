"""Options of `crossval`: those of every fold's training, and what is done around them; no torch."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from core.options import Traits, removed_values
from core.training.schema import TrainConfig


class CrossvalConfig(TrainConfig):
    """Everything that decides a cross-validation.

    Every option of `train` is that of every fold; `split.folds` says how many there are, and
    `split.protocol` what stays together. `run` is the folder of the whole: fold 0 is the ordinary
    run `RUN/fold-0`, and so on.
    """

    run: Annotated[Path, Traits(affects_result=False, basic=True)] = Field(
        description="Folder to write, for instance runs/cv: a run for each fold, and their report"
    )
    plots: Annotated[bool, Traits(affects_result=False, basic=True)] = Field(
        True, description="Also draw the static plots of each fold and of all together"
    )
    raw: Annotated[bool, Traits(affects_result=False)] = Field(
        False,
        description="In predictions.csv, no apostrophe before text that spreadsheets would compute "
        "(= + - @ first)",
    )

    @model_validator(mode="after")
    def _has_folds(self) -> Self:
        if self.split.fold is not None:
            raise ValueError("split.fold must stay empty: every fold is trained in its turn")
        if self.split.protocol == "official":
            raise ValueError("the official split has no folds: use spot, visit, random or region")
        return self

    @property
    def out(self) -> Path:
        """The folder of the whole."""
        return self.run

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return self.split.folds

    def of_fold(self, number: int) -> TrainConfig:
        """Options of the training of one fold, counted from 0, also those that were removed."""
        values = {name: getattr(self, name) for name in TrainConfig.model_fields}
        values["run"] = fold_path(self.run, number)
        values["split"] = self.split.model_copy(update={"fold": number})
        values["export_onnx"] = False
        outer = {name: value for name, value in removed_values(self).items() if "." not in name}
        return TrainConfig.model_validate(values | outer)


def fold_path(out: Path, number: int) -> Path:
    """Folder of one fold's run."""
    return out / f"fold-{number}"
