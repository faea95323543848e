"""Charts of the labels of a data set and of its split, or why there are none."""

import plotly.graph_objects as go
import streamlit as st

from app import absence, wording
from app.data import browse
from app.data.browse import DataView
from app.figures.regions import heading_rose, region_counts
from app.selection import filters
from app.theme import Palette
from app.widgets import figure_files
from core.dataset.labels import Dataset
from core.splits.parts import PART_NAMES
from core.splits.split import Split


def of_labels(view: DataView, palette: Palette) -> None:
    """Photos of each region, and where cameras faced; clicks filter."""
    data, wanted = view.data, view.wanted
    charts: dict[str, go.Figure] = {}
    left, right = st.columns(2)
    with left:
        st.subheader("Photos of each region")
        if "region" in data.labels:
            names = browse.region_names(data)
            counts = view.beside("regions")["region"].value_counts()
            sizes = {"photos": {name: int(counts.get(one, 0)) for one, name in names.items()}}
            ids = {name: one for one, name in names.items()}
            figure = region_counts(sizes, palette, ids, wanted.regions)
            charts["Photos of each region"] = figure
            filters.chart(
                figure, "data_regions", "regions",
                filters.regions_of, alt="Photos of each region", modes=("points", "box"),
            )  # fmt: skip
        else:
            st.info(absence.of_data("region", "chart of regions"))
    with right:
        st.subheader("Camera headings")
        if "heading" in data.labels:
            headings = view.beside("facing_deg")["heading_deg"]
            figure = heading_rose(headings, palette, chosen=wanted.facing_deg)
            charts["Camera headings"] = figure
            filters.chart(
                figure, "data_rose", "facing_deg", filters.span_of_sector,
                alt="Photos by camera heading",
            )  # fmt: skip
        else:
            st.info(absence.of_data("heading", "chart of headings"))
    figure_files.offer("data", charts)


def of_split(data: Dataset, split: Split, palette: Palette) -> None:
    """Sizes of the parts, how near test photos are to training photos, and the regions of each."""
    facts = browse.split_facts(data, split)
    with st.container(horizontal=True):
        for part, size in facts.sizes.items():
            st.metric(PART_NAMES.get(part, part).capitalize(), f"{size:,} photos", border=True)
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
        figure = region_counts(
            {PART_NAMES[part]: counts for part, counts in facts.counts.items()}, palette
        )
        st.plotly_chart(figure, key="data_parts", config=figure_files.config("parts"))
        figure_files.offer("split", {"Regions of each part": figure})
    else:
        st.info(absence.of_data("region", "chart of the regions of each part"))


def _no_leak(data: Dataset) -> str:
    if "position" in data.labels:
        return "No test photo, or no training photo, has a position: there is no leak figure."
    return absence.of_data("position", "leak figure")
