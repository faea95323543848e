"""Tune: search for better options from the sidebar, and watch a search."""

import streamlit as st

from app.tune import search
from app.workspace import workspace

st.title("Tune")
st.caption(
    "A search trains many short runs with options drawn from ranges, and finds what scores best on "
    "validation photos. It never uses test photos, so evaluating the final model on them stays "
    "unbiased."
)
place = workspace()
search.start_from_sidebar(place)
study = search.pick_study(place)
if study is None:
    st.info("No search yet. Set one up under **New search** in the sidebar, and start it there.")
    st.stop()
search.watch(study)
