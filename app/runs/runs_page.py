"""The parts of the Runs page: the list with tags and notes, and the chosen models side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import links
from app.figures.curves import curve
from app.runs import comparison, evaluated_models, runs_table
from app.runs.evaluated_models import Model
from app.selection import selection
from app.train import train_form
from app.train.history import measured, overlaid_table
from app.widgets import messages, pickers
from app.workspace import Workspace
from core.errors import RunError
from core.jobs.failures import plain_cause
from core.jobs.notes import Notes, has_tags, read_notes, write_notes
from core.jobs.state import log_tail, read_events
from core.jobs.summary import RunSummary
from core.runs import best_of, has_card

_WANTED = "runs_tags"
FIGURES, CURVES, OPTIONS = "On labelled photos", "Learning curves", "Options that differ"
SECTIONS = (FIGURES, CURVES, OPTIONS)
_OTHERS = "runs_beside"


def all_notes(runs: Sequence[RunSummary]) -> dict[str, Notes]:
    """The notes of every run by its name; damaged notes give a warning and are empty."""
    found: dict[str, Notes] = {}
    for run in runs:
        try:
            found[run.name] = read_notes(run.path)
        except RunError as error:
            st.warning(messages.plain_lines(str(error)))
            found[run.name] = Notes()
    return found


def pick_tagged(runs: Sequence[RunSummary], notes: Mapping[str, Notes]) -> list[RunSummary]:
    """Let the reader choose tags, if there are any; return the runs that have all of them."""
    known = tags(notes)
    if not known:
        return list(runs)
    kept = [tag for tag in st.session_state.get(_WANTED, []) if tag in known]
    if _WANTED in st.session_state:
        # Tags without runs are no longer options.
        st.session_state[_WANTED] = kept
    wanted = st.multiselect(
        "Only runs with these tags", known, key=_WANTED, placeholder="All runs",
        persist_state="session",
    )  # fmt: skip
    return [run for run in runs if has_tags(notes[run.name], wanted)]


def tags(notes: Mapping[str, Notes]) -> list[str]:
    """Every tag that some run has, in alphabetical order."""
    return sorted({tag for each in notes.values() for tag in each.tags}, key=str.casefold)


def edit(run: RunSummary, notes: Mapping[str, Notes]) -> None:
    """Draw a button that opens the form with the note and the tags of one run."""
    now = notes[run.name]
    with (
        st.popover("Note and tags", help="Kept in the run's folder as notes.json"),
        st.form(f"runs_notes_{run.name}", border=False),
    ):
        text = st.text_area(
            "Note", now.text, key=f"runs_note_{run.name}", placeholder="What was tried, and why"
        )
        chosen = st.multiselect(
            "Tags", tags(notes), now.tags, key=f"runs_tagged_{run.name}", accept_new_options=True,
            placeholder="Type a tag, press Enter",
        )  # fmt: skip
        if st.form_submit_button("Save", type="primary"):
            write_notes(run.path, Notes(text=text.strip(), tags=tuple(chosen)))
            st.rerun()


def pick_runs(
    runs: Sequence[RunSummary], models: Mapping[str, Model], notes: Mapping[str, Notes]
) -> list[RunSummary]:
    """Show the list; return the runs whose boxes are ticked, the newest one at first."""
    for fault in (fault for model in models.values() for fault in model.faults):
        st.warning(fault)
    shown = {name: model.reports[model.shown] for name, model in models.items() if model.shown}
    table = runs_table.listing(runs, shown, notes)
    shares = [name for name in runs_table.SHARES if name in table]
    table = table.assign(**{name: 100.0 * table[name].astype(float) for name in shares})
    columns: dict[str, Any] = {
        name: st.column_config.NumberColumn(
            format="%.1f %%" if name in runs_table.SHARES else "%.1f"
        )
        for name in table.columns[table.dtypes.map(lambda kind: kind.kind == "f")]
    }
    ticked = selection.ticked(
        "runs", table, [run.name for run in runs], multi=True, first=True,
        column_config=columns | {"Run": st.column_config.TextColumn(pinned=True)},
    )  # fmt: skip
    return [run for run in runs if run.name in ticked]


def pick_others(place: Workspace) -> list[Model]:
    """Let the reader choose other checkpoints and ensembles to compare with the ticked runs."""
    found = evaluated_models.of_checkpoints(place)
    if not found:
        return []
    wanted = st.multiselect(
        "Also compare", list(found), key=_OTHERS, placeholder="Checkpoints and ensembles",
        help="Models under `checkpoints/` that have been evaluated.", persist_state="session",
    )  # fmt: skip
    return [found[name] for name in wanted if name in found]


def next_steps(run: RunSummary, notes: Mapping[str, Notes]) -> None:
    """Buttons for one run, the cause if it failed, and its note."""
    if run.state in ("failed", "damaged", "lost"):
        cause = plain_cause(run.message, log_tail(run.path), run.config)
        messages.show_error(f"{run.name} {run.state}: {cause}")
    if notes[run.name].text:
        st.markdown(f"> {messages.plain(notes[run.name].text)}")
    best = best_of(run.path)
    with st.container(horizontal=True):
        if st.button("Watch", key="runs_watch", help="Curves, log, stop and resume"):
            train_form.watch_next(run.path)
            links.go("train")
        if has_card(best):
            for page in ("evaluate", "map", "explain"):
                if st.button(page.capitalize(), key=f"runs_{page}"):
                    pickers.hand_over_checkpoint(best)
                    links.go(page)
        edit(run, notes)


def curves(chosen: Sequence[RunSummary]) -> None:
    """Validation curves of the chosen runs, over one another."""
    events = {run.name: read_events(run.path) for run in chosen if run.state != "damaged"}
    measures = measured(events.values())
    for pair in (measures[:2], measures[2:]):
        for place, measure in zip(st.columns(2), pair, strict=False):
            title = f"{measure.title}, validation"
            figure = curve(overlaid_table(events, measure), title, measure.unit)
            place.plotly_chart(figure, key=f"runs_{measure.title}")


def figures(place: Workspace, models: Sequence[Model]) -> None:
    """The models' figures on labelled photos, ranked within groups on the same photos."""
    missing = [model for model in models if not model.reports]
    if missing:
        names = ", ".join(model.name for model in missing)
        st.info(f"Not evaluated yet: {names}. Tick one alone, then press **Evaluate**.")
        with st.expander("The same from the command line"):
            commands = [f"python -m core evaluate {place.label(model.home)}" for model in missing]
            st.code("\n".join(commands), language="bash")
    groups = evaluated_models.groups(models)
    if len(groups) > 1:
        st.warning(
            "These models were evaluated on different photos. Their figures are shown but not "
            "ranked, because a smaller error may only mean easier photos. Models are compared "
            "within a group only."
        )
    for number, group in enumerate(groups):
        comparison.show_group(group, number)


def options(chosen: Sequence[RunSummary]) -> None:
    """Options in which the chosen runs differ, and nothing else."""
    table = runs_table.differing_options(chosen)
    if table.empty:
        st.caption("All options are the same." if len(chosen) > 1 else "Choose a second run.")
    else:
        st.dataframe(table)
