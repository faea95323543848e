"""What is loaded and what the model can do, in figures."""

import streamlit as st

from app import cache, theme
from app.data import browse
from app.maps.photo_map import campus_deck
from app.widgets import ensemble, messages, pickers, selection
from app.workspace import workspace
from core.errors import BearingsError
from core.evaluation import report_text
from core.evaluation.report import Report
from core.model.card import Card
from core.runs import report_folders


def show() -> None:
    """The campus beside what is loaded; only what is loaded where no data set can be read."""
    data = pickers.dataset_if_readable()
    if data is None:
        left, right = st.columns(2, gap="large")
    else:
        middle, right = st.columns([3, 2], gap="large")
        deck = campus_deck(data, theme.palette(), online=pickers.online_tiles())
        with middle:
            st.pydeck_chart(
                deck, key="home_map", height=selection.MAP_HEIGHT_PX,
                alt="The campus: regions and photos",
            )  # fmt: skip
        left = right
    with left, st.container(border=True):
        dataset_box()
    with right, st.container(border=True):
        model_box()


def dataset_box() -> None:
    """The loaded data set in figures, or what is wrong with it, or how to get one."""
    st.subheader("Data set")
    if pickers.dataset_path() is None:
        st.info("No data set yet. Choose a folder in the sidebar, or type its path.")
        return
    try:
        data = pickers.need_dataset()
    except BearingsError as error:
        messages.show_error(error, linked=True)
        return
    st.markdown(f"**{data.campus.name}**, `{workspace().label(data.root)}`")
    with st.container(horizontal=True):
        for name, value in browse.facts(data).items():
            st.metric(name, value)


def model_box() -> None:
    """The loaded model with its newest report, or what is wrong, or how to get one."""
    st.subheader("Model")
    folder = pickers.checkpoint_path()
    if folder is None:
        st.info("No model yet. Train one, or type the path of a checkpoint in the sidebar.")
        return
    try:
        card = cache.card(folder)
        newest = next(iter(report_folders(folder)), None)
        content = None if newest is None else cache.report(newest)
    except BearingsError as error:
        messages.show_error(error)
        return
    st.markdown(f"**{cache.checkpoint_title(folder)}**: {describe(card)}")
    if content is None:
        st.caption("Not evaluated yet. Evaluate it on the Evaluate page.")
        return
    with st.container(horizontal=True):
        for name, value in headline(content).items():
            st.metric(name, value)
    st.caption(_evaluated_on(content))


def describe(card: Card) -> str:
    """A model in a sentence."""
    network = f"{card.model.backbone} at {card.preprocess.input_size} pixels"
    if card.ensemble is not None:
        network = ensemble.described(card.ensemble)
    return (
        f"{network}, trained on "
        f"{card.campus} ({card.split.protocol} split), {len(card.regions)} regions, "
        f"{card.created[:10]}."
    )


def headline(report: Report) -> dict[str, str]:
    """The main figures of the refined model as text."""
    refined = report.figures("refined")
    return {
        "Region accuracy": report_text.shown("region_accuracy", refined.region_accuracy),
        "Median error": report_text.shown("median_m", refined.median_m),
        "Within 25 m": report_text.shown("within_25m", refined.within_25m),
        "Heading error": report_text.shown("maae_deg", refined.maae_deg),
    }


def _evaluated_on(report: Report) -> str:
    near = report_text.leak_sentence(report)
    return (
        f"Evaluated on {report.n:,} photos, {report.split.name} split. {near[0].upper()}{near[1:]}."
    )
