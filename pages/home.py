"""Home: drop a photo, what is loaded, a tour, and where to go next."""

import streamlit as st

from app import demo, links
from app.home import overview, start, tour
from app.widgets import other_place

st.title("Where was this photo taken?")
st.markdown("Drop a photo of the campus: Bearings says where it was taken and which way it faces.")
demo.show()
other_place.show()
start.show()
overview.show()
tour.show()
st.subheader("All pages")
links.cards(
    {
        "predict": (
            "Predict",
            "Drop in a photo: its position, its heading, and similar training photos.",
        ),
        "play": ("Beat the model", "Guess where a photo was taken, then see the model's answer."),
        "data": ("Data", "Check the labels: maps, counts, warnings, splits and leaks."),
        "train": ("Train", "Train a model on the data set and watch it learn."),
        "tune": ("Tune", "Search for better training options."),
        "runs": ("Runs", "Compare trained models."),
        "evaluate": ("Evaluate", "See where the model is right, and which places it confuses."),
        "map": ("Map", "Prediction against truth, photo by photo and region by region."),
        "explore": (
            "Explore",
            "Photos by how alike they look to the model: see what it confuses.",
        ),
        "explain": ("Explain", "See which parts of a photo drove the answer."),
    },
    columns=5,
)
