"""Predict: position, heading and evidence of uploaded photos."""

import streamlit as st

from app import cache
from app.predict import answer, results, uploads
from app.selection import selection
from app.widgets import other_place, pickers
from app.widgets.photo_source import PhotoSource

st.title("Predict")
other_place.show()
folder = pickers.need_checkpoint_path()
card, data = cache.card(folder), pickers.dataset_if_readable()
subject = uploads.choose_photos(folder, card, data)
if subject is None:
    st.info(
        "Drop a photo above to see its position, its heading and the most similar training photos."
    )
    st.stop()
# The answer stands above the question that it may depend on.
above = st.container()
region, heading_deg = pickers.pick_known(card, selection.scope(folder, subject.digest))
with above:
    predictor, shelf = cache.predictor(folder), PhotoSource.of(card, data)
    prediction, photos = results.ask(folder, subject.photos, region, heading_deg)
    if prediction is None:
        st.info("None of the photos could be read.")
    elif len(photos) == 1:
        answer.one(predictor, prediction, 0, photos[0], shelf, subject.truth)
        if subject.photo_id is not None:
            uploads.step(folder, card, data, subject.photo_id)
    else:
        results.many(predictor, prediction, photos, shelf)
