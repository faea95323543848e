"""Data: how the labels were read, photos on a map and in a grid, the review of labels, splits."""

from functools import partial

import streamlit as st

from app import absence, cache, theme
from app.data import browse, columns, label_charts
from app.data.review import view
from app.maps.photo_map import dots_left_out, far_photos, photo_deck
from app.selection import selection, tagging
from app.widgets import base_layer, deletion, messages, pickers

st.title("Data")
messages.show()
path = pickers.need_dataset_path()
SECTIONS = ("Photos", "Labels", view.SECTION, "Split and leak", columns.SECTION)
with st.container(horizontal=True, horizontal_alignment="distribute"):
    section = pickers.pick_section("data", SECTIONS)
    deletion.offer_dataset(path, "data")
if section == view.SECTION:
    view.show(path)
    st.stop()
if section == columns.SECTION:
    columns.show(path)
    st.stop()

data, palette = columns.need_dataset(path), theme.palette()
for sentence in absence.partial(data):
    st.caption(sentence)

if section == "Photos":
    photos = browse.open_view(data)
    row = selection.chosen(selection.PHOTO, partial(browse.row_of, data), within=data.campus.name)
    chosen = None if row is None else str(data.table.at[row, "photo_id"])
    left, right = st.columns([3, 2])
    with left:
        if "position" in data.labels:
            rows, online = photos.shown.index.tolist(), pickers.online_tiles()
            base = base_layer.of(path)
            deck = photo_deck(data, rows, palette, chosen=row, online=online, base=base)
            selection.clickable_map(
                selection.PHOTO, deck, lambda row: data.table.at[row, "photo_id"], "Photos",
                key="data",
            )  # fmt: skip
            selection.far_list(selection.PHOTO, far_photos(data))
            st.caption(dots_left_out(data, rows))
            base_layer.credit(path, planar=not data.campus.frame.has_degrees)
        else:
            st.info(absence.of_data("position", "map"))
    with right:
        if row is None or chosen is None:
            where = (
                "a dot on the map, or a photo below," if "position" in data.labels else "a photo"
            )
            st.info(f"Click {where} to see it with its labels.")
            browse.figures(data)
        else:
            selection.stepper(selection.PHOTO, photos.shown["photo_id"].tolist(), chosen)
            browse.card(data, row)
            tagging.of_photo(data.root, chosen)
            selection.lead_on(chosen, "data")
    browse.grid(photos, chosen)
    browse.label_rows(photos)
elif section == "Labels":
    browse.figures(data)
    photos = browse.open_view(data)
    label_charts.of_labels(photos, palette)
    browse.label_rows(photos)
    browse.rows_left_out(data)
else:
    with st.container(horizontal=True):
        protocol, seed = pickers.pick_split(), pickers.pick_seed()
    split = cache.split(path, protocol, seed)
    label_charts.of_split(data, split, palette)
