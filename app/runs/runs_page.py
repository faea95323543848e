"""The parts of the Runs page: the list with tags and notes, curves and options side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import cache, links
from app.access import gate
from app.figures.curves import curve
from app.figures.parallel import axis_of, broken, lines
from app.runs import runs_table
from app.runs.models import Model
from app.selection import selection
from app.theme import palette
from app.train import train_form
from app.train.history import measured, overlaid_table
from app.widgets import deletion, figure_files, messages, pickers
from app.workspace import Workspace
from core.dataset.labels import Dataset
from core.errors import BearingsError, RunError
from core.jobs.failures import plain_cause
from core.jobs.notes import Notes, has_tags, read_notes, write_notes
from core.jobs.state import log_tail, read_events
from core.lineage.read import lineage as lineage_of

_WANTED = "runs_tags"
# More axes than this cannot be told apart on a laptop's screen.
_MOST_AXES = 8
FIGURES, CURVES, OPTIONS = "On labelled photos", "Learning curves", "Options that differ"
PARALLEL, LINEAGE = "Options against figures", "Lineage"
SECTIONS = (FIGURES, CURVES, OPTIONS, PARALLEL, LINEAGE)


def all_notes(rows: Sequence[Model]) -> dict[str, Notes]:
    """The notes of every model by its name; damaged notes give a warning and are empty."""
    found: dict[str, Notes] = {}
    for model in rows:
        try:
            found[model.name] = read_notes(model.home)
        except RunError as error:
            st.warning(messages.plain_lines(str(error)))
            found[model.name] = Notes()
    return found


def pick_tagged(rows: Sequence[Model], notes: Mapping[str, Notes]) -> list[Model]:
    """Let the reader choose tags, if there are any; return the models that have all of them."""
    known = tags(notes)
    if not known:
        return list(rows)
    kept = [tag for tag in st.session_state.get(_WANTED, []) if tag in known]
    if _WANTED in st.session_state:
        # Tags without runs are no longer options.
        st.session_state[_WANTED] = kept
    wanted = st.multiselect(
        "Only runs with these tags", known, key=_WANTED, placeholder="All runs",
        persist_state="session",
    )  # fmt: skip
    return [model for model in rows if has_tags(notes[model.name], wanted)]


def tags(notes: Mapping[str, Notes]) -> list[str]:
    """Every tag that some run has, in alphabetical order."""
    return sorted({tag for each in notes.values() for tag in each.tags}, key=str.casefold)


def edit(model: Model, notes: Mapping[str, Notes]) -> None:
    """Draw a button that opens the form with the note and the tags of one model."""
    now = notes[model.name]
    with (
        st.popover("Note and tags", help="Kept in the folder of the run as notes.json"),
        st.form(f"runs_notes_{model.name}", border=False),
    ):
        text = st.text_area(
            "Note", now.text, key=f"runs_note_{model.name}", placeholder="What was tried, and why"
        )
        chosen = st.multiselect(
            "Tags", tags(notes), now.tags, key=f"runs_tagged_{model.name}",
            accept_new_options=True, placeholder="Type a tag, press Enter",
        )  # fmt: skip
        if st.form_submit_button("Save", type="primary"):
            gate.need("operator")
            write_notes(model.home, Notes(text=text.strip(), tags=tuple(chosen)))
            st.rerun()


def pick_models(rows: Sequence[Model], notes: Mapping[str, Notes]) -> list[Model]:
    """Show the list; return the models whose boxes are ticked, the newest run at first."""
    for fault in (fault for model in rows for fault in model.faults):
        st.warning(messages.plain_lines(fault))
    table = runs_table.listing(rows, notes)
    shares = [name for name in runs_table.SHARES if name in table]
    table = table.assign(**{name: 100.0 * table[name].astype(float) for name in shares})
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(
            format="%.1f %%" if name in runs_table.SHARES else "%.1f"
        )
        for name in table.columns[table.dtypes.map(lambda kind: kind.kind == "f")]
    }
    ticked = selection.ticked(
        "runs", table, [model.name for model in rows], multi=True, first=True,
        column_config=columns | {"Run": st.column_config.TextColumn(pinned=True, width="medium")},
    )  # fmt: skip
    return [model for model in rows if model.name in ticked]


def next_steps(model: Model, notes: Mapping[str, Notes]) -> None:
    """Buttons for one model, the cause if its run failed, and its note."""
    run, checkpoint = model.run, model.checkpoint
    if run is not None and run.state in ("failed", "damaged", "lost"):
        cause = plain_cause(run.message, log_tail(run.path), run.config)
        messages.show_error(f"{run.name} {run.state}: {cause}")
    if notes[model.name].text:
        st.markdown(f"> {messages.plain(notes[model.name].text)}")
    with st.container(horizontal=True):
        if run is not None and st.button(
            "Watch", key="runs_watch", help="Curves, log, stop and resume"
        ):
            train_form.watch_next(run.path)
            links.go("train")
        if checkpoint is not None:
            for page in ("evaluate", "map", "explain"):
                if st.button(page.capitalize(), key=f"runs_{page}"):
                    pickers.hand_over_checkpoint(checkpoint)
                    links.go(page)
        if gate.allows("operator"):
            edit(model, notes)
        deletion.offer([model.home] if model.can_be_deleted else [], "runs")


def curves(chosen: Sequence[Model]) -> None:
    """Validation curves of the chosen runs, over one another."""
    runs = [model.run for model in chosen if model.run is not None]
    events = {run.name: read_events(run.path) for run in runs if run.state != "damaged"}
    if not any(events.values()):
        st.caption("None of the chosen models has learning curves: only runs keep them.")
        return
    measures = measured(events.values())
    charts: dict[str, go.Figure] = {}
    for pair in (measures[:2], measures[2:]):
        for place, measure in zip(st.columns(2), pair, strict=False):
            title = f"{measure.title}, validation"
            figure = curve(overlaid_table(events, measure), title, measure.unit, palette())
            charts[title] = figure
            place.plotly_chart(
                figure, key=f"runs_{measure.title}", config=figure_files.config(measure.title)
            )
    figure_files.offer("curves", charts)


def options(chosen: Sequence[Model]) -> None:
    """Options in which the chosen models differ, and nothing else."""
    table = runs_table.differing_options(chosen)
    if table.empty:
        st.caption("All options are the same." if len(chosen) > 1 else "Choose a second run.")
        return
    st.dataframe(table)
    if any(model.run is None for model in chosen):
        st.caption("A checkpoint without its run records its network and its split only.")


def options_against_figures(rows: Sequence[Model]) -> None:
    """Parallel coordinates: a line a run through the options that differ to its figures."""
    table, figures = runs_table.options_with_figures(rows)
    if len(figures) < 2 or table.empty or figures.empty:
        st.caption("This needs two runs with at least one epoch whose options differ.")
        return
    title = str(st.segmented_control(
        "Colour by", list(figures), default=figures.columns[0], required=True,
        key="runs_parallel",
    ))  # fmt: skip
    shown = st.multiselect(
        "Options", list(table), list(table)[:_MOST_AXES], key="runs_axes",
        max_selections=_MOST_AXES, help="Options in which runs differ",
    )  # fmt: skip
    axes = [axis_of(broken(option), table[option].tolist()) for option in shown]
    axes += [axis_of(broken(each), figures[each].map(str).tolist()) for each in figures]
    better = runs_table.HEADLINE[title][2]
    figure = lines(axes, figures[title].tolist(), title, better, palette())
    st.plotly_chart(
        figure,
        key="runs_parallel_chart", alt="Options of runs against their validation figures",
        config=figure_files.config("options_against_figures"),
    )  # fmt: skip
    figure_files.offer("parallel", {PARALLEL: figure})
    splits = {model.split_hash for model in rows if model.name in figures.index}
    other = " The runs have different splits, so these figures are of different photos."
    st.caption(
        f"A line for each of {len(figures)} runs, with the validation figures of its best epoch. "
        "Drag along an axis to keep only the lines there; click the axis to take it back. This "
        "stays in the chart and ticks no row of the list." + (other if len(splits) > 1 else "")
    )
    st.dataframe(pd.concat([figures, table], axis=1))


def lineage(place: Workspace, chosen: Sequence[Model]) -> None:
    """What each chosen model was made from, and what came of it."""
    for model in chosen:
        st.markdown(f"**{messages.plain(model.name)}**")
        try:
            found = lineage_of(model.home, place.checkpoints(), _trained_on(model))
        except BearingsError as error:
            messages.show_error(error)
            continue
        halves = (("Comes from", found.sources), ("Came of it", found.results))
        for half, (title, facts) in zip(st.columns(2), halves, strict=True):
            listed = [f"- **{fact.title}**: {messages.plain(fact.text)}" for fact in facts]
            half.caption(title)
            half.markdown("\n".join(listed))


def _trained_on(model: Model) -> Dataset | None:
    """The data set of a run as it is now; None if there is none or it cannot be read."""
    if model.run is None or model.run.dataset is None:
        return None
    try:
        return cache.dataset(model.run.dataset)
    except BearingsError:
        return None
