"""Train: start a run, and watch one."""

import streamlit as st

from app.access import gate
from app.train import queue_view, train_form, watch
from app.widgets import messages
from app.workspace import workspace

st.title("Train")
st.caption("Runs and the queue continue when you close this tab or the app.")
place = workspace()
train_form.launch(place)
messages.show()
queue_view.show(place)
run = train_form.pick_run(place)
if run is None:
    way = (
        " Choose a data set and a preset, then press **Start training**."
        if gate.allows("operator")
        else ""
    )
    st.info(f"No run yet.{way}")
    st.stop()
watch.watch(run)
