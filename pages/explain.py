"""Explain: which parts of one photo made the model answer as it did."""

import streamlit as st

from app import cached, controls, explain_view, links, members_view

st.title("Explain")
st.caption(
    "Which parts of a photo made the model say so: for the region, the position and the heading."
)
predictor = members_view.pick_network(cached.predictor(controls.need_checkpoint_path()))
if not predictor.card.trained:
    st.info(explain_view.UNTRAINED)
    links.to("train", "Train a model")
    st.stop()
subject = explain_view.pick_subject(predictor)
if subject is None:
    st.info("Drop a photo above, or load a data set in the sidebar and take one of its photos.")
    st.stop()
panels = st.columns(explain_view.pick_panels())
for place, column in enumerate(panels):
    with column:
        explain_view.panel(predictor, subject, place)
