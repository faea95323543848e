"""Explain: which parts of one photo made the model answer as it did."""

import streamlit as st

from app import cache, links
from app.explain import attribution_panel, match_panel
from app.widgets import ensemble, pickers

st.title("Explain")
predictor = ensemble.pick_network(cache.predictor(pickers.need_checkpoint_path()))
outputs = " or ".join(predictor.card.labels[::-1])
st.caption(f"Which parts of the photo drove the answer: its {outputs}.")
if not predictor.card.trained:
    st.info(attribution_panel.UNTRAINED)
    links.to("train", "Train a model")
    photo = attribution_panel.pick_photo()
    if photo is not None:
        match_panel.show(predictor, photo)
    st.stop()
subject = attribution_panel.pick_subject(predictor)
if subject is None:
    st.info("Drop a photo above, or load a data set in the sidebar and take one of its photos.")
    st.stop()
panels = st.columns(attribution_panel.pick_panels())
for place, column in enumerate(panels):
    with column:
        attribution_panel.panel(predictor, subject, place)
match_panel.show(predictor, subject.source)
