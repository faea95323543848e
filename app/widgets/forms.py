"""A Streamlit form drawn from a pydantic schema: the same schema drives the CLI and the run file.

The form returns a validated config, or shows beside each field, in plain words, what is wrong.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

import streamlit as st
from pydantic import ValidationError
from streamlit.delta_generator import DeltaGenerator

from core.errors import BearingsError
from core.options import NOTHING, Names, Option, Problem, Schema, as_text, nested, options, problems


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
        choices: The answers of choice fields that are offered, where not all can be.
        hidden: Fields (or whole nested schemas) that this form leaves at their start values.
    """

    key: str
    first: tuple[Names, ...]
    buttons: tuple[str, ...]
    start: Mapping[Names, Any] = field(default_factory=dict)
    labels: Mapping[Names, str] = field(default_factory=dict)
    suggestions: Mapping[Names, Sequence[str]] = field(default_factory=dict)
    choices: Mapping[Names, Sequence[str]] = field(default_factory=dict)
    hidden: tuple[Names, ...] = ()


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
    described = {item.path: item for item in options(schema, without=plan.hidden)}
    values = {path: value for path, value in plan.start.items() if path not in described}
    boxes: dict[Names, DeltaGenerator] = {}
    with st.form(plan.key, border=False, enter_to_submit=False):
        summary = st.container()
        for path in plan.first:
            boxes[path] = st.container()
            values[path] = draw(boxes[path], described[path], plan)
        # Above all the rest: most readers need none of it.
        pressed = _buttons(plan.buttons)
        groups = list(groups_of(described, plan))
        if groups:
            st.caption("All options")
        for title, members in groups:
            with st.expander(title + changed_mark(members, plan)):
                for item in members:
                    boxes[item.path] = st.container()
                    values[item.path] = draw(boxes[item.path], item, plan)
    if pressed is None:
        return None
    try:
        answers = {path: answer_of(described.get(path), value) for path, value in values.items()}
        return FormAnswer(schema.model_validate(nested(answers)), pressed)
    except ValidationError as error:
        _show_problems(problems(error), plan, summary, boxes)
    except BearingsError as error:
        summary.error(str(error))
    return None


def fill(schema: type[Schema], plan: FormPlan, config: Schema) -> None:
    """Let the form, which is not drawn yet in this run, show the options of `config`."""
    for item in options(schema, config, plan.hidden):
        st.session_state[key_of(plan, item)] = as_held(item, item.default)


def _show_problems(
    found: Sequence[Problem],
    plan: FormPlan,
    summary: DeltaGenerator,
    boxes: Mapping[Names, DeltaGenerator],
) -> None:
    named = []
    for path, words in dict.fromkeys((problem.path, problem.words) for problem in found):
        if path not in boxes:
            named.append(f"{' '.join(path)} {words}".strip())
            continue
        own = plan.labels.get(path, label_of(path))
        boxes[path].error(f"{own} {words}.")
        named.append(own if path in plan.first else " → ".join(path).replace("_", " "))
    summary.error("Not started. Correct this first: " + "; ".join(named) + ".")


def groups_of(
    described: Mapping[Names, Option], plan: FormPlan
) -> Iterator[tuple[str, list[Option]]]:
    """Yield the options that are not shown first, by topic; an expert's come last."""
    groups: dict[str, list[Option]] = {}
    rest = [item for path, item in described.items() if path not in plan.first]
    for item in sorted(rest, key=lambda item: item.traits.expert):
        groups.setdefault(topic_of(item), []).append(item)
    yield from groups.items()


def topic_of(item: Option) -> str:
    """The heading under which an option stands that is not shown first."""
    topic = "expert options" if item.traits.expert else item.traits.topic or "more options"
    return topic.capitalize()


def changed_mark(members: Sequence[Option], plan: FormPlan) -> str:
    """` · 2 changed` if answers of a group are others than those it began with; else empty."""
    changed = 0
    for item in members:
        begun = as_held(item, plan.start.get(item.path, item.default))
        changed += st.session_state.get(key_of(plan, item), begun) != begun
    return f" · {changed} changed" if changed else ""


def key_of(plan: FormPlan, item: Option) -> str:
    """The state key of an option's widget."""
    return key_at(plan.key, item.path)


def key_at(form: str, path: Names) -> str:
    """The state key of the widget of the option at a path; see `held_options.follow`."""
    moves = st.session_state.get(moves_key(form), {}).get(path, 0)
    return "_".join((form, *path, *([f"v{moves}"] if moves else [])))


def moves_key(form: str) -> str:
    """The state key of how often the widget of each option of a form was replaced."""
    return f"{form}_moves"


def _buttons(labels: tuple[str, ...]) -> str | None:
    pressed = None
    for index, label in enumerate(labels):
        kind = "primary" if index == 0 else "secondary"
        if st.form_submit_button(label, type=kind, width="stretch"):  # type: ignore[arg-type]
            pressed = label
    return pressed


def draw(box: DeltaGenerator, item: Option, plan: FormPlan) -> Any:  # noqa: ANN401 - any answer
    """Draw the widget of an option; return what it holds."""
    shown = as_held(item, plan.start.get(item.path, item.default))
    label = plan.labels.get(item.path, label_of(item.path))
    # An empty box is what the command line writes as none.
    words = item.help if item.kind == "choice" else item.help.replace("none: ", "empty: ")
    common: dict[str, Any] = {"label": label, "help": words or None, "key": key_of(plan, item)}
    # A visit to another page must not lose a half-filled form.
    common["persist_state"] = "session"
    if item.kind == "flag":
        return box.checkbox(value=shown, **common)
    if item.kind in ("integer", "number") and not _has_word(item):
        return _number(box, item, shown, common)
    if item.kind == "choice":
        choices = plan.choices.get(item.path, item.choices)
        place = choices.index(shown) if shown in choices else None
        held = st.session_state.get(common["key"])
        if held is not None and held not in choices:
            # It was chosen for another data set.
            del st.session_state[common["key"]]
        return box.selectbox(options=choices, index=place, **common)
    offered = list(plan.suggestions.get(item.path, ()))
    if _has_word(item):
        offered.insert(0, item.traits.nothing)
    elif item.kind != "text" or not offered:
        example = f"for example: {', '.join(offered[:3])}" if offered else None
        return box.text_input(value=shown, placeholder=example, **common)
    answered = st.session_state.get(common["key"])
    options = list(dict.fromkeys(filter(None, [*offered, shown, answered])))
    place = options.index(shown) if shown else 0
    return box.selectbox(options=options, index=place, accept_new_options=True, **common)


def _number(
    box: DeltaGenerator,
    item: Option,
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


def as_held(item: Option, value: Any) -> Any:  # noqa: ANN401 - any answer
    """Return a value of the schema as the option's widget holds it.

    Lists and objects are held as text, and numbers in whose place a word may stand.
    """
    if _has_word(item):
        return item.text(value)
    if item.kind == "flag":
        return bool(value)
    if item.kind == "object":
        return as_text(value) if value else ""
    if item.kind == "list":
        return ", ".join(as_text(entry) for entry in value or ())
    if value is None:
        return "" if item.kind == "text" else None
    convert = {"integer": int, "number": float, "text": str}.get(item.kind)
    return value if convert is None else convert(value)


def _has_word(item: Option) -> bool:
    """Whether a word of its own stands for the absence of a value: it is offered as an answer."""
    return item.optional and item.traits.nothing != NOTHING


def read_list(text: str, item: Option) -> list[Any]:
    """Read values with commas or, between numbers, spaces; ValueError names what is no number."""
    if item.item not in (int, float):
        return [part.strip() for part in text.split(",") if part.strip()]
    words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
    return [item.item(word) for word in words]


def label_of(path: Names) -> str:
    """The option's name as a person writes it."""
    return path[-1].removeprefix("n_").replace("_", " ").capitalize()


def answer_of(item: Option | None, value: Any) -> Any:  # noqa: ANN401 - any answer
    """Turn what a widget returned into what the schema validates; it refuses what cannot be."""
    if item is None or not isinstance(value, str):
        return value
    if not value.strip():
        return {} if item.kind == "object" and not item.optional else None
    try:
        if item.kind == "list":
            return read_list(value, item)
        return json.loads(value) if item.kind == "object" else value
    except ValueError:
        return value
