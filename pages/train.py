"""Train: start a run from the sidebar, and watch one."""

import streamlit as st

from app.train import queue_view, train_form, watch
from app.workspace import workspace

st.title("Train")
st.caption(
    "A run is a process of its own: it goes on, and so does the queue, when this tab or the app "
    "itself is closed. "
    "`pretrained` weights are downloaded once from the internet and learn from few photos; "
    "`random` ones need no network, but thousands of photos and many epochs to be worth anything. "
    "A first answer without training takes a minute: the training photos that look most alike to a "
    "pretrained backbone answer."
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
