"""The command line itself: help that runs, mistakes without tracebacks, exit codes."""

import argparse
import dataclasses
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import core.__main__ as command_line
from core.__main__ import COMMANDS, find_command, main, make_parser
from core.cli.command import Command
from core.errors import LabelError

EXAMPLES = [example for name in COMMANDS for example in find_command(name).examples]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_can_be_typed(example: str) -> None:
    program, *words = shlex.split(example.removeprefix("python -m "), comments=True)
    assert program == "core"
    make_parser().parse_args(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_every_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = find_command(name)
    assert command.name == name
    with pytest.raises(SystemExit) as left:
        main([command.name, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    for example in command.examples:
        assert example in shown
    assert shown.startswith(f"usage: python -m core {command.name} ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: COMMAND"),
        (["trane"], "did you mean train?"),
        (["train", "x", "--run", "y", "--epoch", "3"], "did you mean --epochs?"),
        (["train", "x", "--run", "y", "--split", "fair"], "choose from spot, visit"),
        (["predict", "x"], "required: PHOTO_OR_FOLDER"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert message in capsys.readouterr().err.replace("'", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["demo"], "--out is required"),
        (["train"], "DATASET is required"),
        (["train", "--resume"], "--resume needs --run"),
        (["train", "x"], "--run is required"),
        (["train", "x", "--run", "y", "--epochs", "x"], "--epochs must be a whole number, got x"),
        (["train", "x", "--run", "y", "--fold", "5"], "fold 5 does not exist"),
        (["train", "x", "--config", "nowhere.json"], "nowhere.json cannot be read"),
        (["train", "x", "--run", "y"], "no dataset folder x"),
        (["evaluate", "y", "x"], "no dataset folder x"),
        (["train", "--run", "nowhere", "--resume"], "nowhere holds no run"),
        (["evaluate", "nowhere"], "nowhere"),
        (["predict", "nowhere", "nothing.jpg"], "no photo or folder nothing.jpg"),
        (["runs", "nowhere"], "no folder nowhere"),
    ],
)
def test_a_mistake_is_exit_code_1_and_one_message(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert message in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def raising(error: BaseException) -> Callable[[str], Command]:
    """A lookup of commands, each of which ends in an error."""

    def run(_arguments: argparse.Namespace) -> int:
        raise error

    runs = find_command("runs")
    return lambda _name: dataclasses.replace(runs, run=run)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (LabelError("row 3 has no angle"), 1, "error: row 3 has no angle\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_exit_codes_tell_what_happened(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr(command_line, "find_command", raising(error))
    assert main(["runs"]) == code
    assert capsys.readouterr().err == message


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "find_command", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["runs"])


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert re.fullmatch(r"Bearings \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_a_config_file_must_hold_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "options.json"
    path.write_text("[1]")
    assert main(["train", "x", "--config", str(path)]) == 1
    assert "must hold a JSON object" in capsys.readouterr().err
    path.write_text(json.dumps({"dataset": "x", "run": "y", "speed": 3}))
    assert main(["train", "--config", str(path)]) == 1
    assert "--speed is not an option, got 3" in capsys.readouterr().err
