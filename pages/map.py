"""Map: prediction against truth, photo by photo and region by region."""

from functools import partial

import streamlit as st

from app import absence, cache, theme
from app.evaluate import outcomes, region_map
from app.evaluate.map_controls import explain_layers, pick_layers
from app.evaluate.outcome_map import (
    far_photos,
    outcome_backdrop,
    outcome_deck,
)
from app.evaluate.outcomes import outcome_card
from app.widgets import base_layer, other_place, pickers, selection
from app.widgets.photo_source import PhotoSource

st.title("Map")
other_place.show()
folder = pickers.need_checkpoint_path()
card, place = cache.card(folder), pickers.pick_report("map")
table = cache.predictions(place)
report = cache.report(place)
scope = "" if report.dataset is None else report.dataset.root
mapped = report.position is not None
source = base_layer.source_of(scope)
campus = outcome_backdrop(card, cache.gallery(folder), table, base_layer.of(source))
palette, online = theme.palette(), pickers.online_tiles()
section = "Photos"
if mapped and report.per_region:
    section = pickers.pick_section("map", ("Photos", "Regions"))

if section == "Photos":
    wanted = outcomes.pick_outcomes(table, card.region_names)
    found = outcomes.shown(table, wanted)
    chosen = selection.chosen("outcomes", partial(outcomes.row_of, table), within=scope)
    left, right = st.columns([3, 2])
    with left:
        if mapped:
            opacity = pick_layers(table, based=campus.base is not None)
            deck = outcome_deck(
                campus, table, found, palette, method=wanted.method, chosen=chosen, online=online,
                opacity=opacity,
            )  # fmt: skip
            selection.clickable_map(
                "outcomes", deck, lambda row: table.at[row, "photo_id"], "Truth and prediction"
            )
            explain_layers(opacity, palette, wanted.method, int(outcomes.placed(found).sum()))
            selection.far_list("outcomes", far_photos(campus, found, wanted.method))
            base_layer.credit(source, planar=campus.ground().planar)
            st.caption(absence.counted(report, "position") or "")
        else:
            st.info(absence.of_report(report, card.labels, "position", "map"))
    with right:
        if chosen is None:
            st.info(f"Click a {'dot' if mapped else 'row'} to see its photo.")
        else:
            shelf = PhotoSource.judged(card, report, pickers.dataset_if_readable())
            outcome_card(table, chosen, shelf, card.region_names, wanted.method)
    outcomes.refused(table)
    order = ", largest error first" if mapped else ""
    st.caption(f"{len(found):,} of {len(table):,} photos{order}")
    outcomes.listing(found, card.region_names)
else:
    region_map.show(campus, table, palette, online=online, browse=outcomes.browse)
    base_layer.credit(source, planar=campus.ground().planar)
