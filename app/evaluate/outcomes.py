"""An evaluation photo by photo: filters, region medians, positions in metres, one photo's card."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from app.evaluate.report_tables import COLUMNS
from app.selection import filters
from app.widgets import messages
from app.widgets.photo_source import PhotoSource
from app.wording import degrees, heading, level, metres
from core.geo import Floats
from core.headline import PhotoErrors

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


def by_error(table: pd.DataFrame, method: Method) -> pd.DataFrame:
    """Rows of `predictions.csv`, largest position error first, unknown errors last."""
    return table.sort_values(_ERROR[method], ascending=False, kind="stable")


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


def figures(choices: Mapping[str, pd.DataFrame], method: Method) -> pd.DataFrame:
    """Return the headline figures of choices of photos.

    Args:
        choices: Rows of `predictions.csv` by what they are called.
        method: Which prediction.

    Returns:
        One row a choice: `photos`, `n` and the columns of `report_tables.COLUMNS`.
    """
    rows = []
    for name, table in choices.items():
        if table.empty:
            continue
        hits = (table["true_region"] == table["region"]).astype(float)
        named = (table["true_region"] != "") & (table["region"] != "")
        found = PhotoErrors(
            error_m(table, method), heading_error_deg(table, method),
            hits.where(named).to_numpy(np.float64) if named.any() else None,
        ).figures()  # fmt: skip
        rows.append({"photos": name, "n": len(table)} | {one: found.of(one) for one in COLUMNS})
    made = pd.DataFrame(rows)
    return made.astype({name: "float64" for name in COLUMNS})


def region_middles(table: pd.DataFrame) -> dict[str, Floats]:
    """Median labelled position `(2,)` in metres by true region; NaN if none has a position."""
    middles = table.groupby("true_region")[["true_north_m", "true_east_m"]].median()
    return {str(region): middles.loc[region].to_numpy(np.float64) for region in middles.index}


def browse(region: str) -> None:
    """Show the photos of a region on the Map page from the next run on; for callbacks."""
    filters.keep_field("regions", (region,))
    st.session_state["map_section"] = "Photos"


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


def listing(table: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Draw the table of photos; one ticked row opens its photo, several filter."""
    shown = table[list(_COLUMNS)].copy()
    for column in ("true_region", "region"):
        shown[column] = shown[column].map(lambda region: names.get(region, region) or None)
    shown["region_probability"] *= 100.0
    shown = shown.dropna(axis="columns", how="all")
    columns = {name: column for name, column in _COLUMNS.items() if name in shown}
    filters.rows("photo", shown, table["photo_id"].tolist(), columns)


def pick_method() -> Method:
    """Let the reader choose the prediction: refined by training photos, or raw."""
    names = {"refined": "refined by training photos", "raw": "network alone"}
    methods: tuple[Method, ...] = ("refined", "raw")
    raw = filters.current().raw
    st.session_state["method"] = "raw" if raw else "refined"
    chosen = st.segmented_control(
        "Prediction", methods, required=True, format_func=names.__getitem__, key="method",
        on_change=_take_method,
    )  # fmt: skip
    return chosen or "refined"


def _take_method() -> None:
    filters.keep_field("raw", st.session_state["method"] == "raw")


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
        st.caption("Photo not found: choose the evaluated data set in the sidebar (» opens it).")
    else:
        st.image(picture, caption=messages.plain(name), width="stretch", alt=name)
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
