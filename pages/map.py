"""Map: prediction against truth, photo by photo and region by region."""

from functools import partial

import streamlit as st

from app import absence, cache, theme
from app.evaluate import next_view, outcomes, photos, playback, region_map
from app.evaluate.map_controls import explain_layers, pick_layers, summary
from app.evaluate.outcome_map import far_photos, outcome_backdrop, outcome_map
from app.selection import selection
from app.widgets import base_layer, figure_files, other_place, pickers

st.title("Map")
other_place.show()
folder = pickers.need_checkpoint_path()
card, place = cache.card(folder), pickers.pick_report("map")
table = cache.predictions(place)
report = cache.report(place)
scope = "" if report.dataset is None else report.dataset.root
mapped = report.position is not None
source = base_layer.source_of(scope, folder)
campus = outcome_backdrop(card, cache.gallery(folder), table, base_layer.of(source))
palette, online = theme.palette(), pickers.online_tiles()
section = "Photos"
if mapped:
    regions = ("Regions",) if report.per_region else ()
    section = pickers.pick_section("map", ("Photos", *regions, next_view.SECTION))

if section == "Photos":
    view = photos.open_view("map", folder, place, report, table)
    found, name = view.shown, photos.opened(view, report)
    chosen = None if name is None else outcomes.row_of(table, name)
    left, right = st.columns([3, 2])
    with left:
        if mapped:
            with st.container(horizontal=True, vertical_alignment="center"):
                opacity = pick_layers(table, campus.base)
                area = st.toggle("Select an area", key="map_area")
        if mapped and area:
            figure_files.offer("map", {"Photos at their places": photos.plan(view, palette)})
        elif mapped:
            draw = partial(
                outcome_map, campus, table, palette, method=view.method, chosen=chosen,
                online=online, opacity=opacity,
            )  # fmt: skip
            playback.show(view, draw)
            explain_layers(opacity, palette, view.method, int(outcomes.placed(found).sum()))
            selection.far_list(selection.PHOTO, far_photos(campus, found, view.method))
            base_layer.credit(source, planar=campus.ground().planar)
            st.caption(absence.counted(report, "position") or "")
        else:
            st.info(absence.of_report(report, card.labels, "position", "map"))
    with right:
        if name is not None:
            photos.panel(view, found, name)
        elif mapped:
            summary(found, palette, view.method)
        else:
            st.info("Click a row to see its photo.")
    outcomes.refused(table)
    photos.gallery(view, report, beside=False)
else:
    if section == "Regions":
        region_map.show(campus, table, palette, online=online, browse=outcomes.browse)
    else:
        next_view.show(campus, cache.gallery(folder), table, palette, online=online)
    base_layer.credit(source, planar=campus.ground().planar)
