"""Flags come from the schema, give back what was typed, and turn back into what gives them."""

import argparse
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from core.cli.flags import add_flags, as_words, chosen, given, validated
from core.cli.flags import typed as typed_out
from core.errors import ConfigError
from core.options import Traits, merged
from core.training.schema import TrainConfig


class Inner(BaseModel):
    """Options of a part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lr: float = Field(1e-3, gt=0, description="Learning rate")
    weight_decay: float | None = Field(None, description="Decay")
    span: tuple[float, float] = Field((0.1, 2.0), description="From and to")


class Options(BaseModel):
    """Options of a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: str = Field(description="Where to")
    kind: Literal["a", "b"] = Field("a", description="Which, 100 % sure")
    size: int | None = Field(None, ge=8, description="Size")
    quick: bool = Field(False, description="Hurry")
    more: dict[str, int] = Field(default_factory=dict, description="Further")
    inner: Inner = Inner()
    other: Inner | None = Field(None, description="Empty: none")


SHORT = {"--lr": "inner.lr"}


def typed(*words: str) -> Options:
    """Parse words as the command line would."""
    parser = argparse.ArgumentParser()
    add_flags(parser, Options, short=SHORT)
    return validated(Options, given(parser.parse_args(words)), SHORT)


def test_only_what_was_typed_leaves_its_default() -> None:
    assert typed("--out", "x") == Options(out="x")
    assert typed("--out", "x", "--inner.weight-decay", "0.5").inner == Inner(weight_decay=0.5)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--kind", "b"], Options(out="x", kind="b")),
        (["--size", "64"], Options(out="x", size=64)),
        (["--size", "none"], Options(out="x")),
        (["--quick"], Options(out="x", quick=True)),
        (["--no-quick"], Options(out="x")),
        (["--lr", "0.1"], Options(out="x", inner=Inner(lr=0.1))),
        (["--inner.lr", "0.1"], Options(out="x", inner=Inner(lr=0.1))),
        (["--inner.span", "0.5,1"], Options(out="x", inner=Inner(span=(0.5, 1.0)))),
        (["--more", '{"a": 1}'], Options(out="x", more={"a": 1})),
        (["--other", '{"lr": 2}'], Options(out="x", other=Inner(lr=2.0))),
        (["--other", "{}"], Options(out="x", other=Inner())),
    ],
)
def test_flags_become_options_and_options_flags(words: list[str], expected: Options) -> None:
    assert typed("--out", "x", *words) == expected
    assert typed(*as_words(expected, SHORT)) == expected


def test_default_options_need_no_flag() -> None:
    assert as_words(Options(out="x")) == ["--out", "x"]


def test_help_shows_descriptions_and_defaults() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Options, short=SHORT, without=("other",))
    text = " ".join(parser.format_help().split())
    assert "Which, 100 % sure (default: a)" in text
    assert "--lr NUMBER, --inner.lr NUMBER Learning rate (default: 0.001)" in text
    assert "--size INT|none" in text
    assert "Where to (required)" in text
    assert "--other" not in text


def test_other_names_are_accepted_and_not_shown() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, Options, short=SHORT, aliases={"--target": "out", "--rate": "inner.lr"})
    written = given(parser.parse_args(["--target", "x", "--rate", "2"]))
    assert written == {"out": "x", "inner": {"lr": "2"}}
    assert "--target" not in parser.format_help()
    assert "--rate" not in parser.format_help()


def test_options_stand_under_their_topics_and_an_expert_s_are_not_shown() -> None:
    class Topics(BaseModel):
        out: Annotated[str, Traits(topic="speed", basic=True)] = "x"
        threads: Annotated[int, Traits(topic="speed")] = 1
        block: Annotated[int, Traits(topic="speed", expert=True)] = 1

    parser = argparse.ArgumentParser()
    add_flags(parser, Topics)
    first, _, speed = parser.format_help().partition("speed:")
    assert "--out" in first
    assert "--threads" in speed
    assert "--block" not in first + speed
    assert given(parser.parse_args(["--block", "3"])) == {"block": "3"}


def test_a_short_name_for_nothing_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(ValueError, match="has no option"):
        add_flags(argparse.ArgumentParser(), Options, short={"--x": "inner.nothing"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--out is required"),
        (["--out", "x", "--lr", "fast"], "--lr must be a number, got fast"),
        (["--out", "x", "--lr", "0"], "--lr must be more than 0, got 0"),
        (["--out", "x", "--size", "7"], "--size must be at least 8, got 7"),
        (["--out", "x", "--size", "8.5"], "--size must be a whole number, got 8.5"),
        (["--out", "x", "--inner.span", "1,b"], "--inner.span must be a number, got b"),
        (["--out", "x", "--inner.span", "1"], "--inner.span needs more values"),
    ],
)
def test_mistakes_are_named_in_plain_words(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        typed(*words)
    assert str(caught.value) == message


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        typed("--lr", "x", "--size", "1")
    assert len(str(caught.value).splitlines()) == 3


def test_what_no_flag_can_say_is_refused_too() -> None:
    with pytest.raises(ConfigError, match=r"--inner\.speed is not an option, got 3"):
        validated(Options, {"out": "x", "inner": {"speed": 3}})


def test_merging_goes_level_by_level() -> None:
    below = {"a": 1, "inner": {"lr": 1, "span": 2}}
    assert merged(below, {"inner": {"lr": 3}}) == {"a": 1, "inner": {"lr": 3, "span": 2}}
    assert merged(below, {"inner": None}) == {"a": 1, "inner": None}
    assert merged({"inner": None}, {"inner": {"lr": 3}}) == {"inner": {"lr": 3}}


def test_a_command_line_is_quoted_for_the_shell_of_this_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Shell:
        @staticmethod
        def command_line(words: list[str]) -> str:
            return " ".join(f"<{word}>" for word in words)

    config = TrainConfig(dataset=Path("my data"), run=Path("runs/a"), command="old", seed=3)
    assert typed_out("train", config) == "python -m core train 'my data' --run runs/a --seed 3"
    monkeypatch.setattr("core.cli.flags.SYSTEM", Shell)
    assert typed_out("train", config).startswith("python -m core train <my data> <--run>")


def test_flags_override_saved_options_and_these_the_file(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("--config")
    add_flags(parser, TrainConfig, without=("dataset", "command"))
    file = tmp_path / "config.json"
    file.write_text('{"dataset": "d", "run": "r", "seed": 5, "batch_size": 8}')
    new = parser.parse_args(["--config", str(file), "--seed", "6"])
    config = chosen(new, TrainConfig, "train", {})
    assert (config.seed, config.batch_size) == (6, 8)
    assert config.command == "python -m core train d --run r --seed 6 --batch-size 8"
    resumed = parser.parse_args(["--config", "nowhere", "--threads", "2"])
    again = chosen(resumed, TrainConfig, "train", {}, config)
    assert again == config.model_copy(update={"threads": 2})
    with pytest.raises(ConfigError, match="DATASET is required"):
        chosen(parser.parse_args(["--run", "r"]), TrainConfig, "train", {})
