"""Explore: the photos as the model sees them, similar ones together, in two dimensions."""

import streamlit as st

from app import theme
from app.explore import chart, page, photos
from app.widgets import other_place, pickers

st.title("Explore")
other_place.show()
checkpoint = pickers.need_checkpoint_path()
report = page.pick_report()
described = page.need_described(checkpoint, report)
palette = theme.palette()
with st.container(horizontal=True, vertical_alignment="top"):
    plane, place = page.pick_plane(described)
    colours = st.container(width="content")
    paired = st.container(width="content")
view = photos.open_view(checkpoint, described, report, plane, place)
with colours:
    colour = page.pick_colour(chart.offered_colours(view))
with paired:
    kind, pairs = chart.pick_pairs(view)
name = page.opened(view, checkpoint)
left, right = st.columns([3, 2])
with left:
    chart.chart(view, colour, palette, chosen=name, lines=None if pairs is None else pairs.rows)
    chart.legend(view, colour, palette)
    page.progress(described, plane)
with right:
    if name is not None:
        photos.panel(view, name)
    else:
        page.hint(view)
if kind is not None and pairs is not None:
    chart.pairs(view, kind, pairs)
photos.grid(view, name)
