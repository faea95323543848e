"""Home: what is loaded, what the model can do, where to go next."""

import streamlit as st

from app import demo, links
from app.home import overview

st.title("Bearings")
st.markdown("Where on campus was this photo taken, and which way did the camera face?")
demo.show()
overview.show()
st.subheader("Where to go next")
links.cards(
    {
        "predict": ("Predict", "Drop in a photo: its pin, its heading, and the photos like it."),
        "data": ("Data", "Check the labels: maps, counts, what was noticed, splits and leaks."),
        "train": ("Train", "Train a model on the data set and watch it learn."),
        "tune": ("Tune", "Search for options that train a better model."),
        "runs": ("Runs", "Compare the models that were trained."),
        "evaluate": ("Evaluate", "Where the model is right, and what it takes for what."),
        "map": ("Map", "Prediction against truth, photo by photo and region by region."),
        "explain": ("Explain", "Which parts of a photo made the model say so."),
    }
)
