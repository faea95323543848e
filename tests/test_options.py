"""One walk over a schema, its errors in plain words, and which options affect a result."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.cli.flags import validated
from core.crossval.schema import CrossvalConfig
from core.errors import ConfigError
from core.model.schema import RetrievalConfig
from core.options import (
    MISSING,
    NO_EFFECT,
    OptionSchema,
    Problem,
    Traits,
    as_text,
    different,
    in_words,
    nested,
    options,
    problems,
    removed_values,
    result_options,
)
from core.training.schema import TrainConfig
from core.tuning.schema import TuneConfig
from core.tuning.space import DEFAULT_SPACE, Distribution, searchable


class Turn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit_deg: float = Field(5.0, ge=0, le=45, description="Largest roll.")
    scale: tuple[float, float] = (0.8, 1.0)


class Job(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dataset: Path = Field(description="Folder with the labels.")
    epochs: int = Field(20, gt=0, le=100)
    split: Literal["spot", "random"] = "spot"
    fold: Annotated[int, Field(ge=0)] | None = None
    quiet: Annotated[bool, Traits(affects_result=False)] = False
    names: list[str] = Field(default_factory=list)
    turn: Turn = Turn(limit_deg=7.0)
    inside: Annotated[Turn, Traits(affects_result=False, topic="inside")] = Turn()
    hidden: Annotated[Turn | None, Traits(affects_result=False)] = None
    more: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fold_of_random(self) -> "Job":
        if self.fold is not None and self.split == "spot":
            raise ValueError("a fold needs the random split")
        return self


def test_an_option_carries_kind_bounds_choices_and_the_outer_default() -> None:
    found = {option.name: option for option in options(Job)}
    assert found["dataset"].kind == "text"
    assert found["dataset"].required
    assert found["dataset"].help == "Folder with the labels."
    assert (found["epochs"].low, found["epochs"].high) == (1, 100)
    assert found["split"].choices == ("spot", "random")
    assert found["fold"].optional
    assert (found["fold"].kind, found["fold"].low) == ("integer", 0)
    assert found["quiet"].kind == "flag"
    assert (found["names"].kind, found["names"].item) == ("list", str)
    assert found["turn.limit_deg"].default == 7.0, "the outer schema's value counts first"
    assert (found["turn.scale"].kind, found["turn.scale"].item) == ("list", float)
    assert found["more"].kind == "object"
    assert (found["hidden"].kind, found["hidden"].default) == ("object", None)


def test_a_walk_starts_from_an_instance_and_leaves_out_what_it_is_asked_to() -> None:
    start = Job(dataset=Path("a"), epochs=3, turn=Turn(limit_deg=1.0))
    found = {option.name: option for option in options(Job, start, [("hidden",), ("more",)])}
    assert found["epochs"].default == 3
    assert found["turn.limit_deg"].default == 1.0
    assert not found["dataset"].required
    assert "hidden" not in found
    assert "more" not in found


def test_a_type_that_neither_flag_nor_widget_takes_is_a_bug() -> None:
    class Odd(BaseModel):
        table: set[str] = set()

    with pytest.raises(TypeError, match="set"):
        list(options(Odd))


def test_traits_of_a_schema_hold_for_all_options_in_it() -> None:
    found = {option.name: option.traits for option in options(Job)}
    assert found["epochs"] == Traits()
    assert found["quiet"] == Traits(affects_result=False, not_searchable=NO_EFFECT)
    assert found["hidden"] == Traits(affects_result=False, not_searchable=NO_EFFECT)
    assert found["inside.scale"] == Traits(
        affects_result=False, not_searchable=NO_EFFECT, topic="inside"
    )


def test_problems_are_named_in_plain_words() -> None:
    with pytest.raises(ValidationError) as caught:
        Job.model_validate(
            {"epochs": 0, "fold": "x", "turn": {"limit_deg": 90, "scale": [1]}, "speed": 3}
        )
    assert problems(caught.value) == [
        Problem(("dataset",), "is required", MISSING),
        Problem(("epochs",), "must be more than 0", 0),
        Problem(("fold",), "must be a whole number", "x"),
        Problem(("turn", "limit_deg"), "must be at most 45", 90),
        Problem(("turn", "scale"), "needs more values", MISSING),
        Problem(("speed",), "is not an option", 3),
    ]


def test_a_contradiction_belongs_to_no_single_option() -> None:
    with pytest.raises(ValidationError) as caught:
        Job.model_validate({"dataset": "a", "fold": 1})
    assert [problem.path for problem in problems(caught.value)] == [()]
    assert in_words(caught.value) == "a fold needs the random split"
    assert in_words(ValueError("as it is")) == "as it is"


def test_values_nest_by_path_and_text_is_exact() -> None:
    assert nested({("a",): 1, ("b", "c"): 2}) == {"a": 1, "b": {"c": 2}}
    assert [as_text(value) for value in (0.8, 1.2345678e-5, None, True, (1.0, 2.5), ())] == [
        "0.8", "1.2345678e-05", "none", "yes", "1,2.5", "none"
    ]  # fmt: skip


def train(**values: object) -> TrainConfig:
    return TrainConfig.model_validate({"dataset": "d", "run": "r", **values})


def test_only_options_that_affect_the_result_make_runs_different() -> None:
    old = train()
    moved = train(dataset="e", run="s", device="cuda", threads=2, workers=0, wandb=True)
    assert different(old, moved) == []
    assert result_options(old) == result_options(moved)
    new = train(batch_size=8, stage2={"epochs": 3}, refine={"k": 4})
    assert different(old, new) == ["batch_size", "refine", "stage2.epochs"]
    assert different(new, train(batch_size=8, stage2={"epochs": 3}, refine={"k": 5})) == ["refine"]
    assert result_options(old)["refine"] is None
    assert result_options(new)["refine"]["k"] == 4
    assert result_options(new)["augment.crop_scale"] == [0.8, 1.0]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            TrainConfig,
            {"run", "dataset", "device", "threads", "workers", "loader", "export_onnx", "wandb",
             "command", "preset"},
        ),
        (
            CrossvalConfig,
            {"run", "dataset", "device", "threads", "workers", "loader", "export_onnx", "wandb",
             "command", "preset", "plots", "raw"},
        ),
        (
            TuneConfig,
            {"study", "trials", "workers", "train.run", "train.dataset", "train.device",
             "train.threads", "train.workers", "train.loader", "train.export_onnx", "train.wandb",
             "train.command", "train.preset"},
        ),
    ],
)  # fmt: skip
def test_which_options_may_change_when_work_goes_on(
    schema: type[BaseModel], expected: set[str]
) -> None:
    free = {option.name for option in options(schema) if not option.traits.affects_result}
    assert free == expected


def test_a_new_option_without_traits_affects_the_result_and_may_be_searched() -> None:
    class Longer(TrainConfig):
        brand_new: int = 0

    new = next(option for option in options(Longer) if option.name == "brand_new")
    assert new.traits.affects_result
    assert not new.traits.not_searchable
    one, other = (
        Longer(dataset=Path("d"), run=Path("r")),
        Longer(dataset=Path("d"), run=Path("r"), brand_new=1),
    )
    assert different(one, other) == ["brand_new"]


def test_what_no_search_may_vary() -> None:
    whole = {
        "dataset", "allow_missing", "run", "monitor", "command", "seed", "device", "threads",
        "workers", "wandb", "checkpoint_dtype", "preset", "leave_out_tags", "loader",
        "export_onnx", "augment_on",
    }  # fmt: skip
    whole |= {f"split.{name}" for name in TrainConfig.model_fields["split"].default.model_dump()}
    whole |= {f"retrieval.{name}" for name in RetrievalConfig.model_fields} | {"refine"}
    assert {option.name for option in options(TrainConfig)} - set(searchable()) == whole


def test_the_default_space_stands_beside_the_options() -> None:
    assert DEFAULT_SPACE == {
        "stage2.lr_heads": Distribution(low=1e-4, high=1e-2, log=True),
        "stage2.lr_backbone": Distribution(low=1e-5, high=3e-3, log=True),
        "stage2.weight_decay": Distribution(low=1e-6, high=1e-2, log=True),
        "model.region_dropout": Distribution(low=0.0, high=0.5),
        "model.position_dropout": Distribution(low=0.0, high=0.5),
        "model.heading_dropout": Distribution(low=0.0, high=0.5),
        "model.region_embedding": Distribution(choices=(8, 16, 32, 64)),
        "loss.position_weight": Distribution(low=0.3, high=3.0, log=True),
        "loss.heading_weight": Distribution(low=0.3, high=3.0, log=True),
        "augment.crop_scale": Distribution(choices=([0.9, 1.0], [0.8, 1.0], [0.6, 1.0])),
        "augment.colour_probability": Distribution(low=0.0, high=1.0),
        "augment.erasing_probability": Distribution(low=0.0, high=0.5),
        "schedule.kind": Distribution(choices=("cosine", "one_cycle", "plateau")),
    }


class Before(OptionSchema):
    """Options as an earlier version had them."""

    kind: Literal["mse", "huber"] = "mse"
    removed: ClassVar[Mapping[str, Any]] = {"mix": 0.0}
    removed_choices: ClassVar[Mapping[str, tuple[Any, ...]]] = {"kind": ("student_t",)}


class Outer(OptionSchema):
    inner: Before = Before()
    steps: int = 1


def test_a_removed_option_at_the_value_that_holds_is_dropped() -> None:
    config = Outer.model_validate({"inner": {"mix": 0, "kind": "huber"}})
    assert config == Outer(inner=Before(kind="huber"))
    assert removed_values(config) == {}
    assert different(config, Outer(inner=Before(kind="huber"))) == []


def test_a_removed_option_with_another_value_is_read_and_never_mistaken_for_the_same() -> None:
    old = Outer.model_validate({"inner": {"mix": 0.2, "kind": "student_t"}, "steps": 2})
    assert old.inner.kind == "mse"
    assert removed_values(old) == {"inner.mix": 0.2, "inner.kind": "student_t"}
    assert removed_values(old.model_copy(update={"steps": 3})) == removed_values(old)
    assert different(old, Outer(steps=2)) == [
        "inner.kind, which was removed", "inner.mix, which was removed"
    ]  # fmt: skip
    assert different(old, old) == []


def test_new_work_refuses_a_removed_option_by_name() -> None:
    with pytest.raises(ConfigError, match=r"--inner\.mix 0\.2 was removed: leave it out"):
        validated(Outer, {"inner": {"mix": 0.2}})
    assert validated(Outer, {"inner": {"mix": 0.0}}) == Outer()
