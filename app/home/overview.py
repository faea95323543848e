"""What is loaded and what the model can do, in figures."""

import streamlit as st

from app import absence, cache, theme
from app.data import browse
from app.maps.photo_map import campus_deck
from app.selection import selection
from app.widgets import base_layer, ensemble, messages, pickers
from app.workspace import workspace
from core.errors import BearingsError
from core.evaluation import report_text
from core.evaluation.report import Report
from core.headline import Figure
from core.labels import LABELS, PLURALS
from core.model.card import Card
from core.runs import report_folders


def show() -> None:
    """The campus beside what is loaded; only what is loaded where no data set can be read."""
    data = pickers.dataset_if_readable()
    if data is None or "position" not in data.labels:
        left, right = st.columns(2, gap="large")
    else:
        middle, right = st.columns([3, 2], gap="large")
        deck = campus_deck(
            data, theme.palette(), online=pickers.online_tiles(), base=base_layer.of(data.root)
        )
        with middle:
            st.pydeck_chart(
                deck, key="home_map", height=selection.MAP_HEIGHT_PX,
                alt="The campus: regions and photos",
            )  # fmt: skip
            base_layer.credit(data.root, planar=not data.campus.frame.has_degrees)
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
    root = messages.code(workspace().label(data.root))
    st.markdown(f"**{messages.plain(data.campus.name)}**, {root}")
    with st.container(horizontal=True):
        for name, value in browse.facts(data).items():
            st.metric(name, value)
    for sentence in absence.lacking(data):
        st.caption(sentence)


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
    st.markdown(f"**{messages.plain(cache.checkpoint_title(folder))}**: {describe(card)}")
    if content is None:
        st.caption("Not evaluated yet. Evaluate it on the Evaluate page.")
        return
    with st.container(horizontal=True):
        for name, value in headline(content).items():
            st.metric(name, value)
    st.caption(_evaluated_on(content))
    for sentence in absence.unreported(content, card.labels):
        st.caption(sentence)


def describe(card: Card) -> str:
    """A model in a sentence."""
    network = f"{card.model.backbone} at {card.preprocess.input_size} pixels"
    if card.ensemble is not None:
        network = ensemble.described(card.ensemble)
    return (
        f"{network}, trained on {messages.plain(card.campus)} ({card.split.protocol} split), "
        f"{_predicted(card)}, {card.created[:10]}."
    )


def _predicted(card: Card) -> str:
    """How many regions, and which other labels if not all of them."""
    regions = [f"{len(card.regions)} regions"] if card.regions else []
    if card.labels == LABELS:
        return regions[0]
    others = [PLURALS[label] for label in card.labels if label != "region"]
    return f"predicts {' and '.join([*others, *regions])}"


def headline(report: Report) -> dict[str, str]:
    """The main figures of the refined model that there are, as text."""
    refined = report.figures("refined")
    titles: dict[str, Figure] = {
        "Region accuracy": "region_accuracy",
        "Median error": "median_m",
        "Within 25 m": "within_25m",
        "Heading error": "maae_deg",
    }
    return {
        title: report_text.shown(figure, refined.of(figure))
        for title, figure in titles.items()
        if refined.of(figure) is not None
    }


def _evaluated_on(report: Report) -> str:
    photos = f"Evaluated on {report.n:,} photos, {report.split.name} split."
    if report.position is None:
        return photos
    near = report_text.leak_sentence(report)
    return f"{photos} {near[0].upper()}{near[1:]}."
