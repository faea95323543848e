"""Runs: every training run, and some of them side by side."""

import streamlit as st

from app import comparing, ensembling, links
from app.workspace import workspace
from core.jobs.summary import list_runs

st.title("Runs")
runs = list_runs(workspace().runs)
if not runs:
    st.info("No run yet. Start one on the Train page; it will be listed here.")
    links.to("train", "Train a model")
    st.stop()
reports = comparing.newest_reports(runs)
chosen = comparing.pick_runs(runs, reports)
if not chosen:
    st.info("Tick the box of one run, or of several to compare them.")
    st.stop()
if len(chosen) == 1:
    comparing.next_steps(chosen[0])
ensembling.offer(chosen)
st.subheader("Learning curves")
comparing.curves(chosen)
st.subheader("On labelled photos")
comparing.figures(chosen, reports)
st.subheader("Options that differ")
comparing.options(chosen)
