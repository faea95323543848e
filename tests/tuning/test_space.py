"""What may be searched, and the words for what may not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.training.schema import TrainConfig
from core.tuning.schema import TuneConfig
from core.tuning.space import (
    DEFAULT_SPACE,
    Distribution,
    grid,
    grid_point,
    parse_distribution,
    restored,
    searchable,
    stored,
    with_values,
)

TinyStudy = Callable[..., TuneConfig]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4..1e-2 log", {"low": 1e-4, "high": 1e-2, "log": True}),
        ("0..0.5 step 0.1", {"low": 0.0, "high": 0.5, "step": 0.1}),
        ("-1..1", {"low": -1.0, "high": 1.0}),
        ("a, b,3,0.5,none,true", {"choices": ("a", "b", 3, 0.5, None, True)}),
        ("[0.8,1],[0.6,1]", {"choices": ([0.8, 1], [0.6, 1])}),
        ("../a.safetensors,../b.safetensors",
         {"choices": ("../a.safetensors", "../b.safetensors")}),
    ],
)  # fmt: skip
def test_a_distribution_is_read_and_written(text: str, expected: dict[str, object]) -> None:
    read = parse_distribution(text)
    assert read == Distribution.model_validate(expected)
    assert parse_distribution(str(read)) == read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1..0", "low must be less than high"),
        ("0..1 log", "begins above 0"),
        ("0..1 step 2", "longer than"),
        ("0..1 loud", "`log` or `step NUMBER`, not loud"),
        ("0..x", "'x' is no number"),
        ("a,b,a", "twice"),
        ("", "either low and high, or choices"),
    ],
)
def test_a_wrong_distribution_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_distribution(text)


@pytest.mark.parametrize(
    ("path", "values", "words"),
    [
        ("stage2.lr_head", "1e-4..1e-2", r"no option of a training run; did you mean .*lr_heads"),
        ("lr_heads", "1e-4..1e-2", r"did you mean .*stage2\.lr_heads"),
        ("stage2", "1e-4..1e-2", r"did you mean stage2\.epochs"),
        ("stage2.lr_heads", "0.5..7", r"stage2\.lr_heads does not take 7\.0: it must be at most 1"),
        ("stage2.lr_heads", "fast,slow", r"stage2\.lr_heads takes a number, not 'fast'"),
        ("model.region_embedding", "8..16 step 0.5", "takes whole numbers"),
        ("schedule.kind", "cosine,linear", r"schedule\.kind does not take 'linear'"),
        ("schedule.kind", "0..1", r"schedule\.kind takes no range"),
        ("augment.crop_scale", "[0.8,1],[1,0.8]", r"augment\.crop_scale does not take"),
        ("seed", "1,2", "the best of many seeds is luck"),
        ("split.seed", "1,2", "cannot be compared"),
        ("run", "a,b", "the study sets it itself"),
    ],
)
def test_a_space_that_does_not_fit_is_refused_by_its_path(
    path: str, values: str, words: str, tiny_study: TinyStudy, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match=words):
        tiny_study(tmp_path, space={path: parse_distribution(values)})


def test_the_default_space_fits_and_every_option_can_be_named(
    tiny_study: TinyStudy, tmp_path: Path
) -> None:
    assert tiny_study(tmp_path, space=DEFAULT_SPACE).planned == 3
    named = set(searchable())
    assert set(DEFAULT_SPACE) <= named
    assert {"model.backbone", "loss.heading_weight", "batch_size"} <= named


def test_the_loss_cannot_judge_its_own_weights(tiny_study: TinyStudy, tmp_path: Path) -> None:
    space = {"loss.heading_weight": Distribution(low=0.1, high=1.0)}
    assert tiny_study(tmp_path, space=space, monitor="score").monitor == "score"
    with pytest.raises(ValidationError, match=r"loss cannot compare loss\.heading_weight"):
        tiny_study(tmp_path, space=space, monitor="loss")


def test_a_grid_is_the_exact_product_each_once(tiny_study: TinyStudy, tmp_path: Path) -> None:
    space = {
        "model.region_dropout": Distribution(low=0.0, high=0.3, step=0.1),
        "model.region_embedding": Distribution(low=2, high=4),
        "augment.crop_scale": Distribution(choices=([0.8, 1.0], [0.6, 1.0])),
    }
    config = tiny_study(tmp_path, space=space, sampler="grid", trials=None)
    assert config.planned == len(grid(space)) == 4 * 3 * 2
    drawn = [tuple(grid_point(space, 5, number).items()) for number in range(24)]
    assert len(set(drawn)) == 24
    assert {dict(each)["model.region_dropout"] for each in drawn} == {0.0, 0.1, 0.2, 0.3}
    assert drawn != [tuple(each.items()) for each in grid(space)], "the seed orders the grid"
    assert tiny_study(tmp_path, space=space, sampler="grid", trials=7).planned == 7
    assert tiny_study(tmp_path, space=space, sampler="grid", trials=99).planned == 24


def test_a_grid_of_a_continuous_range_is_refused(tiny_study: TinyStudy, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"stage2\.lr_heads: a grid needs choices"):
        tiny_study(tmp_path, sampler="grid")


def test_drawn_values_land_in_the_options_of_the_run(tiny_study: TinyStudy, tmp_path: Path) -> None:
    config = tiny_study(tmp_path)
    values = {"stage2.lr_heads": 0.002, "augment.crop_scale": stored([0.6, 1.0])}
    options = with_values(config.train, config.space, values)
    assert isinstance(options, TrainConfig)
    assert options.stage2.lr_heads == 0.002
    assert options.augment.crop_scale == (0.6, 1.0)
    assert options.stage2.epochs == config.train.stage2.epochs


def test_a_choice_comes_back_as_it_was() -> None:
    choices = (1, True, 0, False, None, "1", [1, 2], {"layers": [1]})
    assert [restored(stored(choice), choices) for choice in choices] == list(choices)
    kinds = [type(restored(stored(choice), choices)) for choice in choices]
    assert kinds == [type(choice) for choice in choices]
