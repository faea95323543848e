"""Data: how the labels were read, photos on a map and in a grid, the review of labels, splits."""

from functools import partial

import streamlit as st

from app import cache, theme, wording
from app.data import browse, columns
from app.data.review import view
from app.figures.regions import heading_rose, region_counts
from app.maps.photo_map import far_photos, photo_deck
from app.widgets import pickers, selection

st.title("Data")
path = pickers.need_dataset_path()
SECTIONS = ("Photos", "Labels", view.SECTION, "Split and leak", columns.SECTION)
section = pickers.pick_section("data", SECTIONS)
if section == view.SECTION:
    view.show(path)
    st.stop()
if section == columns.SECTION:
    columns.show(path)
    st.stop()

data, palette = columns.need_dataset(path), theme.palette()
with st.container(horizontal=True):
    for name, value in browse.facts(data).items():
        st.metric(name, value, border=True)

if section == "Photos":
    with st.container(horizontal=True):
        region = pickers.pick_region("data", browse.region_names(data))
        text = pickers.pick_text("data")
    photos = browse.photo_rows(data, region, text)
    chosen = selection.chosen("data", partial(browse.row_of, data), within=path)
    left, right = st.columns([3, 2])
    with left:
        online = pickers.online_tiles()
        rows = photos.index.tolist()
        deck = photo_deck(data, rows, palette, chosen=chosen, online=online)
        selection.clickable_map("data", deck, lambda row: data.table.at[row, "photo_id"], "Photos")
        selection.far_list("data", far_photos(data))
    with right:
        if chosen is None:
            st.info("Click a dot on the map, or a name below, to see a photo with its labels.")
        else:
            browse.card(data, chosen)
    browse.grid("data", photos)
elif section == "Labels":
    left, right = st.columns(2)
    left.subheader("Photos of each region")
    left.plotly_chart(region_counts(browse.region_sizes(data)), key="data_regions")
    right.subheader("Camera headings")
    right.plotly_chart(heading_rose(data.headings_deg, palette), key="data_rose")
    browse.rows_left_out(data)
else:
    with st.container(horizontal=True):
        protocol, seed = pickers.pick_split(), pickers.pick_seed()
    split = cache.split(path, protocol, seed)
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
    st.caption(
        "A test photo close to a training photo measures memory of that spot, not localisation of "
        "a new one."
    )
    for note in split.notes:
        st.caption(f"Assumed: {note}.")
    st.plotly_chart(region_counts(facts.counts), key="data_parts")
