"""Options: one walk over the fields of a pydantic schema, and one wording of its errors.

Command-line flags, the forms of the app and the search space of tuning all read `options(SCHEMA)`.
A field's `Traits` hold what its type does not: its heading in help, whether it affects results, and
how a search draws it. No heavy import here.
"""

import json
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

Schema = TypeVar("Schema", bound=BaseModel)
Names = tuple[str, ...]
"""The way from the outer schema to a field, as in `("stage1", "lr")`."""
Kind = Literal["flag", "integer", "number", "choice", "text", "list", "object"]
NOTHING = "none"
"""How an optional value that is absent is written."""
NO_EFFECT = "it decides where and how fast a run is computed, not how good it is"


class OptionSchema(BaseModel):
    """A frozen schema of options that still reads what an earlier version wrote.

    Attributes:
        removed: Options of earlier versions, each with the value that now always holds. They are
            accepted with any value, so that old runs stay readable; `removed_values` returns those
            whose value no longer holds.
        removed_choices: Values that an option no longer takes. The default stands in for them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    removed: ClassVar[Mapping[str, Any]] = {}
    removed_choices: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    _lost: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _without_removed(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        if not isinstance(values, Mapping):
            return handler(values)
        kept, lost = dict(values), {}
        for name in [*cls.removed, *cls.removed_choices]:
            if name in cls.removed and name in kept:
                value = kept.pop(name)
                if as_text(value) != as_text(cls.removed[name]):
                    lost[name] = value
            elif name in kept and kept[name] in cls.removed_choices.get(name, ()):
                lost[name] = kept.pop(name)
        made = handler(kept)
        made._lost.update(lost)
        return made


def removed_values(config: BaseModel) -> dict[str, Any]:
    """Return the values that cannot be kept, by dotted name: their options were removed."""
    lost = dict(config._lost) if isinstance(config, OptionSchema) else {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            lost |= {f"{name}.{inner}": kept for inner, kept in removed_values(value).items()}
    return lost


@dataclass(frozen=True)
class Traits:
    """Properties of an option beyond its type: `lr: Annotated[float, Traits(...)] = Field(...)`.

    The traits of a field that holds a schema hold for all options in it.

    Attributes:
        affects_result: Whether another value can give another result. Where it is False, work may
            be resumed with another value, and two results with different values are comparable.
        search: What a search draws from unless the user says otherwise, as `--vary` takes it;
            empty: the option is not searched by default.
        not_searchable: Why no search may vary it; empty: a search may.
        topic: The heading under which help and forms show it; empty: none of its own.
        basic: Whether most people need it: help shows it first.
        expert: Whether hardly anybody needs it: a form shows it last, and help does not show it.
        nothing: How an optional value that is absent is written.
    """

    affects_result: bool = True
    search: str = ""
    not_searchable: str = ""
    topic: str = ""
    basic: bool = False
    expert: bool = False
    nothing: str = NOTHING

    def inside(self, outer: "Traits") -> "Traits":
        """These traits, for a field of a schema that is itself a field with traits."""
        affects = self.affects_result and outer.affects_result
        reason = self.not_searchable or outer.not_searchable
        return replace(
            self,
            affects_result=affects,
            not_searchable=reason or ("" if affects else NO_EFFECT),
            topic=self.topic or outer.topic,
            expert=self.expert or outer.expert,
        )


@dataclass(frozen=True)
class Option:
    """A field of a schema that holds a value; a schema that may be None is one value, an object.

    Attributes:
        path: Names from the outer schema to the field.
        type: Its type without `None` and annotations.
        kind: What is written: `list` is values with commas between them, `object` a JSON object.
        help: The field's description.
        default: What it has if nothing is given; an outer schema's default counts first.
        required: Whether there is no default.
        optional: Whether `None` is an answer.
        traits: What the type does not say.
        low: Least allowed value, inclusive; None for no bound.
        high: Greatest allowed value, inclusive; None for no bound.
    """

    path: Names
    type: Any
    kind: Kind
    help: str
    default: Any
    required: bool
    optional: bool
    traits: Traits
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """Its dotted name: `stage1.lr`."""
        return ".".join(self.path)

    def text(self, value: Any) -> str:  # noqa: ANN401 - any value of the option
        """Write a value as the option's flag takes it."""
        return self.traits.nothing if value is None else as_text(value)

    @property
    def choices(self) -> tuple[Any, ...]:
        """The allowed values of a `choice`."""
        return get_args(self.type) if self.kind == "choice" else ()

    @property
    def item(self) -> Any:  # noqa: ANN401 - any type
        """The type of the values of a `list`."""
        return get_args(self.type)[0] if self.kind == "list" else None


def options(
    schema: type[BaseModel], start: BaseModel | None = None, without: Collection[Names] = ()
) -> Iterator[Option]:
    """Yield every option of a schema and of the schemas inside it, in order of declaration.

    Args:
        schema: The schema to walk.
        start: An instance whose values are the defaults, in place of the fields' own.
        without: Paths of options, or of whole inner schemas, to leave out.
    """
    yield from _walk(schema, start, (), Traits(), frozenset(without))


def _walk(
    schema: type[BaseModel],
    start: BaseModel | None,
    above: Names,
    outer: Traits,
    without: frozenset[Names],
) -> Iterator[Option]:
    for name, info in schema.model_fields.items():
        path = (*above, name)
        if path in without:
            continue
        kind, optional, limits = _unwrapped(info)
        own = next((mark for mark in limits if isinstance(mark, Traits)), Traits())
        traits = own.inside(outer)
        required = start is None and info.is_required()
        value = getattr(start, name) if start is not None else _default(info)
        if _is_schema(kind) and not optional:
            yield from _walk(kind, value, path, traits, without)
            continue
        low, high = _bounds(limits, whole=kind is int)
        yield Option(
            path, kind, _kind(kind), info.description or "", value, required, optional,
            traits, low, high,
        )  # fmt: skip


def value_at(config: BaseModel, path: Names) -> Any:  # noqa: ANN401 - any value of an option
    """Return the value of an option."""
    value: Any = config
    for name in path:
        value = getattr(value, name)
    return value


def different(old: Schema, new: Schema) -> list[str]:
    """Return the dotted names of the options that affect the result and differ, sorted.

    A removed option counts, and is named as such: work that used it cannot go on.
    """
    was, now = removed_values(old), removed_values(new)
    lost = {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
    names = {f"{name}, which was removed" for name in lost}
    for option in options(type(new)):
        if option.traits.affects_result:
            if value_at(old, option.path) != value_at(new, option.path):
                names.add(option.name)
    return sorted(names)


def result_options(config: BaseModel) -> dict[str, Any]:
    """Return the values of all options that affect the result, by dotted name, as JSON has them."""
    content = config.model_dump(mode="json")
    values: dict[str, Any] = {}
    for option in options(type(config)):
        if option.traits.affects_result:
            value: Any = content
            for name in option.path:
                value = value[name]
            values[option.name] = value
    return values


def nested(values: Mapping[Names, Any]) -> dict[str, Any]:
    """Turn values by path into nested dictionaries, as a schema validates them."""
    result: dict[str, Any] = {}
    for path, value in values.items():
        inner = result
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return result


def flat(values: Mapping[str, Any], above: Names = ()) -> dict[Names, Any]:
    """Turn nested dictionaries into values by path: the inverse of `nested`."""
    result: dict[Names, Any] = {}
    for name, value in values.items():
        path = (*above, name)
        result |= flat(value, path) if isinstance(value, Mapping) else {path: value}
    return result


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the entries of `over` laid on it, level by level."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[name] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def as_text(value: Any) -> str:  # noqa: ANN401 - any value of an option
    """Write a value as a flag takes it; numbers short where that is exact, else in full."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, BaseModel):
        return json.dumps(value.model_dump(mode="json", exclude_defaults=True))
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, tuple | list):
        return ",".join(as_text(item) for item in value) or NOTHING
    return str(value)


# Pydantic speaks of "input" and "instance"; these speak of the option.
_WORDS = {
    "missing": "is required",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "path_type": "must be a path",
    "string_too_short": "must not be empty",
    "tuple_type": "must be values separated by commas",
    "list_type": "must be values separated by commas",
    "too_long": "takes at most {max_length} values",
    "too_short": "needs at least {min_length} values",
    "dict_type": 'must be a JSON object, such as {{"name": 1}}',
    "model_type": "must be a JSON object of options",
    "extra_forbidden": "is not an option",
}
UNKNOWN = _WORDS["extra_forbidden"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with given options.

    Attributes:
        path: The option; empty where several contradict each other, which the words then name.
        words: What is wrong, as it follows the option's name.
        given: The wrong value; `MISSING` where there is none.
    """

    path: Names
    words: str
    given: Any


MISSING = object()


def problems(error: ValidationError) -> list[Problem]:
    """Say in plain words what is wrong, one problem for each of pydantic's findings."""
    problems = []
    for item in error.errors(include_url=False):
        path = tuple(str(part) for part in item["loc"] if not isinstance(part, int))
        kind, given = item["type"], item["input"]
        words = str(item["msg"]).removeprefix("Value error, ")
        if kind == "missing" and item["loc"] and isinstance(item["loc"][-1], int):
            words, given = "needs more values", MISSING
        elif kind == "missing":
            words, given = _WORDS[kind], MISSING
        elif given is None and kind not in ("value_error", "assertion_error"):
            words = "must not be empty"
        elif kind in _WORDS:
            words = _WORDS[kind].format(**item.get("ctx", {}))
        elif isinstance(given, Mapping | BaseModel):
            # A schema's own check: several options contradict each other.
            path = ()
        problems.append(Problem(path, words, given))
    return problems


def in_words(error: Exception, most: int = 3) -> str:
    """Say an error in one line; of pydantic's findings the first `most`, in plain words."""
    if not isinstance(error, ValidationError):
        return str(error) or type(error).__name__
    lines = [f"{'.'.join(problem.path)} {problem.words}".strip() for problem in problems(error)]
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def _is_schema(kind: Any) -> bool:  # noqa: ANN401 - any annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _default(info: FieldInfo) -> Any:  # noqa: ANN401 - any default
    return None if info.is_required() else info.get_default(call_default_factory=True)


def _unwrapped(info: FieldInfo) -> tuple[Any, bool, list[Any]]:
    """The type without `None` and annotations, whether None is allowed, and all annotations."""
    kind, optional, limits = info.annotation, False, [*info.metadata]
    while True:
        if get_origin(kind) is Annotated:
            for mark in kind.__metadata__:  # type: ignore[union-attr]
                limits += mark.metadata if isinstance(mark, FieldInfo) else [mark]
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType):
            members = [member for member in get_args(kind) if member is not type(None)]
            optional = optional or len(members) < len(get_args(kind))
            # A union of text and something else is text, which the schema checks.
            kind = members[0] if len(members) == 1 else str
        else:
            return kind, optional, limits


def _kind(kind: Any) -> Kind:  # noqa: ANN401 - any annotation
    origin = get_origin(kind)
    if _is_schema(kind):
        return "object"
    if origin is Literal:
        return "choice"
    if origin in (tuple, list):
        return "list"
    if origin is dict:
        return "object"
    simple: dict[Any, Kind] = {
        bool: "flag", int: "integer", float: "number", str: "text", Path: "text"
    }  # fmt: skip
    if kind in simple:
        return simple[kind]
    raise TypeError(f"an option cannot be of type {kind!r}: neither a flag nor a widget takes it")


def _bounds(limits: list[Any], *, whole: bool) -> tuple[float | None, float | None]:
    low: float | None = None
    high: float | None = None
    # An open bound of a real number is not inclusive of anything: the schema refuses it by name.
    step = 1 if whole else 0
    for limit in limits:
        if isinstance(limit, Ge):
            low = limit.ge  # type: ignore[assignment]
        if isinstance(limit, Gt):
            low = limit.gt + step  # type: ignore[operator]
        if isinstance(limit, Le):
            high = limit.le  # type: ignore[assignment]
        if isinstance(limit, Lt):
            high = limit.lt - step  # type: ignore[operator]
    return low, high
