"""The sections of the Evaluate page, and the form that evaluates a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import streamlit as st

from app import cache
from app.evaluate import outcomes, report_tables
from app.evaluate.report_tables import LABELS, SHARES
from app.figures.comparison import baseline_bars
from app.figures.confusion import confusion_counts, confusion_matrix
from app.figures.coverage import NAMES, coverage_overall, coverage_regions
from app.figures.errors import (
    error_by_region,
    heading_error_by_heading,
    heading_error_histogram,
    position_error_cdf,
)
from app.theme import Palette
from app.widgets import ensemble, pickers
from app.widgets.photo_source import PhotoSource
from app.workspace import Workspace
from core.evaluation import report_text
from core.evaluation.report import Report
from core.evaluation.report_coverage import CoverageReport
from core.evaluation.schema import EvaluateConfig, Part
from core.runs import home_of

_PHOTOS_SHOWN = 12
_ACROSS = 3
_LEAK = (
    "Share of evaluated photos this close to a training photo. The higher it is, the more the "
    "figures measure memory of known spots, and the less localisation of new ones."
)
NONE = (
    "This model was not calibrated when it was evaluated, so there is no coverage to check. Run "
    "`python -m core calibrate` on it, then evaluate again."
)
_PARTS: dict[Part, str] = {
    "test": "test: photos held out for evaluation",
    "val": "val: validation photos, used to choose the best epoch",
    "calibrate": "calibrate: photos used to fit the confidence",
    "train": "train: training photos, to see how much it memorised",
    "all": "all: every photo of a data set that the model never saw",
}


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
    _caveats(report)
    for note in report.notes:
        st.warning(note)
    table = report_tables.predictors(report)
    st.subheader("Baselines that need no training")
    st.caption("Hatched bars use part of the ground truth, which a new photo does not have.")
    left, right = st.columns(2)
    for place, measure in ((left, "median_m"), (right, "maae_deg")):
        figure = baseline_bars(table, measure, LABELS[measure], palette)
        place.plotly_chart(figure, key=f"evaluate_{measure}")
    shown = table.drop(columns=["kind", "given_truth"])
    shown.insert(4, "interval", report_tables.median_intervals(report))
    st.dataframe(shown, hide_index=True, column_config=column_config(shown))
    if report.ensemble is not None:
        st.subheader("Members of the ensemble, on the same photos")
        members = ensemble.figures(report, report.ensemble, report_tables.COLUMNS)
        st.dataframe(members, hide_index=True, column_config=column_config(members))
        st.caption(ensemble.disagreement(report.ensemble))


def _caveats(report: Report) -> None:
    """What the figures rest on, and the same figures on photos that make them less flattering."""
    if resting := report_text.intervals_basis(report):
        st.caption(f"Under each figure {resting.removeprefix('in brackets ')}.")
    st.subheader("Effect of nearby training photos")
    st.markdown(
        f"{_sentence(report_text.leak_sentence(report))} "
        f"{_sentence(report_text.flagged_sentence(report))}"
    )
    table = report_tables.other_photos(report)
    if not table.empty:
        st.dataframe(table, hide_index=True, column_config=column_config(table))
        st.caption(
            '"Without suspect labels" leaves out labels that the audit flags; all other rows '
            "include them."
        )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}." if words else ""


def regions(
    report: Report, table: pd.DataFrame, names: dict[str, str], shelf: PhotoSource, palette: Palette
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
        st.caption("Colour: share of each true region's photos.")
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


def _cell(table: pd.DataFrame, cell: list[str], names: dict[str, str], shelf: PhotoSource) -> None:
    true, predicted = cell
    rows = table[(table["true_region"] == true) & (table["region"] == predicted)]
    st.markdown(f"**{names[true]}** predicted as **{names[predicted]}**: {len(rows):,} photos")
    if true == predicted:
        st.caption("These predictions are right.")
    shown = rows.sort_values("error_refined_m", ascending=False).head(_PHOTOS_SHOWN)
    places = outcomes.truth_m(shown)
    columns = st.columns(_ACROSS)
    for index, photo in enumerate(shown.itertuples()):
        picture = shelf.picture(str(photo.filename), places[index])
        words = f"{photo.filename}: {photo.error_refined_m:.0f} m off"
        with columns[index % _ACROSS]:
            if picture is None:
                st.caption(f"{words} (photo not found)")
            else:
                st.image(picture, caption=words)
    if len(rows) > _PHOTOS_SHOWN:
        st.caption(
            f"The {_PHOTOS_SHOWN} largest errors are shown; all photos are in predictions.csv."
        )


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


def trust(report: Report, names: Mapping[str, str], palette: Palette) -> None:
    """Coverage overall and per region, honesty of probabilities, refusals, and confidence."""
    coverage = report.coverage
    if coverage is None:
        st.info(NONE)
        return
    about, refused, honest = (
        coverage.calibrated_on, coverage.refused, coverage.region_probabilities
    )  # fmt: skip
    st.caption(
        f"Calibrated on {about.photos} photos of the {about.part} part of the "
        f"{about.protocol} split; evaluated here on {report.n} others. Bars are 95 % intervals."
    )
    with st.container(horizontal=True):
        st.metric("Genuine photos refused", f"{refused.share:.1%}",
                  _promised(refused.promised), delta_color="off", delta_arrow="off",
                  border=True)  # fmt: skip
        st.metric("Calibration error of regions", f"{honest.after.ece:.3f}",
                  f"{honest.before.ece:.3f} before", delta_color="off", delta_arrow="off",
                  border=True)  # fmt: skip
        st.metric("Brier score of regions", f"{honest.after.brier:.3f}",
                  f"{honest.before.brier:.3f} before", delta_color="off", delta_arrow="off",
                  border=True)  # fmt: skip
    left, right = st.columns(2)
    left.subheader("Promised and measured coverage")
    left.plotly_chart(coverage_overall(coverage, palette), key="evaluate_coverage")
    right.subheader("By true region")
    right.plotly_chart(coverage_regions(coverage, names, palette), key="evaluate_coverage_regions")
    st.dataframe(coverage_table(coverage), hide_index=True)
    _confidence(coverage)


def coverage_table(coverage: CoverageReport) -> pd.DataFrame:
    """One row a promise: what was promised, what was held, and how wide it had to be."""
    rows = []
    for name, title in NAMES.items():
        for one in coverage.overall.by_size[name]:
            radius_m, half_deg = one.mean_radius_m, one.mean_deg
            size = f"{radius_m:.1f} m" if radius_m else f"{half_deg:.1f}°" if half_deg else ""
            held = "unknown: too few photos" if one.measured is None else f"{one.measured:.1%}"
            rows.append(
                {
                    "promise": title,
                    "promised": f"{one.promised:.0%}",
                    "held": held,
                    "95 % interval": (
                        f"{one.interval[0]:.1%} to {one.interval[1]:.1%}" if one.interval else ""
                    ),
                    "mean size": size,
                }
            )
    return pd.DataFrame(rows)


def _confidence(coverage: CoverageReport) -> None:
    found, accepted = coverage.confidence, coverage.accepted
    if found is not None:
        st.caption(
            f"Sorted by radius, the surest half of the photos is {found.mean_m[4]:.1f} m off on "
            f"average, all of them {found.random_m:.1f} m. Area under that curve: "
            f"{found.area_m:.1f} m; the best possible order has {found.best_m:.1f} m."
        )
    if accepted is not None:
        st.caption(
            f"The {accepted.n} photos that are not refused: region right "
            f"{accepted.region_accuracy:.1%}, median error {accepted.median_m:.1f} m, mean "
            f"heading error {accepted.maae_deg:.1f}°. All other figures count refused ones too."
        )


def _promised(share: float | None) -> str:
    return "no threshold" if share is None else f"{share:.0%} promised"


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
        st.write("Load a labelled data set in the sidebar first.")
        return
    part = st.selectbox("Photos", get_args(Part), format_func=_PARTS.__getitem__, key="judge_part")
    home = home_of(checkpoint)
    command = f"python -m core evaluate {place.label(home)} {place.label(folder)} --part {part}"
    st.caption(
        f"On {place.label(folder)}. Takes seconds for a few hundred photos and a small backbone on "
        "a CPU, minutes for thousands; keep this page open, or run the command:"
    )
    st.code(command, language="bash", wrap_lines=True)
    if st.button("Evaluate now", type="primary", key="judge_go"):
        _evaluate(EvaluateConfig(run=checkpoint, dataset=folder, split=part), folder)
        st.rerun()


def _evaluate(config: EvaluateConfig, dataset: Path) -> None:
    cache.settle_imports()
    from core.audit.review import doubts
    from core.evaluation.evaluate import evaluate

    bar = st.progress(0.0, "Reading labels and photos …")

    def show(done: int, of: int) -> None:
        bar.progress(done / max(of, 1), f"{done} of {of} photos")

    evaluate(config, show, doubts(dataset))
