"""Predictions as files: one button for each format that can hold them."""

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from core.inference.export_files import SUFFIXES, Format, forms_of, written
from core.inference.prediction import Prediction

if TYPE_CHECKING:
    from core.inference.predictor import Predictor

_NAMES: dict[Format, str] = {
    "csv-short": "CSV, short",
    "csv": "CSV, full",
    "json": "JSON",
    "geojson": "GeoJSON",
    "kml": "KML",
    "gpx": "GPX",
    "submission": "Submission",
}
_HELP: dict[Format, str] = {
    "csv-short": "One row a photo: region, position, radius, heading",
    "csv": "One row a photo, every figure",
    "json": "Every figure, with the similar training photos and the areas",
    "geojson": "Points with every figure, for map programs",
    "kml": "Pins and areas, for Google Earth",
    "gpx": "Waypoints, for GPS devices and phones",
    "submission": "The table of the course, which has answers for refused photos too",
}


def row(predictor: "Predictor", prediction: Prediction, about: str) -> None:
    """Draw the buttons in a row that wraps; a file is made when its button is pressed.

    Args:
        predictor: The model, whose training photos are named.
        prediction: What to write.
        about: Identity of the photos.
    """
    offered = forms_of(prediction.labels, prediction.local_frame.frame)
    with st.container(horizontal=True, gap="xsmall"):
        for form in _NAMES:
            if form in offered:
                st.download_button(
                    _NAMES[form], partial(written, prediction, predictor.gallery, form),
                    f"{'submission' if form == 'submission' else 'predictions'}"
                    f".{SUFFIXES.get(form, form)}",
                    key=f"predict_{form}_{about}", on_click="ignore", help=_HELP[form],
                    icon=":material/download:",
                )  # fmt: skip
