"""What is loaded and what the model can do, in figures."""

import streamlit as st

from app import absence, cache, demo
from app.data import browse
from app.widgets import ensemble, messages, pickers
from app.workspace import workspace
from core.errors import BearingsError
from core.evaluation import report_text
from core.evaluation.report import Report
from core.headline import Figure
from core.labels import LABELS, PLURALS
from core.model.card import Card
from core.runs import report_folders

FACTS = ("Photos", "Regions")


def show() -> None:
    """The data set beside the model, in figures."""
    left, right = st.columns([1, 2], gap="small")
    with left, st.container(border=True, height="stretch"):
        dataset_box()
    with right, st.container(border=True, height="stretch"):
        model_box()


def dataset_box() -> None:
    """The loaded data set in figures, or what is wrong with it, or how to get one."""
    place = workspace()
    if pickers.dataset_path() is None:
        if demo.is_rendering(place):
            st.markdown("**Data set**: the demo campus, once all its photos are rendered.")
        else:
            st.markdown("**Data set**: none yet.")
            st.caption("Choose a folder in the sidebar (» opens it), or type its path.")
        return
    try:
        data = pickers.need_dataset()
    except BearingsError as error:
        messages.show_error(error, linked=True)
        return
    root = messages.code(place.label(data.root))
    st.markdown(f"Data set **{messages.plain(data.campus.name)}**, {root}")
    facts = browse.facts(data)
    with st.container(horizontal=True):
        for name in FACTS:
            if name in facts:
                st.metric(name, facts[name])
    if "Extent" in facts:
        st.caption(f"Extent {facts['Extent']}")
    for sentence in absence.lacking(data):
        st.caption(sentence)


def model_box() -> None:
    """The loaded model with its newest report, or what is wrong, or how to get one."""
    folder = pickers.checkpoint_path()
    if folder is None:
        st.markdown("**Model**: none yet.")
        st.caption("Train one, or type the path of a checkpoint in the sidebar (» opens it).")
        return
    try:
        card = cache.card(folder)
        newest = next(iter(report_folders(folder)), None)
        content = None if newest is None else cache.report(newest)
    except BearingsError as error:
        messages.show_error(error)
        return
    title = messages.plain(cache.checkpoint_title(folder))
    st.markdown(f"Model **{title}**, trained on {messages.plain(card.campus)}")
    if content is not None:
        with st.container(horizontal=True):
            for name, value in headline(content).items():
                st.metric(name, value, width="content")
    judged = "Not evaluated yet: see Evaluate." if content is None else _evaluated_on(content)
    st.caption(f"{judged} Network: {describe(card)}")
    for sentence in () if content is None else absence.unreported(content, card.labels):
        st.caption(sentence)


def describe(card: Card) -> str:
    """A model in a sentence."""
    network = f"{card.model.backbone} at {card.preprocess.input_size} pixels"
    if card.ensemble is not None:
        network = ensemble.described(card.ensemble)
    return f"{network}, {card.split.protocol} split, {_predicted(card)}, {card.created[:10]}."


def _predicted(card: Card) -> str:
    """How many regions, and which other labels if not all of them."""
    regions = [f"{len(card.regions):,} regions"] if card.regions else []
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
