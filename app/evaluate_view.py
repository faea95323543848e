"""The parts of the Evaluate page: figures beside what they must be compared with."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import members_view, outcomes, report_tables
from app.figures.baselines import baseline_bars
from app.figures.confusion import confusion_counts, confusion_matrix
from app.figures.errors import (
    error_by_region,
    heading_error_by_heading,
    heading_error_histogram,
    position_error_cdf,
)
from app.report_tables import LABELS, SHARES, Report
from app.shelf import Shelf
from app.theme import Palette
from core.evaluation import told

_PHOTOS_SHOWN = 12
_ACROSS = 3
_LEAK = (
    "Share of the judged photos that stand that near to a training photo. The higher it is, the "
    "more the figures measure memory of standing points, and the less the finding of places."
)


def overview(report: Report, palette: Palette) -> None:
    """Headline figures, leak shares beside them, and every baseline on the same photos."""
    with st.container(horizontal=True):
        for name, (value, beside) in report_tables.headline(report).items():
            st.metric(name, value, beside, delta_color="off", delta_arrow="off", border=True)
        near = report_tables.leak(report)
        if near is not None:
            st.metric(
                "Training photo within 5 m", *near, delta_color="off", delta_arrow="off",
                border=True, help=_LEAK,
            )  # fmt: skip
    _grounds(report)
    for note in report["notes"]:
        st.warning(note)
    table = report_tables.predictors(report)
    st.subheader("Beside predictors that need no training")
    st.caption("Hatched bars were told a part of the truth, which no new photo comes with.")
    left, right = st.columns(2)
    for place, measure in ((left, "median_m"), (right, "maae_deg")):
        figure = baseline_bars(table, measure, LABELS[measure], palette)
        place.plotly_chart(figure, key=f"evaluate_{measure}")
    shown = table.drop(columns=["kind", "given_truth"])
    shown.insert(4, "interval", report_tables.median_intervals(report))
    st.dataframe(shown, hide_index=True, column_config=column_config(shown))
    if "ensemble" in report:
        st.subheader("Beside its members, on the same photos")
        members = members_view.figures(report, report_tables.COLUMNS)
        st.dataframe(members, hide_index=True, column_config=column_config(members))
        st.caption(members_view.disagreement(report))


def _grounds(report: Report) -> None:
    """What the figures rest on, and the same figures on photos that make them less flattering."""
    if resting := told.intervals_rest_on(report):
        st.caption(f"Under each figure {resting.removeprefix('in brackets ')}.")
    st.subheader("How much of it is memory")
    st.markdown(
        f"{_sentence(told.leak_sentence(report))} {_sentence(told.flagged_sentence(report))}"
    )
    table = report_tables.other_photos(report)
    if not table.empty:
        st.dataframe(table, hide_index=True, column_config=column_config(table))
        st.caption("Refined. Doubted labels count in all other figures.")


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}." if words else ""


def regions(
    report: Report, table: pd.DataFrame, names: dict[str, str], shelf: Shelf, palette: Palette
) -> None:
    """Confusion matrix with the photos of the clicked cell, precision and recall per region."""
    counts = confusion_counts(table, list(names))
    left, right = st.columns([3, 2])
    with left:
        event = st.plotly_chart(
            confusion_matrix(counts, names, palette),
            key="evaluate_confusion",
            on_select="rerun",
            selection_mode="points",
        )
        st.caption("Bright: a large share of the true region's photos. Names stand on the left.")
    with right:
        points = event["selection"]["points"]
        if points:
            _cell(table, points[0]["customdata"], names, shelf)
        else:
            st.info("Click a cell of the matrix to see its photos.")
    st.subheader("Precision and recall")
    shown = report_tables.regions(report)
    st.dataframe(shown, hide_index=True, column_config=column_config(shown))


def positions(table: pd.DataFrame, names: dict[str, str], palette: Palette) -> None:
    """How far off the positions are: all photos, and region by region."""
    st.subheader("Share of photos within a distance")
    st.plotly_chart(position_error_cdf(table, palette), key="evaluate_cdf")
    st.subheader("By true region")
    ordered = _in_order(table, names)
    figure = error_by_region(ordered, "error_m", "error_refined_m", "position error (m)", palette)
    st.plotly_chart(figure, key="evaluate_position_regions")


def headings(table: pd.DataFrame, names: dict[str, str], palette: Palette) -> None:
    """How far off the headings are: all photos, by where they look, and region by region."""
    left, right = st.columns([3, 2])
    left.subheader("How far off")
    left.plotly_chart(heading_error_histogram(table, palette), key="evaluate_heading_histogram")
    right.subheader("Median error by true heading")
    right.plotly_chart(heading_error_by_heading(table, palette), key="evaluate_heading_compass")
    st.subheader("By true region")
    raw, refined = "heading_error_deg", "heading_error_refined_deg"
    figure = error_by_region(_in_order(table, names), raw, refined, "heading error (°)", palette)
    st.plotly_chart(figure, key="evaluate_heading_regions")


def downloads(folder: Path, report: Report) -> None:
    """Offer the files of the report, as they lie on disk, and its tables as CSV."""
    files = {"report.json": "application/json", "predictions.csv": "text/csv"}
    st.caption(f"The files are in `{folder}`, with the same charts as pictures.")
    with st.container(horizontal=True):
        for name, kind in files.items():
            content = (folder / name).read_bytes()
            st.download_button(f"Download {name}", content, name, kind, key=f"get_{name}")
        tables = {
            "predictors.csv": report_tables.predictors(report),
            "regions.csv": report_tables.regions(report),
        }
        for name, table in tables.items():
            text = table.to_csv(index=False)
            st.download_button(f"Download {name}", text, name, "text/csv", key=f"get_{name}")
    columns = st.columns(2)
    for index, picture in enumerate(sorted(folder.glob("*.png"))):
        columns[index % 2].image(picture.read_bytes(), caption=picture.stem.replace("_", " "))


def _cell(table: pd.DataFrame, cell: list[str], names: dict[str, str], shelf: Shelf) -> None:
    true, predicted = cell
    rows = table[(table["true_region"] == true) & (table["region"] == predicted)]
    st.markdown(f"**{names[true]}** taken for **{names[predicted]}**: {len(rows)} photos")
    if true == predicted:
        st.caption("These were right.")
    shown = rows.sort_values("error_refined_m", ascending=False).head(_PHOTOS_SHOWN)
    places = outcomes.truth_m(shown)
    columns = st.columns(_ACROSS)
    for index, photo in enumerate(shown.itertuples()):
        picture = shelf.picture(str(photo.filename), places[index])
        words = f"{photo.filename}: {photo.error_refined_m:.0f} m off"
        with columns[index % _ACROSS]:
            if picture is None:
                st.caption(f"{words} (its picture is not here)")
            else:
                st.image(picture, caption=words)
    if len(rows) > _PHOTOS_SHOWN:
        st.caption(f"The {_PHOTOS_SHOWN} furthest off are shown; the rest is in predictions.csv.")


def _in_order(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Sort rows by the model's order of regions, and show their names."""
    order = {region: place for place, region in enumerate(names)}
    ordered = table.sort_values("true_region", key=lambda ids: ids.map(order), kind="stable")
    return ordered.assign(true_region=ordered["true_region"].map(names))


def column_config(table: pd.DataFrame) -> dict[str, Any]:
    """Titles and formats of the columns of a report's table."""
    return {name: _column(name, table[name].dtype.kind) for name in table.columns}


def _column(name: str, kind: str) -> object:
    label = LABELS.get(name, name.capitalize())
    if name in (*SHARES, "share", "precision", "recall", "f1"):
        return st.column_config.NumberColumn(label, format="percent")
    if kind == "f":
        return st.column_config.NumberColumn(label, format="%.1f")
    return st.column_config.Column(label)
