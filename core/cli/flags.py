"""Options on the command line: one flag for each option of a schema, or a JSON file of options.

The values stay text; the schema parses and checks them, so that the command line, the run file and
the form in the app accept and refuse the same things.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import ConfigError
from core.options import (
    MISSING,
    NOTHING,
    Option,
    Problem,
    Schema,
    as_text,
    merged,
    nested,
    options,
    problems,
    removed_values,
    value_at,
)
from core.system import SYSTEM

_METAVARS = {int: "INT", float: "NUMBER", Path: "PATH", str: "TEXT"}


def add_flags(
    parser: argparse.ArgumentParser,
    schema: type[BaseModel],
    *,
    short: Mapping[str, str] | None = None,
    without: tuple[str, ...] = (),
    aliases: Mapping[str, str] | None = None,
) -> None:
    """Give a command one flag per option of its schema, under the headings of their topics.

    Args:
        parser: The command's parser.
        schema: The command's options.
        short: Short names of nested options: `{"--backbone": "model.backbone"}`.
        without: Dotted names of options, or of whole inner schemas, that the command sets itself.
        aliases: Further flags that are accepted and not shown, such as those of earlier versions.
    """
    other: dict[str, list[str]] = {}
    for flag, path in (aliases or {}).items():
        other.setdefault(path, []).append(flag)
    names = {path: flag for flag, path in (short or {}).items()}
    every = {option.name: option for option in options(schema)}
    unknown = set(names) - set(every)
    if unknown:
        raise ValueError(f"{schema.__name__} has no option {sorted(unknown)}")
    headings = {group.title: group for group in parser._action_groups}
    for option in options(schema, without={tuple(name.split(".")) for name in without}):
        full = _flag(option.name)
        flag = names.get(option.name, full)
        topic = "" if option.traits.basic else option.traits.topic
        if topic and topic not in headings:
            headings[topic] = parser.add_argument_group(topic)
        group: Any = headings[topic] if topic else parser
        settings = _settings(option)
        if option.traits.expert:
            settings["help"] = argparse.SUPPRESS
        # A search names options by their dotted names, so help shows these too.
        shown = dict.fromkeys([flag, full] if "." in full else [flag])
        group.add_argument(*shown, **settings)
        for alias in {full, *other.get(option.name, ())} - set(shown):
            parser.add_argument(alias, **settings | {"help": argparse.SUPPRESS})


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the flags that the user wrote, as the nested mapping that the schema validates."""
    values = vars(arguments).items()
    return nested({tuple(name[1:].split(".")): value for name, value in values if name[0] == "."})


def as_words(config: BaseModel, short: Mapping[str, str] | None = None) -> list[str]:
    """Return the flags that give these options: those that differ from their defaults."""
    names = {path: flag for flag, path in (short or {}).items()}
    words: list[str] = []
    for option in options(type(config)):
        value = value_at(config, option.path)
        if value == option.default and not option.required:
            continue
        flag = names.get(option.name, _flag(option.name))
        if option.kind == "flag":
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, option.text(value)]
    return words


def typed(command: str, config: BaseModel, short: Mapping[str, str] | None = None) -> str:
    """Return the command line that gives these options, whoever chose them and how.

    Args:
        command: The command's name. Its `dataset` comes first, without a flag.
        config: Options with the fields `dataset` and `command`; the latter is not written.
        short: Short names, as for `add_flags`.
    """
    # The flags are complete: a preset whose table changed later must not add to them.
    bare = {name: None for name in ("preset",) if name in type(config).model_fields}
    words = as_words(config.model_copy(update={"command": ""} | bare), short)
    place = words.index("--dataset")
    dataset = words[place + 1]
    del words[place : place + 2]
    return f"python -m core {command} " + SYSTEM.command_line([dataset, *words])


def validated(
    schema: type[Schema], values: Mapping[str, Any], short: Mapping[str, str] | None = None
) -> Schema:
    """Check `values` against a schema.

    Args:
        schema: The command's options.
        values: Nested, as written on the command line or in a run file.
        short: Short names: `{"--backbone": "model.backbone"}`.

    Raises:
        ConfigError: Names every flag that is wrong, what is wrong, and what was given.
    """
    try:
        config = schema.model_validate(values)
    except ValidationError as error:
        names = {path: flag for flag, path in (short or {}).items()}
        lines = [_sentence(problem, names) for problem in problems(error)]
        raise ConfigError("\n       ".join(lines)) from error
    if lost := removed_values(config):
        lines = [
            f"{_flag(name)} {as_text(value)} was removed: leave it out (CHANGELOG.md says why)"
            for name, value in lost.items()
        ]
        raise ConfigError("\n       ".join(lines))
    return config


def chosen(
    arguments: argparse.Namespace,
    schema: type[Schema],
    command: str,
    short: Mapping[str, str],
    saved: Schema | None = None,
    begin: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Schema:
    """Return the options of a command that takes DATASET, `--config` and `--preset`.

    Flags override the options of the work that is resumed, or those in the file, or those of the
    preset. New work keeps the command line that gives the same options.

    Args:
        arguments: As parsed.
        schema: The command's options, with the fields `dataset` and `command`.
        command: The command's name.
        short: Short names, as for `add_flags`.
        saved: Options of the work that is resumed.
        begin: Lays the given options on those of `--preset`.

    Raises:
        ConfigError: Names every flag that is wrong or missing.
    """
    values = given(arguments)
    preset = values.get("preset")
    if preset is not None and (saved is not None or arguments.config is not None):
        raise ConfigError(
            "--preset sets the options of new work: leave it out, or leave out "
            + ("--config" if saved is None else "--resume")
        )
    if arguments.dataset is not None:
        values["dataset"] = str(arguments.dataset)
    if saved is not None:
        values = merged(saved.model_dump(), values)
    elif arguments.config is not None:
        values = merged(read_options(arguments.config), values)
    if "dataset" not in values:
        raise ConfigError("DATASET is required: the folder with labels and photos")
    if preset is not None and begin is not None:
        values = begin(values)
    config = validated(schema, values, short)
    if saved is not None:
        return config
    return config.model_copy(update={"command": typed(command, config, short)})


def read_options(name: str) -> dict[str, Any]:
    """Read the JSON object in a file; `-` reads the input, as the queue starts a command.

    Raises:
        ConfigError: It cannot be read, or is not a JSON object.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"--config {name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"--config {name} must hold a JSON object, as a run's config.json does")
    return content


def _flag(name: str) -> str:
    """The full flag of an option: `--stage1.weight-decay`."""
    return "--" + name.replace("_", "-")


def _settings(option: Option) -> dict[str, Any]:
    text = option.help.replace("%", "%%")
    after = "required" if option.required else f"default: {option.text(option.default)}"
    # The leading dot separates a schema's options from the command's own arguments.
    settings: dict[str, Any] = {
        "dest": f".{option.name}",
        "default": argparse.SUPPRESS,
        "help": f"{text} ({after.replace('%', '%%')})",
    }
    if option.kind == "flag":
        return settings | {"action": argparse.BooleanOptionalAction}
    if option.kind == "list":
        return settings | {"type": _values, "metavar": "A,B,..."}
    if option.kind == "object":
        nothing = f"|{NOTHING}" if option.optional else ""
        return settings | {"type": _object, "metavar": f"JSON{nothing}"}
    settings["type"] = _or_nothing if option.optional else str
    if option.choices:
        settings["choices"] = [*option.choices, *([None] if option.optional else [])]
        shown = [*option.choices, *([NOTHING] if option.optional else [])]
        return settings | {"metavar": "{" + ",".join(shown) + "}"}
    nothing = f"|{option.traits.nothing}" if option.optional else ""
    return settings | {"metavar": _METAVARS[option.type] + nothing}


def _sentence(problem: Problem, names: Mapping[str, str]) -> str:
    if not problem.path:
        return problem.words
    name = ".".join(problem.path)
    given = problem.given
    shown = NOTHING if given is None else repr(given) if given == "" else str(given)
    after = "" if given is MISSING else f", got {shown}"
    return f"{names.get(name, _flag(name))} {problem.words}{after}"


def _or_nothing(text: str) -> str | None:
    return None if text.lower() == NOTHING else text


def _values(text: str) -> list[str] | None:
    if text.lower() == NOTHING:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


def _object(text: str) -> dict[str, Any] | None:
    if text.lower() == NOTHING:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text} is not a JSON object, such as {{}}")
    return value
