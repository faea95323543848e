"""What was decided: who, when, what; any of it can be taken back."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import review_actions
from app.review_queue import counted, decided_table, in_words
from core.dataset.repairs import REPAIRS_FILE, Repair

_CHOSEN = "review_chosen"


def show(folder: Path, decisions: Sequence[Repair]) -> None:
    """Draw the decisions that stand, the newest first."""
    st.subheader("Decided")
    st.caption(
        f"Decisions lie in `{REPAIRS_FILE}` beside the labels and count whenever the data set is "
        "read, here, in training and in evaluation; the label files themselves stay as they are."
    )
    if not decisions:
        st.info("Nothing has been decided yet.")
        return
    st.markdown(counted(decisions) + ".")
    st.dataframe(decided_table(decisions), hide_index=True, height=280)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _one_by_one(folder, decisions)
        _by_rule(folder, decisions)
    st.caption(
        "A model trained before a repair keeps its own split and what it learned, and is judged by "
        "the labels as they are now. Where a repair lets a photo in that its split does not know, "
        "its evaluation says so and asks for all photos (`--part all`); a cross-validation "
        "begun with other labels does not go on."
    )


def _one_by_one(folder: Path, decisions: Sequence[Repair]) -> None:
    names = {repair.key: in_words(repair) for repair in decisions}
    # What was taken back meanwhile can no longer be chosen.
    kept = [key for key in st.session_state.get(_CHOSEN, []) if key in names]
    if _CHOSEN in st.session_state:
        st.session_state[_CHOSEN] = kept
    chosen = st.multiselect(
        "Decisions to take back", list(names), format_func=names.__getitem__, key=_CHOSEN,
        placeholder="Type part of a file name",
    )  # fmt: skip
    st.button(
        f"Take back {len(chosen)}" if chosen else "Take back", key="review_forget",
        disabled=not chosen, on_click=review_actions.forget, args=(folder, tuple(chosen)),
    )  # fmt: skip


def _by_rule(folder: Path, decisions: Sequence[Repair]) -> None:
    ruled = [repair for repair in decisions if repair.by == "rule"]
    for kind, count in Counter(repair.finding for repair in ruled).items():
        keys = tuple(repair.key for repair in ruled if repair.finding == kind)
        st.button(
            f"Take back all {count:,} {kind} by rule", key=f"review_forget_{kind}",
            on_click=review_actions.forget, args=(folder, keys),
        )  # fmt: skip
