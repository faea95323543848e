"""Runs: every training run and cross-validation, and some of them side by side."""

import streamlit as st

from app import comparing, controls, crossval_view, ensembling, judged_models, links, run_notes
from app.workspace import workspace
from core.crossval.report import list_crossvals
from core.jobs.summary import list_runs

st.title("Runs")
place = workspace()
every, crossvals = list_runs(place.runs), list_crossvals(place.runs)
if not every and not crossvals:
    st.info("No run yet. Start one on the Train page; it will be listed here.")
    links.to("train", "Train a model")
    st.stop()
if every:
    notes = run_notes.all_notes(every)
    runs = run_notes.pick_tagged(every, notes)
    models = judged_models.of_runs(runs)
    chosen = comparing.pick_runs(runs, models, notes)
    beside = comparing.pick_beside(place)
    if len(chosen) == 1:
        comparing.next_steps(chosen[0], notes)
    ensembling.offer(chosen)
    if not chosen and not beside:
        st.info("Tick the box of one run, or of several to compare them.")
    else:
        section = controls.pick_section("runs", comparing.SECTIONS)
        if section == comparing.FIGURES:
            comparing.figures(place, [*(models[run.name] for run in chosen), *beside])
        elif section == comparing.CURVES:
            comparing.curves(chosen)
        else:
            comparing.options(chosen)
if crossvals:
    crossval_view.show(place, crossvals)
