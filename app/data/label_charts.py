"""Charts of the labels of a data set and of its split, or why there are none."""

import streamlit as st

from app import absence, wording
from app.data import browse
from app.figures.regions import heading_rose, region_counts
from app.theme import Palette
from core.dataset.labels import Dataset
from core.dataset.splits import Split


def of_labels(data: Dataset, palette: Palette) -> None:
    """Photos of each region, and where cameras faced."""
    left, right = st.columns(2)
    left.subheader("Photos of each region")
    if "region" in data.labels:
        left.plotly_chart(region_counts(browse.region_sizes(data)), key="data_regions")
    else:
        left.info(absence.of_data("region", "chart of regions"))
    right.subheader("Camera headings")
    if "heading" in data.labels:
        right.plotly_chart(heading_rose(data.headings_deg, palette), key="data_rose")
    else:
        right.info(absence.of_data("heading", "chart of headings"))


def of_split(data: Dataset, split: Split) -> None:
    """Sizes of the parts, how near test photos are to training photos, and the regions of each."""
    facts = browse.split_facts(data, split)
    with st.container(horizontal=True):
        for part, size in facts.sizes.items():
            st.metric(part, f"{size:,} photos", border=True)
        for radius, share in facts.leak.items():
            st.metric(
                f"Test photos within {radius} of a training photo",
                wording.share(share),
                border=True,
            )
    if facts.leak:
        st.caption(
            "A test photo close to a training photo measures memory of that spot, not localisation "
            "of a new one."
        )
    else:
        st.info(_no_leak(data))
    for note in split.notes:
        st.caption(f"Assumed: {note}.")
    if "region" in data.labels:
        st.plotly_chart(region_counts(facts.counts), key="data_parts")
    else:
        st.info(absence.of_data("region", "chart of the regions of each part"))


def _no_leak(data: Dataset) -> str:
    if "position" in data.labels:
        return "No test photo, or no training photo, has a position: there is no leak figure."
    return absence.of_data("position", "leak figure")
