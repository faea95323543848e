"""The sections of the Evaluate page, and the form that evaluates a model."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import absence, wording
from app.evaluate import outcomes, report_tables
from app.evaluate.evaluation import evaluate_here
from app.evaluate.photos import EvaluationView, gallery, plan
from app.evaluate.report_tables import LABELS, SHARES
from app.figures.comparison import baseline_bars
from app.figures.confusion import by_geography, confusion_counts, confusion_matrix
from app.figures.coverage import NAMES, coverage_overall, coverage_regions, sizes_of
from app.figures.errors import (
    error_by_hour,
    error_by_region,
    error_histogram,
    heading_error_by_heading,
    heading_error_histogram,
    position_error_cdf,
)
from app.selection import filters, selection
from app.theme import Palette
from app.widgets import ensemble, figure_files, messages, pickers
from app.workspace import Workspace, workspace
from core.evaluation import report_text
from core.evaluation.report import Report
from core.evaluation.report_coverage import Coverage, CoverageOfPhotos, CoverageReport
from core.evaluation.schema import EvaluateConfig, Part
from core.geo import Floats
from core.headline import Figure
from core.labels import Label
from core.runs import home_of

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

_LEAK = (
    "Share of evaluated photos this close to a training photo. The higher it is, the more the "
    "figures measure memory of known spots, and the less localisation of new ones."
)
NONE = (
    "No coverage: this model was not calibrated before its evaluation. Calibrate it with "
    "`python -m core calibrate`, then evaluate again."
)
_PER_CENT = (*SHARES, "share", "precision", "recall", "f1")
PART_NAMES = {"val": "validation", "calibrate": "calibration", "train": "training"}
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
    return ("Overview", *(name for name, there in optional.items() if there), "Trust", "Files")


def overview(report: Report, palette: Palette) -> None:
    """Headline figures, the leak figure, and every baseline on the same photos.

    Notes of the report say which labels it has no figures of.
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
    _caveats(report)
    for note in report.notes:
        st.warning(messages.plain_lines(note))
    table = report_tables.predictors(report)
    st.subheader("Baselines that need no training")
    st.caption("Hatched bars use part of the ground truth, which a new photo does not have.")
    measures = [name for name in ("median_m", "maae_deg", "region_accuracy") if _known(table, name)]
    for place, measure in zip(st.columns(2), measures[:2], strict=False):
        figure = baseline_bars(table, measure, LABELS[measure], palette)
        place.plotly_chart(figure, key=f"evaluate_{measure}")
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
    filters.chart(
        figure,
        "evaluate_confusion",
        "cell",
        filters.cell_of,
        alt="Which region was taken for which",
    )
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
    shown = view.shown.dropna(subset=["error_m"])
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
        known = None if view.wanted else report_tables.baseline_shares(report)
        cdf = position_error_cdf(shown, palette, known)
        st.plotly_chart(cdf, key="evaluate_cdf")
    with right:
        st.subheader("Where the errors are")
        drawn = plan(view, palette)
    raw, refined = "error_m", "error_refined_m"
    charts = {
        "Position errors": figure,
        "Share of photos within a distance": cdf,
        "Where the errors are": drawn,
        "By hour": _by_hour(view, outcomes.error_m, "median position error (m)", palette),
        "By region": _by_region(shown, names, (raw, refined), "position error (m)", palette),
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
    shown = view.shown.dropna(subset=["heading_error_deg"])
    charts = {
        "Heading errors": figure,
        "By true heading": rose,
        "By hour": _by_hour(view, outcomes.heading_error_deg, "median heading error (°)", palette),
        "By region": _by_region(shown, names, (raw, refined), "heading error (°)", palette),
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


def _by_region(
    table: pd.DataFrame,
    names: dict[str, str],
    errors: tuple[str, str],
    title: str,
    palette: Palette,
) -> go.Figure | None:
    """Draw the spread of two errors in the true regions; say so if no photo has a region."""
    st.subheader("By true region")
    named = table[table["true_region"] != ""]
    if named.empty:
        st.info("None of these photos has a region, so there is no chart by region.")
        return None
    figure = error_by_region(_in_order(named, names), *errors, title, palette)
    st.plotly_chart(figure, key=f"evaluate_regions_{errors[0]}")
    return figure


def downloads(folder: Path, report: Report) -> None:
    """Offer the files of the report, and its tables as CSV."""
    files = {"report.json": "application/json", "predictions.csv": "text/csv"}
    st.caption(f"The files are in `{workspace().label(folder)}`, with the charts as pictures.")
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


def _in_order(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Rows in the model's order of regions, with region names for ids."""
    order = {region: place for place, region in enumerate(names)}
    ordered = table.sort_values("true_region", key=lambda ids: ids.map(order), kind="stable")
    return ordered.assign(true_region=ordered["true_region"].map(lambda one: names.get(one, one)))


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


def trust(report: Report, names: Mapping[str, str], palette: Palette) -> None:
    """Coverage overall and by region, calibration of probabilities, refusals, and confidence."""
    coverage = report.coverage
    if coverage is None:
        st.info(NONE)
        return
    about, refused = coverage.calibrated_on, coverage.refused
    part = PART_NAMES.get(about.part, about.part)
    st.caption(
        f"Calibrated on {about.photos:,} photos of the {part} part of the {about.protocol} split; "
        f"evaluated here on {report.n:,} others. Bars are 95 % intervals."
    )
    with st.container(horizontal=True):
        st.metric(
            "Genuine photos refused", wording.share(refused.share), _promised(refused.promised),
            delta_color="off", delta_arrow="off", border=True,
        )  # fmt: skip
        regions = coverage.region_probabilities
        for title, after, before in (
            (
                ("Calibration error of regions", regions.after.ece, regions.before.ece),
                ("Brier score of regions", regions.after.brier, regions.before.brier),
            )
            if regions is not None
            else ()
        ):
            st.metric(
                title, f"{after:.3f}", f"{before:.3f} without calibration", delta_color="off",
                delta_arrow="off", border=True, help="Smaller is better.",
            )  # fmt: skip
    if worse := _made_worse(coverage):
        st.warning(worse)
    if not sizes_of(coverage.overall):
        st.info(_no_coverage(report))
    else:
        left, right = st.columns(2)
        left.subheader("Coverage")
        left.plotly_chart(coverage_overall(coverage, palette), key="evaluate_coverage")
        if coverage.per_region:
            right.subheader("Coverage by true region")
            figure = coverage_regions(coverage, names, palette)
            right.plotly_chart(figure, key="evaluate_coverage_regions")
        st.dataframe(coverage_table(coverage.overall), hide_index=True)
        _unseen(coverage)
    _confidence(coverage)


def _made_worse(coverage: CoverageReport) -> str:
    """Which figures of the region probabilities calibration made worse; empty if none."""
    regions = coverage.region_probabilities
    if regions is None:
        return ""
    pairs = {
        "calibration error": (regions.before.ece, regions.after.ece),
        "Brier score": (regions.before.brier, regions.after.brier),
        "log loss": (regions.before.nll, regions.after.nll),
    }
    worse = [name for name, (before, after) in pairs.items() if after > before]
    better = [name for name, (before, after) in pairs.items() if after < before]
    if not worse:
        return ""
    figures = ", ".join(f"{name} {pairs[name][0]:.3f} to {pairs[name][1]:.3f}" for name in worse)
    rest = f" It made the {' and the '.join(better)} better." if better else ""
    return (
        f"Calibration made the region probabilities of these photos worse: {figures}.{rest} "
        "The calibration photos may differ from these, or be too few."
    )


def _no_coverage(report: Report) -> str:
    if report.position is None and report.heading is None:
        return "There are figures of regions only, so there is no coverage of areas and wedges."
    return "There is no coverage of areas and wedges: too few calibration photos."


def _unseen(coverage: CoverageReport) -> None:
    """Coverage where nobody photographed."""
    unseen = coverage.unseen
    if unseen is None:
        return
    st.subheader("Coverage without a training photo near")
    if unseen.radius_m is None:
        st.caption(
            "The split holds whole blocks of ground out: the figures above are of places that "
            "nobody photographed."
        )
        return
    error = "" if unseen.median_m is None else f" Median error: {wording.metres(unseen.median_m)}."
    st.caption(
        f"{unseen.n:,} photos, answered without the training photos within "
        f"{wording.metres(unseen.radius_m)} of their true position.{error} The answer says that no "
        f"training photo shows the view for {wording.share(unseen.named)} of them"
        + (f", and for {wording.share(coverage.named)} as answered" if coverage.named else "")
        + f". Refused: {wording.share(unseen.refused)}."
    )
    st.dataframe(coverage_table(unseen), hide_index=True)


def coverage_table(coverage: CoverageOfPhotos) -> pd.DataFrame:
    """One row a promised share: the measured share with its interval, and the mean size."""
    rows = []
    for name in sizes_of(coverage):
        for one in coverage.by_size[name]:
            measured = "unknown: too few photos"
            if one.measured is not None:
                measured = wording.share(one.measured)
            rows.append(
                {
                    "Area": NAMES[name],
                    "Promised": wording.level(one.promised),
                    "Measured": measured,
                    "95 % interval": (
                        f"{wording.share(one.interval[0])} to {wording.share(one.interval[1])}"
                        if one.interval
                        else ""
                    ),
                    "Mean size": _mean_size(one),
                }
            )
    return pd.DataFrame(rows)


def _mean_size(one: Coverage) -> str:
    if one.mean_radius_m:
        return wording.metres(one.mean_radius_m)
    return wording.degrees(one.mean_deg) if one.mean_deg else ""


def _confidence(coverage: CoverageReport) -> None:
    found, accepted = coverage.confidence, coverage.accepted
    if found is not None:
        st.caption(
            f"Mean error of the half of the photos with the smallest radius: "
            f"{wording.metres(found.mean_m[4])}; of all photos: {wording.metres(found.random_m)}. "
            f"Area under the curve of mean error by radius: {wording.metres(found.area_m)}; in the "
            f"best possible order: {wording.metres(found.best_m)}."
        )
    if accepted is not None:
        titles: dict[Figure, str] = {
            "region_accuracy": "region accuracy",
            "median_m": "median error",
            "maae_deg": "mean heading error",
        }
        figures = ", ".join(
            f"{title} {report_text.shown(figure, accepted.of(figure))}"
            for figure, title in titles.items()
            if accepted.of(figure) is not None
        )
        st.caption(
            f"The {accepted.n:,} photos that are not refused: {figures}. All other figures "
            "include refused photos."
        )


def _promised(share: float | None) -> str:
    return "no threshold" if share is None else f"{wording.level(share)} promised"


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
