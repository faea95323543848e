"""Options of a schema that the session holds, drawn in a searchable list.

A form sends its answers by its own button. Here the answers are kept as they are typed, so that a
button elsewhere, which is always on the screen, starts a job with them.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from pydantic import ValidationError

from app.widgets.forms import (
    FormPlan,
    answer_of,
    as_held,
    changed_mark,
    draw,
    groups_of,
    key_of,
    label_of,
    moves_key,
    topic_of,
)
from core.options import Names, Option, Schema, nested, options, problems


def follow(schema: type[Schema], plan: FormPlan, *, shown: bool = False) -> None:
    """Move the answers that nobody changed to the start values of the plan.

    They change with the data set, with the preset and with other answers. Call it before any option
    is drawn.

    Args:
        schema: The options.
        plan: With the start values of now.
        shown: Whether the browser shows the options. It then sends the earlier answer with
            whatever is typed before it has drawn this run, which would pass for a change. So a new
            widget takes the place of one whose answer moves.
    """
    begun: dict[Names, Any] = st.session_state.setdefault(f"{plan.key}_begun", {})
    moves: dict[Names, int] = st.session_state.setdefault(moves_key(plan.key), {})
    for item in options(schema, without=plan.hidden):
        start, key = start_of(item, plan), key_of(plan, item)
        was = begun.get(item.path, start)
        if was != start and st.session_state.get(key) == was:
            if shown:
                moves[item.path] = moves.get(item.path, 0) + 1
            st.session_state[key_of(plan, item)] = start
        begun[item.path] = start


def start_of(item: Option, plan: FormPlan) -> Any:  # noqa: ANN401 - any answer
    """What the widget of an option holds before anybody changed it."""
    return as_held(item, plan.start.get(item.path, item.default))


def changes(schema: type[Schema], plan: FormPlan) -> dict[Names, Any]:
    """Return the answers that differ from their start values, as their widgets hold them."""
    changed = {}
    for item in options(schema, without=plan.hidden):
        start = start_of(item, plan)
        held = st.session_state.get(key_of(plan, item), start)
        if held != start:
            changed[item.path] = held
    return changed


def config_of(schema: type[Schema], plan: FormPlan, changed: Mapping[Names, Any]) -> Schema:
    """Return the options: the start values of the plan with changed answers on them.

    Raises:
        ValidationError: They contradict each other, or one is not allowed.
    """
    values: dict[Names, Any] = dict(plan.start)
    described = {item.path: item for item in options(schema, without=plan.hidden)}
    for path, held in changed.items():
        values[path] = answer_of(described[path], held)
    return schema.model_validate(nested(values))


def forget(schema: type[Schema], plan: FormPlan) -> None:
    """Put every answer back to its start value; call it before any option is drawn."""
    for item in options(schema, without=plan.hidden):
        st.session_state[key_of(plan, item)] = start_of(item, plan)


def faults(error: ValidationError, plan: FormPlan) -> dict[Names, str]:
    """Say what is wrong, by option; contradictions between options have an empty path."""
    said: dict[Names, str] = {}
    for problem in problems(error):
        name = plan.labels.get(problem.path, label_of(problem.path)) if problem.path else ""
        words = f"{name} {problem.words}".strip()
        said[problem.path] = f"{said[problem.path]}; {words}" if problem.path in said else words
    return said


def search(schema: type[Schema], plan: FormPlan) -> None:
    """Draw a search box and the options that match it; without a search, all by topic."""
    words = st.text_input(
        "Search the options",
        key=f"{plan.key}_search",
        placeholder="For instance: learning rate, blur, weights",
    )
    described = {item.path: item for item in options(schema, without=plan.hidden)}
    try:
        config_of(schema, plan, changes(schema, plan))
        wrong: dict[Names, str] = {}
    except ValidationError as error:
        wrong = faults(error, plan)
    if words and words.strip():
        matching = [item for item in described.values() if _matches(item, plan, words)]
        if not matching:
            st.caption("No option matches. Search for another word.")
        for item in matching:
            _draw(item, plan, wrong, full=True)
        return
    for path in plan.first:
        _draw(described[path], plan, wrong)
    for title, members in groups_of(described, plan):
        with st.expander(title + changed_mark(members, plan)):
            for item in members:
                _draw(item, plan, wrong)


def _draw(item: Option, plan: FormPlan, wrong: Mapping[Names, str], *, full: bool = False) -> None:
    draw(st.container(), item, plan)
    if item.path in wrong:
        st.error(f"{wrong[item.path]}.")
    if full:
        # Names such as Epochs belong to several parts; here no heading tells them apart.
        where = "" if item.path in plan.first else f"{topic_of(item)}: "
        st.caption(f"{where}{item.help.replace('none: ', 'empty: ')}")


def _matches(item: Option, plan: FormPlan, words: str) -> bool:
    label = plan.labels.get(item.path, "")
    text = f"{label} {' '.join(item.path)} {item.help} {item.traits.topic}".lower()
    return all(word in text or word in text.replace("_", " ") for word in words.lower().split())
