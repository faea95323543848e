"""Predict: drop in photos and see where they were taken, which way they face, and why."""

import streamlit as st

from app import answers, cached, controls, selection, uploads
from app.shelf import Shelf

st.title("Predict")
folder = controls.need_checkpoint_path()
card, data = cached.card(folder), controls.dataset_if_readable()
subject = uploads.choose_photos(folder, card, data)
if subject is None:
    st.info("Drop a photo above to see its pin, its heading and the training photos like it.")
    st.stop()
region, heading_deg = controls.pick_known(card, selection.scope(folder, subject.digest))
predictor, shelf = cached.predictor(folder), Shelf.of(card, data)
prediction, photos = answers.ask(folder, subject.photos, region, heading_deg)
if prediction is None:
    st.info("None of the photos could be read.")
elif len(photos) == 1:
    answers.one(predictor, prediction, 0, photos[0], shelf, subject.truth)
else:
    answers.many(predictor, prediction, photos, shelf)
