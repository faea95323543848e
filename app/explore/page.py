"""What the Explore page is made of: its pickers, what is missing, and the progress of a plane."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import cache, embedding, links
from app.embedding import Described, Plane
from app.explore.chart import Colour
from app.explore.photos import ExploreView
from app.selection import selection
from app.widgets import pickers
from app.wording import spoken
from core.geo import Floats
from core.runs import report_folders

_TITLES: dict[Plane, str] = {"pca": "At once (PCA)", "tsne": "Similar together (t-SNE)"}
_WAIT_S = 2.0


def pick_report() -> Path | None:
    """The report whose photos are shown beside the training photos; None if there is none."""
    return (
        pickers.pick_report("explore") if report_folders(pickers.need_checkpoint_path()) else None
    )


def need_described(checkpoint: Path, report: Path | None) -> Described:
    """The photos with their descriptors; without a gallery, the page says what to do and ends."""
    found = embedding.described(checkpoint, report)
    if found is None:
        st.info(
            "This model was saved without its training photos' descriptors, so there is nothing "
            "to explore. Train it again, or choose another model in the sidebar."
        )
        links.to("train", "Train a model")
        st.stop()
    if report is None:
        st.info("The model is not evaluated yet: only its training photos are shown.")
        links.to("evaluate", "Evaluate it")
    elif not len(found.evaluated):
        st.info(
            "This report holds no descriptors of its photos, or they are of an older gallery: only "
            "the training photos are shown. Evaluate the model again to add the evaluated photos."
        )
        links.to("evaluate", "Evaluate it again")
    if found.namesakes:
        st.caption(
            f"{found.namesakes:,} training photos are left out: other photos, which are in the "
            "report, have the same file names."
        )
    return found


def pick_plane(photos: Described) -> tuple[Plane, Floats]:
    """Let the reader choose how photos are arranged; until that is computed, the PCA is shown."""
    chosen: Plane = st.segmented_control(
        "Arrangement", embedding.PLANES, default="pca", required=True, key="explore_plane",
        format_func=_TITLES.__getitem__, bind="query-params",
    )  # fmt: skip
    if chosen == "tsne":
        place = embedding.neighbourhoods(photos).place
        if place is not None:
            return "tsne", place
    return "pca", embedding.principal(photos)


def pick_colour(offered: Sequence[Colour]) -> Colour:
    """Let the reader choose what photos are coloured by."""
    key = "explore_colour"
    if st.session_state.get(key, offered[0]) not in offered:
        del st.session_state[key]
    colour: Colour = st.selectbox("Colour", offered, key=key, bind="query-params", width=170)
    return colour


def progress(photos: Described, drawn: Plane) -> None:
    """Say how far the arrangement is that the reader waits for, and draw it once it is there."""
    if st.session_state.get("explore_plane") == "tsne":
        if drawn == "pca":
            _waiting(photos)
        elif fault := embedding.neighbourhoods(photos).fault:
            st.caption(f"This arrangement is not kept for the next start: {fault}")


@st.fragment(run_every=_WAIT_S)
def _waiting(photos: Described) -> None:
    made = embedding.neighbourhoods(photos)
    if made.place is not None:
        st.rerun()
    if made.fault:
        st.warning(made.fault)
        return
    expected_s = embedding.expected_s(len(photos))
    st.progress(
        min(made.elapsed_s / expected_s, 0.99),
        f"Arranging {len(photos):,} photos in the background: {spoken(made.elapsed_s)} so far, "
        f"about {spoken(expected_s)} on two free cores. Until then, the chart shows the PCA.",
    )


def opened(view: ExploreView, checkpoint: Path) -> str | None:
    """The open photo; None if there is none, or it is not among the photos."""
    about = None if view.report is None else view.report.dataset
    within = cache.card(checkpoint).campus if about is None else about.campus
    row = selection.chosen(selection.PHOTO, view.row_of, within=within)
    return None if row is None else str(view.table.at[row, "photo_id"])


def hint(view: ExploreView) -> None:
    """Say what can be done with the chart."""
    st.info(
        "Each dot is a photo; dots that lie together look alike to the model. Click one to open "
        "it, or draw a lasso or a box around some to see only these below."
    )
    table = view.table[view.shown]
    wrong = (table["predicted"] != "") & (table["region"] != "")
    wrong &= table["predicted"] != table["region"]
    with st.container(horizontal=True):
        st.metric("Photos shown", f"{len(table):,}")
        if view.is_evaluated.any() and (view.table["predicted"] != "").any():
            st.metric("Wrong region", f"{int(wrong.sum()):,}")
