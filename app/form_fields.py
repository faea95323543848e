"""What a form needs to know of a pydantic schema: fields, kinds, bounds, choices, defaults.

Pure description, no Streamlit: `app.forms` draws it, and tests read it.
"""

import json
import types
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Kind = Literal["flag", "integer", "number", "choice", "text", "numbers", "json"]


@dataclass(frozen=True)
class FormField:
    """One widget of a form.

    Attributes:
        path: Names from the outer schema to the field, as in `("model", "backbone")`.
        kind: Which widget; `numbers` is a tuple or list of numbers written with commas, `json` a
            mapping written as a JSON object.
        help: The field's description, one sentence.
        default: The value shown first; None where the field is optional or has no default.
        optional: Whether "nothing" is an answer.
        choices: The allowed answers of a `choice`.
        low: Least allowed value, inclusive; None for no bound.
        high: Greatest allowed value, inclusive; None for no bound.
        whole: Whether the entries of `numbers` are integers.
    """

    path: tuple[str, ...]
    kind: Kind
    help: str
    default: Any
    optional: bool = False
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False

    @property
    def label(self) -> str:
        """The field's name as a person writes it."""
        return self.path[-1].removeprefix("n_").replace("_", " ").capitalize()


def form_fields(
    schema: type[BaseModel],
    hidden: Collection[tuple[str, ...]] = (),
    prefix: tuple[str, ...] = (),
    start: BaseModel | None = None,
) -> Iterator[FormField]:
    """Yield the fields of a schema and of the schemas nested in it, in their written order.

    Args:
        schema: The schema to describe.
        hidden: Fields, or whole nested schemas, to leave out.
        prefix: Names that lead to it from the outermost schema.
        start: An instance whose values are shown first, in place of the fields' own defaults.
    """
    for name, info in schema.model_fields.items():
        if (*prefix, name) in hidden:
            continue
        value = getattr(start, name) if start is not None else _default(info)
        nested = nested_schema(info.annotation)
        if nested is None:
            yield _field((*prefix, name), info, value)
        else:
            inner = value if isinstance(value, BaseModel) else None
            yield from form_fields(nested, hidden, (*prefix, name), inner)


def nested_schema(annotation: object) -> type[BaseModel] | None:
    """Return the schema that an annotation names, if it names one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def nest(values: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    """Turn values by path into nested dictionaries, as a schema validates them."""
    result: dict[str, Any] = {}
    for path, value in values.items():
        inner = result
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return result


def as_held(item: FormField, value: Any) -> Any:  # noqa: ANN401 - any answer
    """Return a value of the schema as the field's widget holds it: numbers and objects as text."""
    if item.kind == "flag":
        return bool(value)
    if item.kind == "integer":
        return None if value is None else int(value)
    if item.kind == "number":
        return None if value is None else float(value)
    if item.kind == "choice":
        return value
    if item.kind == "json":
        return json.dumps(value) if value else ""
    if item.kind == "numbers":
        return ", ".join(_exact(number) for number in value or ())
    return "" if value is None else str(value)


def _exact(number: float) -> str:
    """Write a number short where that says all of it, else in full."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


def read_numbers(text: str, *, whole: bool) -> list[float] | list[int]:
    """Read numbers written with commas or spaces; ValueError names the one that is no number."""
    words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
    return [int(word) for word in words] if whole else [float(word) for word in words]


def _default(info: FieldInfo) -> Any:  # noqa: ANN401 - any default
    value = info.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else value


def _field(path: tuple[str, ...], info: FieldInfo, default: Any) -> FormField:  # noqa: ANN401
    annotation, optional = _without_none(info.annotation)
    limits = [*info.metadata]
    while hasattr(annotation, "__metadata__"):
        for mark in annotation.__metadata__:
            limits += mark.metadata if isinstance(mark, FieldInfo) else [mark]
        annotation = get_args(annotation)[0]
    kind, choices = _kind(annotation)
    low, high = _bounds(limits, whole=kind == "integer")
    return FormField(
        path,
        kind,
        info.description or "",
        default,
        optional,
        choices,
        low,
        high,
        whole=kind == "numbers" and get_args(annotation)[:1] == (int,),
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - any annotation
    """Strip `| None`; a union of text and something else is text, which the schema checks."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    members = [member for member in get_args(annotation) if member is not type(None)]
    optional = len(members) < len(get_args(annotation))
    return (members[0] if len(members) == 1 else str), optional


def _kind(annotation: Any) -> tuple[Kind, tuple[Any, ...]]:  # noqa: ANN401 - any annotation
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation)
    if get_origin(annotation) in (tuple, list):
        inner = get_args(annotation)[0]
        return ("numbers" if inner in (int, float) else "text"), ()
    if get_origin(annotation) is dict:
        return "json", ()
    simple: dict[Any, Kind] = {bool: "flag", int: "integer", float: "number"}
    if annotation in simple:
        return simple[annotation], ()
    if annotation in (str, Path):
        return "text", ()
    raise TypeError(f"a form cannot show a field of type {annotation!r}")


def _bounds(limits: list[Any], *, whole: bool) -> tuple[float | None, float | None]:
    low: float | None = None
    high: float | None = None
    # An open bound of a real number cannot be put into a widget: the schema refuses it by name.
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
