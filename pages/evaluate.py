"""Evaluate: how good the picked model is on labelled photos, and beside what."""

import streamlit as st

from app import (
    cached,
    controls,
    evaluate_view,
    evaluating,
    report_tables,
    theme,
    trust_view,
    workspace,
)
from app.shelf import Shelf

st.title("Evaluate")
checkpoint, place = controls.need_checkpoint_path(), workspace.workspace()
card = cached.card(checkpoint)
if not workspace.reports(checkpoint):
    evaluating.offer(place, checkpoint, first=True)
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    folder = controls.pick_report("evaluate")
    evaluating.offer(place, checkpoint, first=False)
report, table = cached.report(folder), cached.predictions(folder)
names, palette = report_tables.region_names(report, card.region_names), theme.palette()
st.caption(report_tables.judged_on(report))
sections = ("Overview", "Regions", "Positions", "Headings", "Trust", "Files")
section = controls.pick_section("evaluate", sections)

if section == "Overview":
    evaluate_view.overview(report, palette)
elif section == "Regions":
    shelf = Shelf.judged(card, report, controls.dataset_if_readable())
    evaluate_view.regions(report, table, names, shelf, palette)
elif section == "Positions":
    evaluate_view.positions(table, names, palette)
elif section == "Headings":
    evaluate_view.headings(table, names, palette)
elif section == "Trust":
    trust_view.trust(report, names, palette)
else:
    evaluate_view.downloads(folder, report)
