"""Home: what is loaded, what the model can do, where to go next."""

import streamlit as st

from app import demo, links
from app.home import overview
from app.widgets import other_place

st.title("Bearings")
st.markdown("Where on campus was this photo taken, and which way did the camera face?")
demo.show()
other_place.show()
overview.show()
st.subheader("Where to go next")
links.cards(
    {
        "predict": (
            "Predict",
            "Drop in a photo: its position, its heading, and similar training photos.",
        ),
        "data": ("Data", "Check the labels: maps, counts, warnings, splits and leaks."),
        "train": ("Train", "Train a model on the data set and watch it learn."),
        "tune": ("Tune", "Search for better training options."),
        "runs": ("Runs", "Compare trained models."),
        "evaluate": ("Evaluate", "See where the model is right, and which places it confuses."),
        "map": ("Map", "Prediction against truth, photo by photo and region by region."),
        "explain": ("Explain", "See which parts of a photo drove the answer."),
    }
)
