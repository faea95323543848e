"""The review section of the Data page: check the labels, decide about findings, undo decisions."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app import cache
from app.access import gate
from app.data.review import actions, card
from app.data.review.queue import (
    Wanted,
    by_rule,
    counted,
    decided,
    decided_table,
    in_words,
    place_of,
    summary,
    waiting,
)
from core.audit.review import Reviewed, review
from core.dataset.layout import dataset_folder
from core.dataset.repairs import REPAIRS_FILE, Repair, read_repairs

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.lib.column_types import ColumnConfig

    from core.audit.run import Audit, Progress


_CHOSEN = "review_chosen"
SECTION = "Review"
SURE = 0.9
# Rows of a table; with more kinds than this in sight, the queue below would be out of it.
HEADER_PX, ROW_PX, MOST_KINDS = 38, 35, 5


def show(source: Path) -> None:
    """Draw the section for a data set: a folder, or one CSV file of labels.

    Raises:
        LabelError: The labels cannot be read as a table, or repairs.csv is broken.
    """
    audit = _check(source)
    folder = dataset_folder(source)
    repairs = read_repairs(folder)
    if audit is not None:
        _found(source, audit, undoable=bool(repairs))
    show_decided(folder, decided(repairs))


def _check(source: Path) -> "Audit | None":
    """The button, and the audit of the labels as they are now, where it was made."""
    with st.container(horizontal=True, vertical_alignment="center"):
        may = gate.allows("operator")
        asked = st.button("Check the labels", key="review_check", type="primary", disabled=not may)
        photos = st.toggle(
            "Check the photos too", key="review_photos",
            help="Finds unreadable, dark and blurred photos, duplicates, and labels that EXIF "
            "contradicts. It reads every photo.",
        )  # fmt: skip
    made = cache.known_audit(source, photos)
    if made is None:
        st.caption(
            "Labels alone take some seconds per ten thousand rows. Photos take longer: half a "
            "minute per thousand small ones, several minutes per thousand fresh from a phone."
        )
    if asked and made is None:
        with st.status("Checking …") as status:
            bar = st.progress(0.0)
            made = cache.make_audit(
                source, photos, _progress(bar, "checks made"), _progress(bar, "photos read")
            )
            status.update(label="Checked", state="complete")
    if made is None:
        st.info("These labels have not been checked yet.")
    return made


def _progress(bar: "DeltaGenerator", what: str) -> "Progress":
    def show(done: int, of: int) -> None:
        bar.progress(done / of, f"{done:,} of {of:,} {what}")

    return show


def _found(source: Path, made: "Audit", *, undoable: bool) -> None:
    reviewed = review(made.root, made.findings)
    if not reviewed:
        st.success(f"No finding in {made.rows:,} rows.")
        _skipped(made)
        return
    table = summary(reviewed)
    # After the first decision the photo matters more than the table.
    with st.expander("Findings by kind", expanded=not undoable):
        height = HEADER_PX + ROW_PX * min(len(table), MOST_KINDS)
        st.dataframe(
            table, hide_index=True, height=height, column_config={"Highest score": _two_digits()}
        )
    _skipped(made)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = _filter(list(table["Finding"]))
        _accept_many(made, reviewed, wanted)
    actions.show_fault()
    queue = waiting(reviewed, wanted)
    if not queue:
        st.success("No finding waits for a decision.")
        card.undo_button(made.root, undoable)
        return
    place = place_of(queue, actions.at())
    card.show(queue, place, cache.label_rows(source), undoable=undoable)


def _filter(kinds: list[str]) -> Wanted:
    # Kinds without findings are no longer options.
    if "review_kinds" in st.session_state:
        st.session_state["review_kinds"] = [
            kind for kind in st.session_state["review_kinds"] if kind in kinds
        ]
    chosen = st.multiselect("Kinds", kinds, key="review_kinds", placeholder="All kinds")
    least = st.number_input("Minimum score", 0.0, 1.0, 0.0, 0.05, key="review_least")
    return Wanted(tuple(chosen), least)


def _accept_many(made: "Audit", reviewed: Sequence[Reviewed], wanted: Wanted) -> None:
    """Let the reader accept all findings of a kind, after showing how many these are."""
    with st.popover("Accept many …", key="review_many", disabled=not gate.allows("operator")):
        kinds = [k for k in made.by_kind if by_rule(reviewed, k, 0.0)]
        if not kinds:
            st.write("No undecided finding can be accepted by rule.")
            return
        first = kinds.index(wanted.kinds[0]) if wanted.kinds and wanted.kinds[0] in kinds else 0
        kind = st.selectbox("Kind", kinds, first, key="review_rule_kind")
        least = st.number_input("Minimum score", 0.0, 1.0, SURE, 0.05, key="review_rule_least")
        accepted = by_rule(reviewed, kind, least)
        out = sum(not each.finding.proposal for each in accepted)
        st.write(
            f"Values replaced by the proposal: {len(accepted) - out:,}. Photos left out, without a "
            f"proposal: {out:,}. You can undo this."
        )
        st.button(
            f"Yes, accept {len(accepted):,}", key="review_rule_yes", type="primary",
            disabled=not accepted, on_click=actions.accept_kind,
            args=(made.root, made.findings, kind, least),
        )  # fmt: skip


def _skipped(made: "Audit") -> None:
    if not made.skipped:
        return
    # A reason names the flag of the command line in brackets, which means nothing here.
    reasons = [re.sub(r" \(--[^)]*\)", "", skipped.reason) for skipped in made.skipped]
    with st.expander(f"Skipped checks: {len(reasons)}"):
        table = {"Check": [skipped.check for skipped in made.skipped], "Reason": reasons}
        st.dataframe(table, hide_index=True)


def _two_digits() -> "ColumnConfig":
    return st.column_config.NumberColumn(format="%.2f")


def show_decided(folder: Path, decisions: Sequence[Repair]) -> None:
    """Draw the decisions in force, the newest first."""
    st.subheader("Decided")
    st.caption(
        f"Decisions are stored in `{REPAIRS_FILE}` beside the labels. They are applied on load, "
        "here, in training and in evaluation, and are reversible. The label files stay unchanged."
    )
    if not decisions:
        st.info("No decisions yet.")
        return
    st.markdown(counted(decisions) + ".")
    st.dataframe(decided_table(decisions), hide_index=True, height=280)
    if not gate.allows("operator"):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _one_by_one(folder, decisions)
        _by_rule(folder, decisions)
    st.caption(
        "A model trained before a repair keeps its own split and weights, and is evaluated with "
        "the current labels. If a repair adds a photo that its split does not contain, evaluate it "
        "on all photos instead. A cross-validation that began with other labels does not resume."
    )


def _one_by_one(folder: Path, decisions: Sequence[Repair]) -> None:
    names = {repair.key: in_words(repair) for repair in decisions}
    # Decisions that were taken back meanwhile are no longer options.
    kept = [key for key in st.session_state.get(_CHOSEN, []) if key in names]
    if _CHOSEN in st.session_state:
        st.session_state[_CHOSEN] = kept
    chosen = st.multiselect(
        "Decisions to take back", list(names), format_func=names.__getitem__, key=_CHOSEN,
        placeholder="Type part of a file name",
    )  # fmt: skip
    st.button(
        f"Take back {len(chosen)}" if chosen else "Take back", key="review_forget",
        disabled=not chosen, on_click=actions.forget, args=(folder, tuple(chosen)),
    )  # fmt: skip


def _by_rule(folder: Path, decisions: Sequence[Repair]) -> None:
    ruled = [repair for repair in decisions if repair.by == "rule"]
    for kind, count in Counter(repair.finding for repair in ruled).items():
        keys = tuple(repair.key for repair in ruled if repair.finding == kind)
        st.button(
            f"Take back all {count:,} {kind} by rule", key=f"review_forget_{kind}",
            on_click=actions.forget, args=(folder, keys),
        )  # fmt: skip
