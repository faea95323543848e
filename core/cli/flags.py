"""Flags of a command, made from its pydantic schema: one flag a field, dotted where it is nested.

The values stay text; the schema parses and checks them, so that the command line, the run file and
the form in the app accept and refuse the same things.
"""

import argparse
import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Names = tuple[str, ...]
# What stands for "nothing" where a field is optional.
NOTHING = "none"
_METAVARS = {int: "INT", float: "NUMBER", Path: "PATH", str: "TEXT"}


@dataclass(frozen=True)
class Field:
    """A field of a schema that is no schema itself.

    Attributes:
        path: Names from the outer schema to the field, as in `("stage1", "lr")`.
        info: What pydantic knows of it.
        kind: Its type without `None`.
        optional: Whether `none` is an answer.
    """

    path: Names
    info: FieldInfo
    kind: Any
    optional: bool

    @property
    def flag(self) -> str:
        """Its full name on the command line: `--stage1.weight-decay`."""
        return "--" + ".".join(self.path).replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """Whether the field is true or false."""
        return self.kind is bool

    @property
    def is_list(self) -> bool:
        """Whether several values are written with commas between them."""
        return get_origin(self.kind) in (tuple, list)

    @property
    def is_mapping(self) -> bool:
        """Whether the field is a JSON object."""
        return get_origin(self.kind) is dict

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed words, where only some are."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def help(self) -> str:
        """Its description with the default behind it."""
        text = self.info.description or ""
        if self.info.is_required():
            return f"{text} (required)"
        return f"{text} (default: {_shown(self.info.get_default(call_default_factory=True))})"


def fields(schema: type[BaseModel], above: Names = ()) -> Iterator[Field]:
    """Every field of a schema and of the schemas inside it, in order of declaration."""
    for name, info in schema.model_fields.items():
        kind, optional = _without_none(info.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, (*above, name))
        else:
            yield Field((*above, name), info, kind, optional)


def add_flags(
    parser: argparse.ArgumentParser,
    schema: type[BaseModel],
    *,
    short: Mapping[str, str] | None = None,
    without: tuple[str, ...] = (),
) -> None:
    """Give a command one flag per field of its schema.

    Args:
        parser: The command's parser.
        schema: The command's options.
        short: Friendly names of nested fields: `{"--backbone": "model.backbone"}`.
        without: Dotted names of fields, or of whole inner schemas, that the command sets itself.
    """
    friendly = {path: flag for flag, path in (short or {}).items()}
    every = {".".join(field.path): field for field in fields(schema)}
    unknown = set(friendly) - set(every)
    if unknown:
        raise ValueError(f"{schema.__name__} has no field {sorted(unknown)}")
    groups: dict[str, Any] = {"": parser.add_argument_group("options of the command")}
    for path, field in every.items():
        if any(path == name or path.startswith(f"{name}.") for name in without):
            continue
        owner = "" if path in friendly else ".".join(field.path[:-1])
        if owner not in groups:
            groups[owner] = parser.add_argument_group(f"{owner} options")
        names = [friendly[path]] if path in friendly else []
        _add(groups[owner], field, [*names, *({field.flag} - set(names))])


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The flags that the user wrote, as the nested mapping that the schema validates."""
    nested: dict[str, Any] = {}
    for dotted, value in vars(arguments).items():
        if not dotted.startswith("."):
            continue
        *above, name = dotted[1:].split(".")
        place = nested
        for step in above:
            place = place.setdefault(step, {})
        place[name] = value
    return nested


def as_words(options: BaseModel, short: Mapping[str, str] | None = None) -> list[str]:
    """Turn options back into the flags that give them: those that differ from their defaults."""
    friendly = {path: flag for flag, path in (short or {}).items()}
    words: list[str] = []
    for field in fields(type(options)):
        value = _value(options, field.path)
        if value is _ABSENT or value == _default(type(options), field.path):
            continue
        flag = friendly.get(".".join(field.path), field.flag)
        if field.is_switch:
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, _shown(value)]
    return words


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `over` laid on it, level by level."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[name] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def _add(group: Any, field: Field, names: list[str]) -> None:  # noqa: ANN401 - argparse keeps it private
    # The leading dot tells a schema's flag from an argument of the command itself.
    settings: dict[str, Any] = {
        "dest": "." + ".".join(field.path),
        "default": argparse.SUPPRESS,
        "help": field.help.replace("%", "%%"),
    }
    if field.is_switch:
        settings["action"] = argparse.BooleanOptionalAction
    elif field.is_list:
        settings |= {"type": _values, "metavar": "A,B,..."}
    elif field.is_mapping:
        settings |= {"type": _mapping, "metavar": "JSON"}
    else:
        settings["type"] = _or_nothing if field.optional else str
        if field.choices:
            settings["choices"] = [*field.choices, *([None] if field.optional else [])]
            shown = [*field.choices, *([NOTHING] if field.optional else [])]
            settings["metavar"] = "{" + ",".join(shown) + "}"
        else:
            nothing = f"|{NOTHING}" if field.optional else ""
            settings["metavar"] = _METAVARS.get(field.kind, "VALUE") + nothing
    group.add_argument(*names, **settings)


_ABSENT = object()


def _value(options: BaseModel, path: Names) -> Any:  # noqa: ANN401 - any value
    """Value of a field; absent where a schema above it is none."""
    here: Any = options
    for name in path:
        if here is None:
            return _ABSENT
        here = getattr(here, name)
    return here


def _default(schema: type[BaseModel], path: Names) -> Any:  # noqa: ANN401 - any value
    """What a field has when nothing is said; the default of a schema above it counts first."""
    info = schema.model_fields[path[0]]
    if info.is_required():
        return _ABSENT
    value = info.get_default(call_default_factory=True)
    return _value(value, path[1:]) if path[1:] else value


def _or_nothing(text: str) -> str | None:
    return None if text.lower() == NOTHING else text


def _values(text: str) -> list[str] | None:
    if text.lower() == NOTHING:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text} is no JSON object, such as {{}}")
    return value


def _shown(value: Any) -> str:  # noqa: ANN401 - any default
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        short = f"{value:g}"
        # A command that is to give the same run again must not round its options.
        return short if float(short) == value else repr(value)
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, tuple | list):
        return ",".join(_shown(each) for each in value) or NOTHING
    return str(value)


def _without_none(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - any annotation
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [each for each in get_args(annotation) if each is not type(None)]
        optional = len(members) < len(get_args(annotation))
        return (members[0] if len(members) == 1 else Union[tuple(members)]), optional  # noqa: UP007
    return annotation, False
