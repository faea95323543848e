"""Explain: which parts of one photo made the model answer as it did."""

import streamlit as st

from app import cache, links
from app.explain import attribution_panel, match_panel, photo_pick, rests_panel
from app.widgets import ensemble, other_place, pickers

st.title("Explain")
other_place.show()
st.caption("Which parts of the photo drove the answer.")
predictor = cache.predictor(pickers.need_checkpoint_path())
photo = photo_pick.pick(predictor)
if photo is None:
    st.info(
        "Drop a photo above, or load a data set in the sidebar (» opens it) and take one of its "
        "photos."
    )
    st.stop()
decoded = photo.square(predictor.store_size)
rests_panel.show(predictor, photo, decoded)
network = ensemble.pick_network(predictor)
if network.card.trained:
    attribution_panel.show(network, photo, decoded)
else:
    st.info(attribution_panel.UNTRAINED)
    links.to("train", "Train a model")
match_panel.show(network, photo)
