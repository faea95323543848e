"""Options: contradictions are refused, and every field can be shown in a form."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from app.train.train_form import FIRST
from core.crossval.schema import CrossvalConfig
from core.options import different, options, removed_values
from core.training.schema import SplitConfig, Stage1Config, Stage2Config, TrainConfig
from core.tuning.schema import TuneConfig

HERE = {"dataset": Path("data"), "run": Path("runs/a")}


def _fields(schema: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, info in schema.model_fields.items():
        nested = [
            kind
            for kind in (info.annotation, *get_args(info.annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if nested and info.description is None:
            yield from _fields(nested[0], f"{path}{name}.")
        else:
            yield f"{path}{name}", info


def test_every_option_is_described() -> None:
    undescribed = [name for name, info in _fields(TrainConfig) if not info.description]
    assert undescribed == []


def test_every_number_has_bounds() -> None:
    schema = TrainConfig.model_json_schema()
    loose = []
    for owner in (schema, *schema["$defs"].values()):
        for name, field in owner.get("properties", {}).items():
            for kind in field.get("anyOf", [field]):
                bounded = {"minimum", "exclusiveMinimum"} & kind.keys()
                if kind.get("type") in ("integer", "number") and not bounded:
                    loose.append(name)
    assert loose == []


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(ValidationError, match="nothing would be trained"):
        TrainConfig(**HERE, stage1=Stage1Config(epochs=0), stage2=Stage2Config(epochs=0))


def test_a_fold_beyond_the_folds_is_refused() -> None:
    with pytest.raises(ValidationError, match="folds run from 0 to 4"):
        SplitConfig(fold=5)


def test_misspelt_options_are_refused() -> None:
    with pytest.raises(ValidationError, match="patiense"):
        TrainConfig.model_validate({**HERE, "patiense": 3})


def test_options_survive_json() -> None:
    config = TrainConfig(**HERE, split=SplitConfig(fold=2), clip_norm=None)
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("photos", "step"),
    [(5000, 32), (768, 32), (767, 31), (400, 16), (190, 8), (20, 8)],
)
def test_few_photos_make_small_steps(photos: int, step: int) -> None:
    assert TrainConfig(**HERE).photos_per_step(photos) == step


def test_steps_are_never_larger_than_asked_for() -> None:
    assert TrainConfig(**HERE, batch_size=4).photos_per_step(5000) == 4
    assert TrainConfig(**HERE, batch_size=4).photos_per_step(10) == 4
    assert TrainConfig(**HERE, least_steps=0).photos_per_step(10) == 32


def test_options_of_an_earlier_version_are_read() -> None:
    content = json.loads(Path(__file__).with_name("config_of_115_options.json").read_text())
    config = TrainConfig.model_validate(content)
    # 1 worker and 128 keypoints were the defaults; now a GPU has more workers, a photo more points.
    older = {"workers": 1, "gallery_points": 128}
    assert config == TrainConfig(dataset=Path("data/demo"), run=Path("runs/old"), **older)
    assert removed_values(config) == {}
    content["augment"]["hue_deg"] = 20.0
    old = TrainConfig.model_validate(content)
    assert removed_values(old) == {"augment.hue_deg": 20.0}
    assert different(old, config) == ["augment.hue_deg, which was removed"]


def test_help_shows_the_options_that_most_people_need_first_and_few_in_all() -> None:
    every = list(options(TrainConfig))
    basic = [option.name for option in every if option.traits.basic]
    assert 10 <= len(basic) <= 15
    assert {".".join(path) for path in FIRST} <= set(basic)
    shown = [option for option in every if not option.traits.expert]
    assert len(shown) <= 74
    assert [option.name for option in shown if not option.traits.topic] == ["dataset", "run"]


def test_studies_and_cross_validations_of_an_earlier_version_are_read() -> None:
    train = json.loads(Path(__file__).with_name("config_of_115_options.json").read_text())
    study = TuneConfig.model_validate({"study": "runs/s", "train": train})
    folds = CrossvalConfig.model_validate(train | {"plots": False})
    assert (removed_values(study), removed_values(folds)) == ({}, {})
    train["loss"] |= {"position_loss": "student_t", "huber_delta": 1.0}
    study = TuneConfig.model_validate({"study": "runs/s", "train": train})
    assert removed_values(study) == {
        "train.loss.position_loss": "student_t", "train.loss.huber_delta": 1.0
    }  # fmt: skip
    assert removed_values(CrossvalConfig.model_validate(train)).keys() == {
        "loss.position_loss", "loss.huber_delta"
    }  # fmt: skip
