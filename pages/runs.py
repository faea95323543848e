"""Runs: lists of models and cross-validations, and comparisons of the chosen ones."""

import streamlit as st

from app import cache, links
from app.access import paths
from app.runs import crossval, ensembling, judging, models, runs_page
from app.widgets import deletion, messages, pickers
from app.workspace import workspace
from core.crossval.report import list_crossvals

st.title("Runs")
messages.show()
place = workspace()
every = [*models.of_runs(cache.runs(place.runs)), *models.of_checkpoints(place)]
crossvals = [each for each in list_crossvals(place.runs) if paths.is_opened(each.path)]
if not any(model.run for model in every) and not crossvals:
    st.info("No run yet. Start one on the Train page.")
    links.to("train", "Train a model")
if every:
    notes = runs_page.all_notes(every)
    chosen = runs_page.pick_models(runs_page.pick_tagged(every, notes), notes)
    if len(chosen) == 1:
        runs_page.next_steps(chosen[0], notes)
    elif chosen:
        with st.container(horizontal=True):
            ensembling.offer(chosen)
            deletion.offer([model.home for model in chosen if model.can_be_deleted], "runs")
    if not chosen:
        st.info("Tick one row, or several to compare them.")
    else:
        section = pickers.pick_section("runs", runs_page.SECTIONS)
        if section == runs_page.FIGURES:
            judging.show(place, chosen)
        elif section == runs_page.CURVES:
            runs_page.curves(chosen)
        elif section == runs_page.OPTIONS:
            runs_page.options(chosen)
        elif section == runs_page.PARALLEL:
            runs_page.options_against_figures(every)
        else:
            runs_page.lineage(place, chosen)
if crossvals:
    crossval.show(place, crossvals)
