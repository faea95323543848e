"""Options of `tune`: one schema for the command line, the form and the study's file.

Neither torch nor Optuna here.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from core.options import OptionSchema, Traits
from core.training.schema import HIGHER_IS_BETTER, Monitor, TrainConfig
from core.tuning.space import DEFAULT_SPACE, Distribution, check_space, grid, grid_size

Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["median", "none"]
DEFAULT_TRIALS = 20
# Options that change how the loss is measured: a search for the least loss would only move these.
_LOSS_MAKERS = (
    "loss.",
    "model.position_target",
    "model.position_head",
    "model.heading_head",
    "model.place_anchors",
    "model.place_bearings",
)


# What may differ when a study is continued: how much, where and how fast, not what is searched.
_SAME_SEARCH = Traits(affects_result=False)


class TuneConfig(OptionSchema):
    """Everything that decides a search for better options."""

    study: Annotated[Path, _SAME_SEARCH] = Field(
        description="Study folder to write, for instance runs/tune-1"
    )
    trials: Annotated[int | None, _SAME_SEARCH] = Field(
        None,
        ge=1,
        le=100_000,
        description=f"Number of training runs; none: {DEFAULT_TRIALS}, or the whole grid",
    )
    sampler: Sampler = Field(
        "tpe",
        description="How options are drawn. tpe: near the best trials so far; random: uniformly; "
        "grid: every combination once",
    )
    pruner: Pruner = Field(
        "median",
        description="Which trials stop early. median: those worse than the median of earlier ones "
        "at the same epoch; none: no trial",
    )
    monitor: Monitor = Field(
        "score", description="Validation figure to optimise; it also selects the best epoch"
    )
    seed: int = Field(0, ge=0, description="Another seed draws other trials")
    workers: Annotated[int, _SAME_SEARCH] = Field(
        1,
        ge=1,
        le=256,
        description="Trials that run at the same time on this machine, each on a GPU of its own "
        "where there are so many",
    )
    space: dict[str, Distribution] = Field(
        default_factory=lambda: dict(DEFAULT_SPACE),
        description="Options to vary, by dotted name, each with low, high, step and log, or with "
        "choices",
    )
    train: TrainConfig = Field(description="Options of every trial that are not varied")

    @model_validator(mode="before")
    @classmethod
    def _runs_lie_in_the_study(cls, values: Any) -> Any:  # noqa: ANN401 - whatever was written
        """Trials have folders of their own, so no run has to be named."""
        if isinstance(values, dict) and isinstance(values.get("train"), dict):
            return values | {"train": {"run": values.get("study", "")} | values["train"]}
        return values

    @model_validator(mode="before")
    @classmethod
    def _as_earlier_versions_wrote(cls, values: Any) -> Any:  # noqa: ANN401 - whatever was written
        """Earlier versions could store trials in a database, and leave them to other machines."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if "storage" in values and values.pop("storage") is not None:
            raise ValueError("storage was removed: trials are recorded in the study's folder")
        return values | ({"workers": 1} if values.get("workers") == 0 else {})

    @field_validator("space")
    @classmethod
    def _something_to_vary(cls, space: dict[str, Distribution]) -> dict[str, Distribution]:
        if not space:
            raise ValueError("must name at least one option to vary")
        return space

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_space(self.space, self.train)
        if self.sampler == "grid":
            grid(self.space)
        made = [path for path in self.space if path.startswith(_LOSS_MAKERS)]
        if self.monitor == "loss" and made:
            raise ValueError(
                f"monitor loss cannot compare {', '.join(sorted(made))}: the loss is measured by "
                "them; search for the score"
            )
        return self

    @property
    def planned(self) -> int:
        """Trials in all; a grid ends with its last combination."""
        if self.sampler != "grid":
            return self.trials or DEFAULT_TRIALS
        whole = grid_size(self.space)
        return whole if self.trials is None else min(self.trials, whole)

    @property
    def higher_is_better(self) -> bool:
        """Whether the search goes up."""
        return self.monitor in HIGHER_IS_BETTER
