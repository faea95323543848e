"""Runs: lists of training runs and cross-validations, and comparisons of the chosen ones."""

import streamlit as st

from app import cache, links
from app.runs import crossval, ensembling, evaluated_models, runs_page
from app.widgets import pickers
from app.workspace import workspace
from core.crossval.report import list_crossvals

st.title("Runs")
place = workspace()
every, crossvals = cache.runs(place.runs), list_crossvals(place.runs)
if not every and not crossvals:
    st.info("No run yet. Start one on the Train page.")
    links.to("train", "Train a model")
    st.stop()
if every:
    notes = runs_page.all_notes(every)
    runs = runs_page.pick_tagged(every, notes)
    models = evaluated_models.of_runs(runs)
    chosen = runs_page.pick_runs(runs, models, notes)
    others = runs_page.pick_others(place)
    if len(chosen) == 1:
        runs_page.next_steps(chosen[0], notes)
    ensembling.offer(chosen)
    if not chosen and not others:
        st.info("Tick one run, or several to compare them.")
    else:
        section = pickers.pick_section("runs", runs_page.SECTIONS)
        if section == runs_page.FIGURES:
            runs_page.figures(place, [*(models[run.name] for run in chosen), *others])
        elif section == runs_page.CURVES:
            runs_page.curves(chosen)
        else:
            runs_page.options(chosen)
if crossvals:
    crossval.show(place, crossvals)
