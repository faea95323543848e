"""An evaluation photo by photo: filters, region medians, positions in metres, one photo's card."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from app.widgets import messages, pickers, selection
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
    "region_probability": st.column_config.NumberColumn("Probability", format="%.0f %%"),
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
    """Rows of `predictions.csv` that pass a filter, largest error first, unknown errors last."""
    keep = ~(table[_ERROR[wanted.method]] < wanted.least_m)
    if wanted.least_m > 0:
        keep &= table[_ERROR[wanted.method]].notna()
    if wanted.region is not None:
        keep &= table["true_region"] == wanted.region
    if wanted.wrong_region:
        keep &= (table["true_region"] != "") & (table["true_region"] != table["region"])
    return table[keep].sort_values(_ERROR[wanted.method], ascending=False, kind="stable")


def placed(table: pd.DataFrame) -> pd.Series:
    """Which photos have a labelled and a predicted position."""
    return table[list(_ERROR.values())].notna().all(axis=1)


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


def browse(region: str) -> None:
    """Show the photos of a region on the Map page from the next run on; for callbacks."""
    st.session_state["outcomes_region"] = region
    st.session_state["map_section"] = "Photos"


def largest_error_m(table: pd.DataFrame) -> int:
    """The largest error of either method in whole metres, for the end of a slider; 1 at least."""
    largest = table[list(_ERROR.values())].max().max()
    return max(1, int(np.ceil(largest))) if np.isfinite(largest) else 1


def row_of(table: pd.DataFrame, photo_id: str) -> int | None:
    """Row of a photo, or None."""
    found = table.index[table["photo_id"] == photo_id]
    return int(found[0]) if len(found) else None


def refused(table: pd.DataFrame) -> None:
    """Draw the list of photos that would be refused, if there are any."""
    if "refused" not in table or not table["refused"].any():
        return
    names = table.loc[table["refused"], "filename"]
    with st.expander(f"Photos that would be refused as not this campus: {len(names):,}"):
        st.dataframe(names, hide_index=True, column_config={"filename": "Photo"})


def listing(table: pd.DataFrame, names: dict[str, str]) -> None:
    """Draw the table below the map, whose rows choose a photo."""
    shown = table[list(_COLUMNS)].copy()
    for column in ("true_region", "region"):
        shown[column] = shown[column].map(lambda region: names.get(region, region) or None)
    shown["region_probability"] *= 100.0
    shown = shown.dropna(axis="columns", how="all")
    columns = {name: column for name, column in _COLUMNS.items() if name in shown}
    selection.clickable_table("outcomes", shown, table["photo_id"].tolist(), columns)


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
        set(table["true_region"]) - {""},
        key=lambda region: (not region.isdecimal(), region.zfill(9)),
    )
    region, least, wrong = None, 0, False
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Only positions, and headings beside them, are refined.
        method: Method = pick_method() if placed(table).any() else "refined"
        if order:
            named = {region: names.get(region, region) for region in order}
            region = pickers.pick_region("outcomes", named)
        if placed(table).any():
            most = largest_error_m(table)
            least = st.slider("Minimum error (m)", 0, most, 0, key="outcomes_least")
        if order and (table["region"] != "").any():
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
        st.image(picture, caption=messages.plain(name), width="stretch")
    st.dataframe(truth_beside_prediction(photo, names, method), hide_index=True)


def truth_beside_prediction(
    photo: pd.DataFrame, names: dict[str, str], method: Method
) -> pd.DataFrame:
    """Return one row a label that is known or predicted, in words.

    Args:
        photo: One row of `predictions.csv`.
        names: Display name by region id.
        method: Which prediction.
    """
    one, rows = photo.iloc[0], []
    true, guess = str(one["true_region"]), str(one["region"])
    if true or guess:
        chance = f"{names.get(guess, guess)} ({level(one['region_probability'])})" if guess else ""
        rows.append(("Region", names.get(true, true), chance))
    turned, off_deg = heading_deg(photo, method)[0], heading_error_deg(photo, method)[0]
    if np.isfinite([one["true_angle"], turned]).any():
        answer = heading(turned) if np.isfinite(turned) else ""
        answer += f", {degrees(off_deg)} off" if np.isfinite(off_deg) else ""
        truth = heading(one["true_angle"]) if np.isfinite(one["true_angle"]) else ""
        rows.append(("Heading", truth, answer))
    off_m, has_truth = error_m(photo, method)[0], np.isfinite(truth_m(photo)).all()
    if has_truth or np.isfinite(predicted_m(photo, method)).all():
        answer = f"{metres(off_m)} off" if np.isfinite(off_m) else ""
        rows.append(("Position", "as labelled" if has_truth else "", answer))
    table = pd.DataFrame(rows, columns=["", "truth", "predicted"])
    return table.replace({"truth": {"": "not labelled"}, "predicted": {"": "not predicted"}})
