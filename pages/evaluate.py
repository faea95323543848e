"""Evaluate: the scores of the picked model on labelled photos, with baselines and leak."""

import streamlit as st

from app import cache, theme, workspace
from app.evaluate import report_tables, report_view
from app.widgets import other_place, pickers
from app.widgets.photo_source import PhotoSource
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

if section == "Overview":
    report_view.overview(report, palette)
elif section == "Regions":
    shelf = PhotoSource.judged(card, report, pickers.dataset_if_readable())
    report_view.regions(report, table, names, shelf, palette)
elif section == "Positions":
    report_view.positions(report, table, names, palette)
elif section == "Headings":
    report_view.headings(report, table, names, palette)
elif section == "Trust":
    report_view.trust(report, names, palette)
else:
    report_view.downloads(folder, report)
