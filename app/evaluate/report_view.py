"""The sections of the Evaluate page, and the form that evaluates a model."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import absence
from app.access import gate, paths
from app.evaluate import outcomes, report_tables
from app.evaluate.evaluation import evaluate_here
from app.evaluate.photos import EvaluationView, gallery, plan
from app.evaluate.report_tables import LABELS, SHARES
from app.figures.agreement import predicted_against_actual
from app.figures.comparison import baseline_bars
from app.figures.confusion import by_geography, confusion_counts, confusion_matrix
from app.figures.errors import (
    error_by_hour,
    error_by_region,
    error_histogram,
    heading_error_by_heading,
    heading_error_histogram,
    position_error_cdf,
)
from app.selection import filters, selection
from app.selection.filter_fields import MOST_VALUES
from app.theme import Palette
from app.widgets import ensemble, figure_files, messages, pickers
from app.wording import metres
from app.workspace import Workspace, workspace
from core.evaluation import report_text
from core.evaluation.report import Report
from core.evaluation.schema import EvaluateConfig, Part
from core.geo import Floats
from core.labels import Label
from core.runs import home_of
from core.tables.stored import inert_csv

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

_LEAK = (
    "Share of evaluated photos this close to a training photo. The higher it is, the more the "
    "figures measure memory of known spots, and the less localisation of new ones."
)
_PER_CENT = (*SHARES, "share", "precision", "recall", "f1")
_PARTS: dict[Part, str] = {
    "test": "test: photos held out for evaluation",
    "val": "validation: photos used to choose the best epoch",
    "calibrate": "calibrate: photos used to fit the confidence",
    "train": "train: training photos, to measure memorisation",
    "all": "all: every photo of another data set",
}


def sections(report: Report) -> tuple[str, ...]:
    """The parts of the page that a report has figures for."""
    optional = {
        "Regions": report.region is not None,
        "Positions": report.position is not None,
        "Headings": report.heading is not None,
    }
    shown = [name for name, there in optional.items() if there]
    if report.position is not None and report.leak is not None:
        shown.append("Retrieval")
    return ("Overview", *shown, "Trust", "Files")


def overview(report: Report, view: EvaluationView, palette: Palette) -> None:
    """Headline figures, the leak figure, and every baseline on the same photos.

    Notes of the report say which labels it has no figures of. The photos of a filter are shown
    beside all photos.
    """
    with st.container(horizontal=True):
        for name, (value, beside) in report_tables.headline(report).items():
            st.metric(
                name, value, beside or None, delta_color="off", delta_arrow="off", border=True
            )
        near = report_tables.leak(report)
        if near is not None:
            st.metric(
                "Leak within 5 m", *near, delta_color="off", delta_arrow="off",
                border=True, help=_LEAK,
            )  # fmt: skip
    if view.wanted:
        st.subheader("Photos of the filter against all")
        table_of(outcomes.figures({"of the filter": view.shown, "all": view.table}, view.method))
    _caveats(report)
    for note in report.notes:
        st.warning(messages.plain_lines(_sentence(report_tables.note_text(note).rstrip("."))))
    table = report_tables.predictors(report)
    st.subheader("Baselines that need no training")
    st.caption("Hatched bars use part of the ground truth, which a new photo does not have.")
    measures = [name for name in ("median_m", "maae_deg", "region_accuracy") if _known(table, name)]
    charts: dict[str, go.Figure] = {}
    for place, measure in zip(st.columns(2), measures[:2], strict=False):
        figure = baseline_bars(table, measure, LABELS[measure], palette)
        place.plotly_chart(
            figure, key=f"evaluate_{measure}", config=figure_files.config(f"baselines_{measure}"),
            alt=f"{LABELS[measure]} of the model and of baselines",
        )  # fmt: skip
        charts[LABELS[measure]] = figure
    figure_files.offer("overview", charts)
    shown = table.drop(columns=["kind", "given_truth"])
    if report.position is not None:
        shown.insert(4, "interval", report_tables.median_intervals(report))
    table_of(shown)
    if report.ensemble is not None:
        st.subheader("Members of the ensemble, on the same photos")
        members = ensemble.figures(report, report.ensemble, report_tables.COLUMNS)
        table_of(members)
        st.caption(ensemble.disagreement(report.ensemble))


def _caveats(report: Report) -> None:
    """The leak figure, and the scores on photos far from training and without suspect labels."""
    basis = ["Figures refined by training photos."] if report.position is not None else []
    if resting := report_text.intervals_basis(report):
        basis.append(f"Under each figure {resting.removeprefix('in brackets ')}.")
    if basis:
        st.caption(" ".join(basis))
    if report.position is None:
        st.markdown(_sentence(report_text.flagged_sentence(report)))
    else:
        st.subheader("Effect of nearby training photos")
        st.markdown(
            f"{_sentence(report_text.leak_sentence(report))} "
            f"{_sentence(report_text.flagged_sentence(report))}"
        )
    table = report_tables.other_photos(report)
    known = any(_known(table, name) for name in report_tables.COLUMNS if name in table)
    if known or (report.position is not None and not table.empty):
        table_of(table)
        if report.flagged is not None:
            st.caption(
                '"Without suspect labels" leaves out labels that the audit flags; all other rows '
                "include them."
            )


def _counted(report: Report, label: Label) -> None:
    if text := absence.counted(report, label):
        st.caption(text)


def _known(table: pd.DataFrame, measure: str) -> bool:
    return bool(table[measure].notna().any())


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}." if words else ""


def regions(report: Report, view: EvaluationView, names: dict[str, str], palette: Palette) -> None:
    """Confusion matrix whose cells filter, beside the photos; precision and recall per region."""
    _counted(report, "region")
    order = by_geography(outcomes.region_middles(view.table), list(names))
    counts = confusion_counts(view.beside("cell"), order)
    figure = confusion_matrix(counts, names, palette, chosen=view.wanted.cell)
    # On a phone its cells stay large enough for a finger, and the chart scrolls sideways.
    inside, width = ".st-key-evaluate_matrix", figure.layout.height
    st.html(
        f"<style>@media (max-width: 640px) {{ {inside} {{overflow-x: auto}} "
        f"{inside} [data-testid=stElementContainer] {{min-width: {width}px}} }}</style>"
    )
    with st.container(key="evaluate_matrix"):
        filters.chart(
            figure, "evaluate_confusion", "cell", filters.cell_of,
            alt="Which region was taken for which",
        )  # fmt: skip
    st.caption(
        "Near regions stand side by side. Colour: share of each true region's photos. Click a cell "
        "to filter the photos."
    )
    figure_files.offer("regions", {"Confusion matrix": figure})
    gallery(view, report)
    st.subheader("Precision and recall")
    st.caption("Of all photos of the report, whatever is filtered.")
    table_of(report_tables.regions(report))


def positions(
    report: Report, view: EvaluationView, names: dict[str, str], palette: Palette
) -> None:
    """Position errors as charts that filter: by size, on a plan, by hour and by region."""
    _counted(report, "position")
    left, right = st.columns(2)
    with left:
        st.subheader("Position errors")
        rows = view.beside("error_m")
        figure = error_histogram(
            outcomes.error_m(rows, view.method), palette, refined=view.refined,
            chosen=view.wanted.error_m,
        )  # fmt: skip
        filters.chart(figure, "evaluate_errors", "error_m", filters.span_of,
                      alt="Photos by position error", modes=("points", "box"))  # fmt: skip
        st.subheader("Share of photos within a distance")
        # Baselines are known for all photos of the report only.
        rest = view.wanted.without("error_m")
        known = None if rest else report_tables.baseline_shares(report)
        cdf = position_error_cdf(
            rows.dropna(subset=["error_m"]), palette, known,
            every=view.table.dropna(subset=["error_m"]) if rest else None,
            refined=view.refined, chosen=view.wanted.error_m,
        )  # fmt: skip
        filters.chart(cdf, "evaluate_cdf", "error_m", filters.span_of,
                      alt="Share of photos by position error", modes=("box",))  # fmt: skip
        st.caption("Draw a box over a range of errors to filter the photos.")
    with right:
        st.subheader("Where the errors are")
        drawn = plan(view, palette)
    raw, refined = "error_m", "error_refined_m"
    charts = {
        "Position errors": figure,
        "Share of photos within a distance": cdf,
        "Where the errors are": drawn,
        **_agreement(view, palette),
        "By hour": _by_hour(view, outcomes.error_m, "median position error (m)", palette),
        "By region": _by_region(view, names, (raw, refined), "position error (m)", palette),
    }
    _save("positions", charts)
    gallery(view, report)


def headings(report: Report, view: EvaluationView, names: dict[str, str], palette: Palette) -> None:
    """Heading errors as charts that filter: by size, by true heading, by hour and by region."""
    _counted(report, "heading")
    left, right = st.columns([3, 2])
    with left:
        st.subheader("Heading errors")
        rows = view.beside("heading_error_deg")
        figure = heading_error_histogram(
            outcomes.heading_error_deg(rows, view.method), palette, refined=view.refined,
            chosen=view.wanted.heading_error_deg,
        )  # fmt: skip
        filters.chart(figure, "evaluate_heading_histogram", "heading_error_deg", filters.span_of,
                      alt="Photos by heading error", modes=("points", "box"))  # fmt: skip
    with right:
        st.subheader("By true heading")
        rows = view.beside("facing_deg").dropna(subset=["heading_error_deg"])
        rose = heading_error_by_heading(rows, palette, chosen=view.wanted.facing_deg)
        filters.chart(rose, "evaluate_heading_compass", "facing_deg", filters.span_of_sector,
                      alt="Median heading error by true heading")  # fmt: skip
    raw, refined = "heading_error_deg", "heading_error_refined_deg"
    charts = {
        "Heading errors": figure,
        "By true heading": rose,
        "By hour": _by_hour(view, outcomes.heading_error_deg, "median heading error (°)", palette),
        "By region": _by_region(view, names, (raw, refined), "heading error (°)", palette),
    }
    _save("headings", charts)
    gallery(view, report)


def _save(section: str, charts: Mapping[str, go.Figure | None]) -> None:
    drawn = {title: figure for title, figure in charts.items() if figure is not None}
    figure_files.offer(section, drawn)


def _by_hour(
    view: EvaluationView,
    errors: Callable[[pd.DataFrame, outcomes.Method], Floats],
    title: str,
    palette: Palette,
) -> go.Figure | None:
    """Draw the median of an error by hour of the day; None if no photo has a time."""
    rows = view.beside("hours")
    hours = view.hours(rows)
    if hours is None:
        return None
    st.subheader("By hour of the day")
    figure = error_by_hour(
        hours, errors(rows, view.method), title, palette, refined=view.refined,
        chosen=view.wanted.hours,
    )  # fmt: skip
    filters.chart(figure, f"evaluate_hours_{errors.__name__}", "hours", filters.span_of,
                  alt=f"{title} by hour of the day", modes=("points", "box"))  # fmt: skip
    return figure


def _agreement(view: EvaluationView, palette: Palette) -> dict[str, go.Figure]:
    """Draw predicted against labelled positions, an axis each; a lasso keeps its photos."""
    st.subheader("Predicted against labelled position")
    rows = view.beside("photos").dropna(subset=["error_m", "true_north_m"])
    actual, predicted = outcomes.truth_m(rows), outcomes.predicted_m(rows, view.method)
    errors_m = outcomes.error_m(rows, view.method)
    texts = [f"{name}: {metres(off)}" for name, off in zip(rows["filename"], errors_m, strict=True)]
    charts = {}
    for place, index, axis in zip(st.columns(2), (0, 1), ("north", "east"), strict=True):
        figure = predicted_against_actual(
            actual[:, index], predicted[:, index], rows["photo_id"].tolist(), texts, axis, palette,
            refined=view.refined, chosen=view.wanted.photos,
        )  # fmt: skip
        with place:
            filters.chart(
                figure, f"evaluate_{axis}", "photos", filters.photos_of,
                alt=f"Predicted against labelled metres {axis}", modes=("lasso", "box", "points"),
            )  # fmt: skip
        charts[f"Predicted against labelled, {axis}"] = figure
    st.caption(
        f"On the line the prediction is right. A lasso shows its photos, {MOST_VALUES} at most."
    )
    return charts


def _by_region(
    view: EvaluationView,
    names: dict[str, str],
    errors: tuple[str, str],
    title: str,
    palette: Palette,
) -> go.Figure | None:
    """Draw the spread of two errors in the true regions; say so if no photo has a region."""
    st.subheader("By true region")
    rows = view.beside("regions").dropna(subset=[errors[0]])
    named = rows[rows["true_region"] != ""]
    if named.empty:
        st.info("None of these photos has a region, so there is no chart by region.")
        return None
    figure = error_by_region(
        named, *errors, title, palette, names=names, chosen=view.wanted.regions
    )
    filters.chart(figure, f"evaluate_regions_{errors[0]}", "regions", filters.regions_of,
                  alt=f"{title} by region")  # fmt: skip
    st.caption("A box holds the middle half of a region's photos. Click one to filter.")
    return figure


def downloads(folder: Path, report: Report) -> None:
    """Offer the files of the report, and its tables as CSV."""
    files = {"report.json": "application/json", "predictions.csv": "text/csv"}
    st.caption(f"The files are in `{workspace().label(folder)}`, with the charts as pictures.")
    with st.container(horizontal=True):
        for name, kind in files.items():
            content = paths.opened(folder / name).read_bytes()
            st.download_button(f"Download {name}", content, name, kind, key=f"get_{name}")
        tables = {
            "predictors.csv": report_tables.predictors(report),
            "regions.csv": report_tables.regions(report),
        }
        for name, table in tables.items():
            text = inert_csv(table)
            st.download_button(f"Download {name}", text, name, "text/csv", key=f"get_{name}")
    columns = st.columns(2)
    for index, picture in enumerate(sorted(filter(paths.is_opened, folder.glob("*.png")))):
        title = picture.stem.replace("_", " ")
        columns[index % 2].image(picture.read_bytes(), caption=title, alt=title)


def table_of(table: pd.DataFrame) -> None:
    """Draw a table of a report: titles with units, shares in per cent; no column of unknowns."""
    table = table.dropna(axis="columns", how="all")
    shares = [name for name in table if name in _PER_CENT]
    shown = table.assign(**{str(name): 100.0 * table[name] for name in shares})
    columns = {
        str(name): _column(str(name), shown[name].dtype.kind, name in shares) for name in shown
    }
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder=selection.UNKNOWN)


def _column(name: str, kind: str, share: bool) -> "ColumnConfig | str":
    label = LABELS.get(name, name.capitalize())
    if share:
        return st.column_config.NumberColumn(label, format="%.1f %%")
    if kind == "f":
        return st.column_config.NumberColumn(label, format="%.1f")
    return st.column_config.NumberColumn(label, format="localized") if kind == "i" else label


def offer(place: Workspace, checkpoint: Path, *, first: bool) -> None:
    """Let the reader evaluate the picked model on the picked data set.

    Args:
        place: For the paths in the command.
        checkpoint: The model's folder.
        first: Whether there is no report yet; a later one hides behind a button.
    """
    if first:
        st.info("This model has not been evaluated yet.")
        _form(place, checkpoint)
    else:
        with st.popover("Evaluate again, or on other photos"):
            _form(place, checkpoint)


def _form(place: Workspace, checkpoint: Path) -> None:
    folder = pickers.dataset_path()
    if folder is None:
        st.write("Load a labelled data set in the sidebar (» opens it) first.")
        return
    if not gate.allows("operator"):
        st.write("Operators evaluate models; you may look at their reports.")
        return
    part = st.selectbox("Photos", get_args(Part), format_func=_PARTS.__getitem__, key="judge_part")
    home = home_of(checkpoint)
    command = f"python -m core evaluate {place.label(home)} {place.label(folder)} --part {part}"
    st.caption(
        f"Evaluates on `{place.label(folder)}`. A few hundred photos and a small backbone take "
        "seconds on a CPU, thousands of photos take minutes. Keep this page open meanwhile."
    )
    if st.button("Evaluate now", type="primary", key="judge_go"):
        evaluate_here(EvaluateConfig(run=checkpoint, dataset=folder, split=part), folder)
        st.rerun()
    with st.expander("The same from the command line"):
        st.code(command, language="bash", wrap_lines=True)
