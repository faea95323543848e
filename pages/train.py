"""Train: start a run, and watch one."""

import streamlit as st

from app.access import gate
from app.train import queue_view, train_form, watch
from app.widgets import messages, pickers
from app.workspace import workspace

st.title("Train")
st.caption("Runs and the queue continue when you close this tab or the app.")
place = workspace()
train_form.launch(place)
messages.show()
queue_view.show(place)
run = train_form.pick_run(place)
if run is None:
    first = "" if pickers.dataset_path() else "a data set in the sidebar (» opens it) and then "
    way = f" Choose {first}a preset, then press **Start training**."
    st.info(f"No run yet.{way if gate.allows('operator') else ''}")
    st.stop()
watch.watch(run)
