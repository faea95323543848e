"""A Streamlit form drawn from a pydantic schema: the same schema drives the CLI and the run file.

The form returns a validated config, or shows beside each field, in plain words, what is wrong.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st
from pydantic import BaseModel, ValidationError
from streamlit.delta_generator import DeltaGenerator

from app.form_fields import FormField, as_held, form_fields, nest, read_numbers
from core.errors import BearingsError

Path = tuple[str, ...]
Schema = TypeVar("Schema", bound=BaseModel)

_DIGITS = re.compile(r"\d+")
# Pydantic's own sentences speak of "input" and "instance"; these speak of the field.
_PLAIN = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be less than {lt:g}",
    "missing": "needs an answer",
    "int_type": "needs a whole number",
    "int_parsing": "needs a whole number",
    "int_from_float": "needs a whole number",
    "float_type": "needs a number",
    "float_parsing": "needs numbers separated by commas",
    "tuple_type": "needs numbers separated by commas",
    "list_type": "needs numbers separated by commas",
    "dict_type": 'needs a JSON object, such as {{"name": 1}}',
    "too_long": "takes {max_length} numbers",
    "string_too_short": "needs an answer",
}


@dataclass(frozen=True)
class FormPlan:
    """How a schema is laid out.

    Attributes:
        key: Prefix of the widgets' state keys.
        first: Fields shown at the top, in this order; all others go under "All options".
        buttons: Labels of the submit buttons; the first is the primary one.
        start: Values shown first where they differ from the schema's defaults.
        labels: Names of fields where the schema's own would not be understood alone.
        suggestions: Offered answers of text fields; any other answer may be typed.
        hidden: Fields (or whole nested schemas) that this form leaves at their start values.
    """

    key: str
    first: tuple[Path, ...]
    buttons: tuple[str, ...]
    start: Mapping[Path, Any] = field(default_factory=dict)
    labels: Mapping[Path, str] = field(default_factory=dict)
    suggestions: Mapping[Path, Sequence[str]] = field(default_factory=dict)
    hidden: tuple[Path, ...] = ()


@dataclass(frozen=True)
class FormAnswer(Generic[Schema]):
    """A validated config and the label of the button that was pressed."""

    config: Schema
    button: str


def config_form(schema: type[Schema], plan: FormPlan) -> FormAnswer[Schema] | None:
    """Draw the form; return its answer in the run in which a button was pressed and all is valid.

    Args:
        schema: The pydantic schema to fill in.
        plan: Order, start values and suggestions.
    """
    described = {item.path: item for item in form_fields(schema, plan.hidden)}
    values = {path: value for path, value in plan.start.items() if path not in described}
    boxes: dict[Path, DeltaGenerator] = {}
    with st.form(plan.key, border=False, enter_to_submit=False):
        summary = st.container()
        for path in plan.first:
            boxes[path] = st.container()
            values[path] = _widget(boxes[path], described[path], plan)
        # Above all the rest: most readers need none of it.
        pressed = _buttons(plan.buttons)
        groups = list(_groups(described, plan))
        if groups:
            st.caption("All options")
        for title, members in groups:
            with st.expander(title + _mark(members, plan)):
                for item in members:
                    boxes[item.path] = st.container()
                    values[item.path] = _widget(boxes[item.path], item, plan)
    if pressed is None:
        return None
    try:
        answers = {path: _answer(described.get(path), value) for path, value in values.items()}
        return FormAnswer(schema.model_validate(nest(answers)), pressed)
    except ValidationError as error:
        _show_problems(problems(error), plan, summary, boxes)
    except BearingsError as error:
        summary.error(str(error))
    return None


def fill(schema: type[Schema], plan: FormPlan, config: Schema) -> None:
    """Let the form, which is not drawn yet in this run, show the options of `config`."""
    for item in form_fields(schema, plan.hidden, start=config):
        st.session_state[_key(plan, item)] = as_held(item, item.default)


def problems(error: ValidationError) -> dict[Path, str]:
    """Return what is wrong, by path, in plain words; an empty path concerns the whole form."""
    return {
        tuple(str(part) for part in item["loc"]): _plain_words(item["type"], item)
        for item in error.errors(include_url=False)
    }


def _plain_words(kind: str, item: Mapping[str, Any]) -> str:
    if item["input"] is None:
        return "needs an answer"
    if kind in _PLAIN:
        return _PLAIN[kind].format(**item.get("ctx", {}))
    return str(item["msg"]).removeprefix("Value error, ")


def _show_problems(
    found: dict[Path, str],
    plan: FormPlan,
    summary: DeltaGenerator,
    boxes: Mapping[Path, DeltaGenerator],
) -> None:
    named = []
    for path, words in found.items():
        # A tuple's faulty member has one index more than the field it belongs to.
        shown = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in boxes), None)
        if shown is None:
            named.append(f"{' '.join(path)}: {words}" if path else words)
        else:
            own = plan.labels.get(shown, shown[-1].replace("_", " ").capitalize())
            boxes[shown].error(f"{own} {words}.")
            named.append(own if shown in plan.first else " → ".join(shown).replace("_", " "))
    summary.error("Not started. Correct this first: " + "; ".join(named) + ".")


def _groups(
    described: Mapping[Path, FormField], plan: FormPlan
) -> Iterator[tuple[str, list[FormField]]]:
    """Yield the fields that are not shown first, by the nested schema they belong to."""
    groups: dict[str, list[FormField]] = {}
    for path, item in described.items():
        if path not in plan.first:
            owner = " · ".join(path[:-1]).replace("_", " ") or "run"
            groups.setdefault(_DIGITS.sub(r" \g<0>", owner).capitalize(), []).append(item)
    yield from groups.items()


def _mark(members: Sequence[FormField], plan: FormPlan) -> str:
    """How many answers of a group are others than those it began with."""
    changed = 0
    for item in members:
        begun = as_held(item, plan.start.get(item.path, item.default))
        changed += st.session_state.get(_key(plan, item), begun) != begun
    return f" · {changed} changed" if changed else ""


def _key(plan: FormPlan, item: FormField) -> str:
    return "_".join((plan.key, *item.path))


def _buttons(labels: tuple[str, ...]) -> str | None:
    pressed = None
    for index, label in enumerate(labels):
        kind = "primary" if index == 0 else "secondary"
        if st.form_submit_button(label, type=kind, width="stretch"):  # type: ignore[arg-type]
            pressed = label
    return pressed


def _widget(box: DeltaGenerator, item: FormField, plan: FormPlan) -> Any:  # noqa: ANN401 - any answer
    shown = as_held(item, plan.start.get(item.path, item.default))
    label = plan.labels.get(item.path, item.label)
    common: dict[str, Any] = {"label": label, "help": item.help or None, "key": _key(plan, item)}
    # A visit to another page must not lose a half-filled form.
    common["persist_state"] = "session"
    if item.kind == "flag":
        return box.checkbox(value=shown, **common)
    if item.kind in ("integer", "number"):
        return _number(box, item, shown, common)
    if item.kind == "choice":
        place = item.choices.index(shown) if shown in item.choices else None
        return box.selectbox(options=item.choices, index=place, **common)
    offered = list(plan.suggestions.get(item.path, ()))
    if item.kind != "text" or not offered:
        return box.text_input(value=shown, **common)
    answered = st.session_state.get(common["key"])
    options = list(dict.fromkeys(filter(None, [*offered, shown, answered])))
    place = options.index(shown) if shown else 0
    return box.selectbox(options=options, index=place, accept_new_options=True, **common)


def _number(
    box: DeltaGenerator,
    item: FormField,
    shown: float | None,
    common: dict[str, Any],
) -> Any:  # noqa: ANN401 - int, float or None
    convert = int if item.kind == "integer" else float
    settings: dict[str, Any] = dict(common)
    if item.low is not None:
        settings["min_value"] = convert(item.low)
    if item.high is not None:
        settings["max_value"] = convert(item.high)
    if item.kind == "number":
        # Learning rates need more digits than Streamlit's two; %g also keeps 5 from reading 5.00.
        settings |= {"format": "%g", "step": _step(shown)}
    return box.number_input(value=shown, **settings)


def _step(shown: float | None) -> float:
    """Return a step of about a tenth of the value: the arrows stay useful at 0.0001 and at 30."""
    if not shown:
        return 0.1
    return float(f"{abs(shown) / 10:.0e}")


def _answer(item: FormField | None, value: Any) -> Any:  # noqa: ANN401 - any answer
    """Turn what a widget returned into what the schema validates; it refuses what cannot be."""
    if item is None or not isinstance(value, str):
        return value
    if not value.strip():
        return {} if item.kind == "json" and not item.optional else None
    try:
        if item.kind == "numbers":
            return read_numbers(value, whole=item.whole)
        return json.loads(value) if item.kind == "json" else value
    except ValueError:
        return value
