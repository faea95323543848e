"""Tune: search for better options, and watch a search."""

import streamlit as st

from app.access import gate
from app.tune import search
from app.widgets import deletion, messages, pickers
from app.workspace import workspace

st.title("Tune")
st.caption(
    "A search trains many short runs with options drawn from ranges, and finds what scores best on "
    "validation photos. It never uses test photos, so evaluating the final model on them stays "
    "unbiased."
)
place = workspace()
messages.show()
search.launch(place)
study = search.pick_study(place)
if study is None:
    way = " Press **Start the search**."
    if pickers.dataset_path() is None:
        way = " Choose a data set in the sidebar (» opens it), then press **Start the search**."
    st.info(f"No search yet.{way if gate.allows('operator') else ''}")
    st.stop()
deletion.offer([study], "study")
search.watch(study)
