"""Evaluate: the scores of the picked model on labelled photos, with baselines and leak."""

import streamlit as st

from app import cache, theme, workspace
from app.evaluate import human_view, photos, report_tables, report_view, trust_view
from app.widgets import other_place, pickers
from core.runs import report_folders

st.title("Evaluate")
other_place.show()
checkpoint, place = pickers.need_checkpoint_path(), workspace.workspace()
card = cache.card(checkpoint)
if not report_folders(checkpoint):
    report_view.offer(place, checkpoint, first=True)
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    folder = pickers.pick_report("evaluate")
    report_view.offer(place, checkpoint, first=False)
report, table = cache.report(folder), cache.predictions(folder)
names, palette = report_tables.region_names(report, card.region_names), theme.palette()
st.caption(report_tables.evaluated_on(report))
sections = report_view.sections(report)
section = pickers.pick_section("evaluate", sections)

if section == "Files":
    report_view.downloads(folder, report)
    st.stop()
view = photos.open_view("evaluate", checkpoint, folder, report, table)
if section == "Overview":
    report_view.overview(report, view, palette)
    human_view.show(card, table)
elif section == "Retrieval":
    trust_view.retrieval(report, view, palette)
else:
    {
        "Regions": report_view.regions,
        "Positions": report_view.positions,
        "Headings": report_view.headings,
        "Trust": trust_view.trust,
    }[section](report, view, names, palette)
