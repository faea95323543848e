"""Notes and tags of runs: the filter above the list, and the form that writes them."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.errors import RunError
from core.jobs.notes import Notes, has_tags, read_notes, write_notes
from core.jobs.summary import RunSummary

_WANTED = "runs_tags"


def all_notes(runs: Sequence[RunSummary]) -> dict[str, Notes]:
    """The notes of every run by its name; damaged ones are told, and count as empty."""
    found: dict[str, Notes] = {}
    for run in runs:
        try:
            found[run.name] = read_notes(run.path)
        except RunError as error:
            st.warning(str(error))
            found[run.name] = Notes()
    return found


def pick_tagged(runs: Sequence[RunSummary], notes: Mapping[str, Notes]) -> list[RunSummary]:
    """Let the reader choose tags, where there are any; return the runs that have all of them."""
    known = tags(notes)
    if not known:
        return list(runs)
    kept = [tag for tag in st.session_state.get(_WANTED, []) if tag in known]
    if _WANTED in st.session_state:
        # A tag that no run has any more is no option.
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
