"""An evaluation photo by photo: filters, region medians, positions in metres, one photo's card."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from app.widgets import pickers, selection
from app.widgets.photo_source import PhotoSource
from app.wording import degrees, heading, level, metres
from core.geo import Floats

Method = Literal["refined", "raw"]
_ERROR = {"refined": "error_refined_m", "raw": "error_m"}
_HEADING = {"refined": "angle_refined", "raw": "angle"}
_HEADING_ERROR = {"refined": "heading_error_refined_deg", "raw": "heading_error_deg"}
_PLACE = {"refined": ("north_refined_m", "east_refined_m"), "raw": ("north_m", "east_m")}


_COLUMNS = {
    "filename": st.column_config.TextColumn("Photo"),
    "true_region": st.column_config.TextColumn("True region"),
    "region": st.column_config.TextColumn("Predicted region"),
    "region_probability": st.column_config.NumberColumn("Probability", format="%.0f%%"),
    "error_refined_m": st.column_config.NumberColumn("Error, refined (m)", format="%.1f"),
    "error_m": st.column_config.NumberColumn("Error, raw (m)", format="%.1f"),
    "heading_error_refined_deg": st.column_config.NumberColumn(
        "Heading error, refined (°)", format="%.1f"
    ),
    "heading_error_deg": st.column_config.NumberColumn("Heading error, raw (°)", format="%.1f"),
}


@dataclass(frozen=True)
class Filter:
    """Which photos of an evaluation are shown.

    Attributes:
        region: True region, or None for all.
        least_m: Only errors of at least this many metres.
        wrong_region: Only photos whose region was predicted wrongly.
        method: Which prediction.
    """

    region: str | None
    least_m: float
    wrong_region: bool
    method: Method


def shown(table: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """Rows of `predictions.csv` that pass a filter, largest error first."""
    keep = table[_ERROR[wanted.method]] >= wanted.least_m
    if wanted.region is not None:
        keep &= table["true_region"] == wanted.region
    if wanted.wrong_region:
        keep &= table["true_region"] != table["region"]
    return table[keep].sort_values(_ERROR[wanted.method], ascending=False, kind="stable")


def truth_m(table: pd.DataFrame) -> Floats:
    """Labelled positions `(n, 2)` in metres."""
    return np.asarray(table[["true_north_m", "true_east_m"]], np.float64)


def predicted_m(table: pd.DataFrame, method: Method) -> Floats:
    """Predicted positions `(n, 2)` in metres."""
    return np.asarray(table[list(_PLACE[method])], np.float64)


def heading_deg(table: pd.DataFrame, method: Method) -> Floats:
    """Predicted headings `(n,)`."""
    return np.asarray(table[_HEADING[method]], np.float64)


def error_m(table: pd.DataFrame, method: Method) -> Floats:
    """Position errors `(n,)` in metres."""
    return np.asarray(table[_ERROR[method]], np.float64)


def heading_error_deg(table: pd.DataFrame, method: Method) -> Floats:
    """Heading errors `(n,)` in degrees."""
    return np.asarray(table[_HEADING_ERROR[method]], np.float64)


def region_medians(table: pd.DataFrame, method: Method) -> dict[str, float]:
    """Median position error in metres by true region."""
    medians = table.groupby("true_region")[_ERROR[method]].median()
    return {str(region): float(value) for region, value in medians.items()}


def largest_error_m(table: pd.DataFrame) -> int:
    """The largest error of either method in whole metres, for the end of a slider; 1 at least."""
    return int(max(1.0, *(np.ceil(table[column].max()) for column in _ERROR.values())))


def row_of(table: pd.DataFrame, photo_id: str) -> int | None:
    """Row of a photo, or None."""
    found = table.index[table["photo_id"] == photo_id]
    return int(found[0]) if len(found) else None


def listing(table: pd.DataFrame, names: dict[str, str]) -> None:
    """Draw the table below the map, whose rows choose a photo."""
    shown = table[list(_COLUMNS)].copy()
    for column in ("true_region", "region"):
        shown[column] = shown[column].map(lambda region: names.get(region, region))
    shown["region_probability"] *= 100.0
    selection.clickable_table("outcomes", shown, table["photo_id"].tolist(), _COLUMNS)


def pick_method() -> Method:
    """Let the reader choose the prediction: refined by training photos, or raw."""
    names = {"refined": "refined by training photos", "raw": "network alone"}
    methods: tuple[Method, ...] = ("refined", "raw")
    chosen = st.segmented_control(
        "Prediction", methods, default="refined", required=True, format_func=names.__getitem__,
        key="method", persist_state="session",
    )  # fmt: skip
    return chosen or "refined"


def pick_outcomes(table: pd.DataFrame, names: dict[str, str]) -> Filter:
    """Let the reader filter the photos of an evaluation."""
    order = sorted(
        set(table["true_region"]), key=lambda region: (not region.isdecimal(), region.zfill(9))
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = pick_method()
        region = pickers.pick_region(
            "outcomes", {region: names.get(region, region) for region in order}
        )
        least = st.slider("Minimum error (m)", 0, largest_error_m(table), 0, key="outcomes_least")
        wrong = st.toggle("Wrong region only", key="outcomes_wrong", persist_state="session")
    return Filter(region, float(least), bool(wrong), method)


def outcome_card(
    table: pd.DataFrame, row: int, shelf: PhotoSource, names: dict[str, str], method: Method
) -> None:
    """Show a photo with its truth beside its prediction.

    Args:
        table: All rows of `predictions.csv`.
        row: Which of them.
        shelf: Where the picture is.
        names: Display name by region id.
        method: Which prediction.
    """
    photo = table.loc[[row]]
    name = str(table.at[row, "filename"])
    picture = shelf.picture(name, truth_m(photo)[0])
    if picture is None:
        st.caption("Photo not found: choose the evaluated data set in the sidebar.")
    else:
        st.image(picture, caption=name, width="stretch")
    true, guess = (str(table.at[row, column]) for column in ("true_region", "region"))
    headings = (float(table.at[row, "true_angle"]), float(heading_deg(photo, method)[0]))
    st.dataframe(
        pd.DataFrame(
            {
                "": ["Region", "Heading", "Position"],
                "truth": [names.get(true, true), heading(headings[0]), "as labelled"],
                "predicted": [
                    f"{names.get(guess, guess)} ({level(table.at[row, 'region_probability'])})",
                    f"{heading(headings[1])}, {degrees(heading_error_deg(photo, method)[0])} off",
                    f"{metres(error_m(photo, method)[0])} off",
                ],
            }
        ),
        hide_index=True,
    )
