"""Train: start a run from the sidebar, and watch one."""

import streamlit as st

from app.train import queue_view, train_form, watch
from app.workspace import workspace

st.title("Train")
st.caption(
    "Runs and the queue continue when you close this tab or the app. "
    "`pretrained` weights are downloaded once and need few photos; `random` weights need no "
    "network connection, but thousands of photos and many epochs. "
    "A first answer without training takes a minute: it copies the pose of the most similar "
    "training photos."
)
place = workspace()
train_form.launch_from_sidebar(place)
train_form.show_checked()
queue_view.show(place)
run = train_form.pick_run(place)
if run is None:
    st.info("No run yet. Set one up under **New run** in the sidebar, and start it there.")
    st.stop()
watch.watch(run)
