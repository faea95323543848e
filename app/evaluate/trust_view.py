"""The Trust and Retrieval sections of the Evaluate page: what a model states of its answers."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import wording
from app.evaluate import outcomes
from app.evaluate.photos import EvaluationView, gallery
from app.figures.coverage import NAMES, coverage_overall, coverage_regions, sizes_of
from app.figures.retrieval import error_by_similarity, recall_at_k, similarity_bounds
from app.figures.selective import reliability_bars, risk_by_share
from app.selection import filters
from app.theme import Palette
from app.widgets import figure_files
from core.evaluation import report_text
from core.evaluation.recall import RADII_M, read_distances, recall_curve
from core.evaluation.report import Report
from core.evaluation.report_coverage import Coverage, CoverageOfPhotos, CoverageReport
from core.evaluation.selective import ReliabilityBin, RiskCurve, reliability, risk_curve
from core.geo import Floats
from core.headline import Figure
from core.splits.parts import PART_NAMES

NONE = (
    "No coverage: this model was not calibrated before its evaluation. Calibrate it with "
    "`python -m core calibrate`, then evaluate again."
)
NO_RECALL = (
    "An earlier version made this report, which does not hold how far the most similar training "
    "photos are. Evaluate again to see the recall of retrieval."
)
_HALF = 0.5


def trust(report: Report, view: EvaluationView, names: Mapping[str, str], palette: Palette) -> None:
    """Calibration, error by confidence and coverage, as charts that filter; then the photos."""
    coverage = report.coverage
    if coverage is None:
        st.info(NONE)
    else:
        _stated(report, coverage)
    left, right = st.columns(2)
    charts: dict[str, go.Figure | None] = {}
    with left:
        charts["Confidence against right regions"] = _reliability(view, palette)
    with right:
        charts["Wrong regions by share answered"] = _region_risk(view, palette)
    charts["Error by share answered"] = _position_risk(view, palette)
    if coverage is not None:
        charts |= _coverage(report, coverage, view, names, palette)
        _confidence(coverage)
    drawn = {title: figure for title, figure in charts.items() if figure is not None}
    figure_files.offer("trust", drawn)
    gallery(view, report)


def retrieval(report: Report, view: EvaluationView, palette: Palette) -> None:
    """Recall at k and error by similarity, with the photos."""
    away_m = read_distances(view.table)
    if away_m is None and "similarity" not in view.facts.table:
        st.info(NO_RECALL)
        gallery(view, report)
        return
    left, right = st.columns(2)
    charts: dict[str, go.Figure] = {}
    with left:
        st.subheader("Is the place among the most similar photos?")
        if away_m is None:
            st.info(NO_RECALL)
        else:
            charts["Recall at k"] = _recall(away_m, view, palette)
    with right:
        st.subheader("Error by similarity")
        if "similarity" not in view.facts.table:
            st.info("No similarity is known of these photos.")
        else:
            charts["Error by similarity"] = _similarity(view, palette)
    figure_files.offer("retrieval", charts)
    gallery(view, report)


def _recall(away_m: Floats, view: EvaluationView, palette: Palette) -> go.Figure:
    rows = np.isin(view.table.index, view.shown.index)
    curves = {radius: recall_curve(away_m[rows], radius) for radius in RADII_M}
    every = {radius: recall_curve(away_m, radius) for radius in RADII_M} if view.wanted else None
    nearest_m = view.table["nearest_training_m"].to_numpy(np.float64)[rows]
    known = nearest_m[np.isfinite(nearest_m)]
    possible = {
        radius: float((known <= radius).mean()) if len(known) else np.nan for radius in RADII_M
    }
    figure = recall_at_k(curves, possible, palette, every=every)
    st.plotly_chart(
        figure, key="evaluate_recall", config=figure_files.config("recall_at_k"),
        alt="Share of photos with a near training photo among their k most similar ones",
    )  # fmt: skip
    most = away_m.shape[1]
    found = " and ".join(
        f"{wording.share(float(shares[-1]))} within {radius:.0f} m"
        for radius, shares in curves.items()
    )
    st.caption(
        f"Recall at {most}: among their {most} most similar training photos, {found} of the "
        "photo's position. Dotted: photos that have such a training photo at all."
    )
    return figure


def _similarity(view: EvaluationView, palette: Palette) -> go.Figure:
    rows = view.beside("similarity")
    similarity = view.facts.table["similarity"]
    figure = error_by_similarity(
        similarity.loc[rows.index], outcomes.error_m(rows, view.method), palette,
        refined=view.refined, bounds=similarity_bounds(similarity),
        chosen=view.wanted.similarity,
    )  # fmt: skip
    filters.chart(figure, "evaluate_similarity", "similarity", filters.span_of,
                  alt="Median error by similarity", modes=("points", "box"))  # fmt: skip
    st.caption("If photos with a similar training photo are no better, retrieval is misled.")
    return figure


def _stated(report: Report, coverage: CoverageReport) -> None:
    """What the calibration rests on, and its figures before and after."""
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


def _reliability(view: EvaluationView, palette: Palette) -> go.Figure | None:
    """Draw right regions by stated confidence; None if there is no confidence or region."""
    if "confidence" not in view.facts.table:
        return None
    bins = _bins(view, view.beside("confidence"))
    if not bins:
        return None
    st.subheader("Are confident regions right?")
    every = _bins(view, view.table) if view.wanted.without("confidence") else ()
    figure = reliability_bars(bins, palette, every=every, chosen=view.wanted.confidence)
    filters.chart(figure, "evaluate_reliability", "confidence", filters.span_of,
                  alt="Right regions by stated confidence", modes=("points", "box"))  # fmt: skip
    st.caption("On the line, regions are right as often as stated; below it, less often.")
    return figure


def _bins(view: EvaluationView, rows: pd.DataFrame) -> list[ReliabilityBin]:
    groups = pd.factorize(rows["visit"])[0] if "visit" in rows else None
    confidence = view.facts.table["confidence"].loc[rows.index].to_numpy(np.float64)
    return reliability(confidence, 1.0 - _wrong(rows), groups)


def _wrong(rows: pd.DataFrame) -> Floats:
    """1 where the region is wrong, 0 where it is right, NaN without a labelled region."""
    wrong = (rows["true_region"] != rows["region"]).astype(float)
    known = (rows["true_region"] != "") & (rows["region"] != "")
    return np.asarray(wrong.where(known), np.float64)


def _region_risk(view: EvaluationView, palette: Palette) -> go.Figure | None:
    """Draw wrong regions against the share answered, by confidence."""
    if "confidence" not in view.facts.table:
        return None

    def curve(rows: pd.DataFrame) -> RiskCurve | None:
        doubt = 1.0 - view.facts.table["confidence"].loc[rows.index].to_numpy(np.float64)
        return risk_curve(_wrong(rows), doubt, np.mean)

    found = curve(view.beside("confidence"))
    if found is None:
        return None
    st.subheader("Wrong regions, if unsure photos are left out")
    whole = curve(view.table) if view.wanted.without("confidence") else None
    figure = risk_by_share(
        {"wrong regions": found}, "wrong regions", palette, share=True,
        every=None if whole is None else {"wrong regions": whole},
    )  # fmt: skip
    filters.chart(figure, "evaluate_region_risk", "confidence", _confidence_of,
                  alt="Wrong regions by share answered", modes=("points", "box"))  # fmt: skip
    st.caption(_area_sentence(found, lambda value: wording.share(value), "share of wrong regions"))
    return figure


def _confidence_of(event: Mapping[str, object]) -> tuple[float, float] | None:
    """The confidence of selected points, whose data are doubts: 1 less the confidence."""
    doubts = filters.span_of(event)
    if doubts is None:
        return None
    low, high = doubts
    return max(0.0, 1.0 - high), np.inf if low <= 0.0 else 1.0 - low + 0.001


def _position_risk(view: EvaluationView, palette: Palette) -> go.Figure | None:
    """Draw position errors against the share answered, by the stated radius."""
    if "radius_m" not in view.facts.table:
        return None

    def curves(rows: pd.DataFrame) -> dict[str, RiskCurve]:
        errors_m = outcomes.error_m(rows, view.method)
        doubt = view.facts.table["radius_m"].loc[rows.index].to_numpy(np.float64)
        made = {
            "median error": risk_curve(errors_m, doubt),
            "90 % within": risk_curve(errors_m, doubt, lambda some: float(np.quantile(some, 0.9))),
        }
        return {name: curve for name, curve in made.items() if curve is not None}

    found = curves(view.beside("radius_m"))
    if not found:
        return None
    st.subheader("Position error, if unsure photos are left out")
    every = curves(view.table) if view.wanted.without("radius_m") else None
    figure = risk_by_share(
        found, "position error (m)", palette, every=every, chosen=view.wanted.radius_m
    )
    filters.chart(figure, "evaluate_risk", "radius_m", filters.span_of,
                  alt="Position error by share answered", modes=("points", "box"))  # fmt: skip
    st.caption(
        _area_sentence(found["median error"], wording.metres, "median error")
        + " Draw a box around points to see their photos."
    )
    return figure


def _area_sentence(curve: RiskCurve, words: Callable[[float], str], figure: str) -> str:
    """What a risk-coverage curve says, in words."""
    at = int(np.searchsorted(curve.share, _HALF))
    return (
        f"The half of the photos that the model is surest about has a {figure} of "
        f"{words(float(curve.risk[at]))}, all have {words(curve.overall)}. Averaged over all "
        f"shares (AURC): {words(curve.area)}; in the best possible order, which is dotted, "
        f"{words(curve.best_area)}; in a random order {words(curve.overall)}."
    )


def _coverage(
    report: Report,
    coverage: CoverageReport,
    view: EvaluationView,
    names: Mapping[str, str],
    palette: Palette,
) -> dict[str, go.Figure | None]:
    """Draw coverage overall and by region, and its table."""
    if not sizes_of(coverage.overall):
        st.info(_no_coverage(report))
        return {}
    charts: dict[str, go.Figure | None] = {}
    left, right = st.columns(2)
    with left:
        st.subheader("Do stated areas hold the truth as often as promised?")
        some = covered(view.shown, coverage.levels) if view.wanted else None
        figure = charts["Coverage"] = coverage_overall(coverage, palette, some)
        st.plotly_chart(figure, key="evaluate_coverage", config=figure_files.config("coverage"),
                        alt="Measured coverage against the promised one")  # fmt: skip
        if some is not None:
            st.caption("Open marks: the photos of the filter.")
    if coverage.per_region:
        with right:
            st.subheader("Coverage by true region")
            figure = coverage_regions(coverage, names, palette, chosen=view.wanted.regions)
            charts["Coverage by true region"] = figure
            filters.chart(figure, "evaluate_coverage_regions", "regions", filters.regions_of,
                          alt="Coverage of each region")  # fmt: skip
    st.dataframe(coverage_table(coverage.overall), hide_index=True)
    _unseen(coverage)
    return charts


def covered(table: pd.DataFrame, levels: Sequence[float]) -> dict[str, dict[float, float]]:
    """Measured share by promised one, by size, of some rows of `predictions.csv`."""
    found: dict[str, dict[float, float]] = {name: {} for name in NAMES}
    for level in levels:
        name = f"{level * 100:.0f}"
        inside = {
            "radius": _inside(table, "error_refined_m", f"radius_{name}_m"),
            "wedge": _inside(table, "heading_error_refined_deg", f"wedge_{name}_deg"),
            "region": table.get(f"in_region_{name}", pd.Series(dtype=float)).dropna(),
        }
        for size, hits in inside.items():
            if len(hits):
                found[size][level] = float(hits.astype(float).mean())
    return found


def _inside(table: pd.DataFrame, error: str, size: str) -> pd.Series:
    if size not in table:
        return pd.Series(dtype=float)
    known = table[[error, size]].dropna()
    return known[error] <= known[size]


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
