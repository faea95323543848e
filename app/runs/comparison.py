"""Models compared on the same photos: figures, differences with intervals, regions won and lost."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import absence, cache, theme
from app.figures.comparison import forest
from app.runs import compared, runs_table
from app.runs.models import Group
from app.widgets import figure_files, messages
from core.comparison.common_photos import CommonPhotos
from core.comparison.compare import Compared, Comparison, Difference, Measure, RegionDifference
from core.comparison.text import basis, cautions, interval, overall
from core.errors import BearingsError
from core.evaluation.report import Report
from core.evaluation.schema import CompareConfig

_MARKS = {"better": "▲ better", "worse": "▼ worse", "not distinguishable": "not distinguishable"}
_BY = {"spot": "spots", "visit": "visits"}
_KIND = {"refined": "refined by training photos", "raw": "network alone"}


def forest_table(pairs: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row per candidate and measure, as `app.figures.comparison` draws them."""
    rows = [
        {
            "model": pair.candidate,
            "title": found.measure.title,
            "unit": found.measure.unit,
            "higher_is_better": found.measure.higher_is_better,
            "difference": found.difference,
            "low": np.nan if found.low is None else found.low,
            "high": np.nan if found.high is None else found.high,
            "verdict": found.verdict,
        }
        for pair in pairs
        for found in pair.differences
    ]
    return pd.DataFrame(rows)


def figures_table(pair: Comparison) -> pd.DataFrame:
    """Return one row per measure in words: both figures, difference, interval, verdict."""
    rows = [
        {
            "Measure": found.measure.title,
            pair.reference: found.measure.shown(found.reference),
            pair.candidate: found.measure.shown(found.candidate),
            "Difference": found.measure.gap(found.difference),
            "Interval": interval(found),
            "Verdict": _MARKS[found.verdict],
        }
        for found in pair.differences
    ]
    return pd.DataFrame(rows)


def region_table(pairs: Sequence[Comparison], measure: str, names: dict[str, str]) -> pd.DataFrame:
    """Return one row per region: photos, clusters, and every candidate's difference.

    Args:
        pairs: Comparisons with one reference.
        measure: Name of one of `measures_by_region`.
        names: Display names by region id, where known.
    """
    table = pd.DataFrame()
    for pair in pairs:
        rows = {
            names.get(each.region, each.region): {
                "Photos": each.photos,
                f"{pair.by.capitalize()}s": each.clusters,
                pair.candidate: _cell(_of(each, measure)),
            }
            for each in pair.regions
        }
        table = pd.DataFrame.from_dict(rows, orient="index").combine_first(table)
    counts = [name for name in ("Photos", "Spots", "Visits") if name in table]
    order = [names.get(each.region, each.region) for each in pairs[0].regions]
    shown = table[[*counts, *(pair.candidate for pair in pairs)]].reindex(order)
    return shown.rename_axis("Region").reset_index()


def wins(pair: Comparison, measure: str) -> str:
    """Count the regions in a sentence."""
    differences = [found for each in pair.regions if (found := _of(each, measure)) is not None]
    if not differences:
        return absence.of_pair(pair.candidate, pair.reference, measure)
    counts = Counter(each.verdict for each in differences)
    few = sum(each.low is None for each in differences)
    even = counts["not distinguishable"] - few
    rest = f", too few {pair.by}s in {few}" if few else ""
    return (
        f"**{pair.candidate}**, of {len(differences):,} regions: better in {counts['better']}, "
        f"worse in {counts['worse']}, not distinguishable in {even}{rest}."
    )


def measures_by_region(pairs: Sequence[Comparison]) -> list[Measure]:
    """The measures that at least one pair compares region by region."""
    found = [one.measure for pair in pairs for each in pair.regions for one in each.differences]
    return list(dict.fromkeys(found))


def _of(region: RegionDifference, measure: str) -> Difference | None:
    """The difference in a measure; None where one of the two models lacks it."""
    return next((one for one in region.differences if one.measure.name == measure), None)


def _cell(found: Difference | None) -> str:
    if found is None:
        return "–"
    gap = found.measure.gap(found.difference)
    if found.low is None:
        return f"{gap} (too few photos)"
    mark = {"better": "▲ ", "worse": "▼ "}.get(found.verdict, "")
    return f"{mark}{gap} {interval(found)}"


def show_group(group: Group, number: int) -> None:
    """Figures of the models of a group, and their differences."""
    st.markdown(f"**{group.about[0].upper()}{group.about[1:]}**")
    st.dataframe(runs_table.side_by_side(group.reports))
    if len(group.folders) > 1:
        st.caption("★ best figure. The comparison below shows which differences are significant.")
    else:
        st.caption("To compare, tick another model.")
        return
    show_differences(
        group.folders, region_names(next(iter(group.reports.values()))), f"runs_{number}"
    )


def show_common(common: CommonPhotos) -> None:
    """Compare models on the photos that may judge all of them."""
    report = cache.report(next(iter(common.reports.values())))

    def compare(reference: str, config: CompareConfig) -> Compared:
        order = [reference, *(name for name in common.checkpoints if name != reference)]
        ordered = {name: common.checkpoints[name] for name in order}
        return compared.common_comparison(replace(common, checkpoints=ordered), config)

    _differences(list(common.checkpoints), compare, region_names(report), "runs_common")


def show_differences(
    models: Mapping[str, Path], names: dict[str, str], key: str, *, pooled: bool = False
) -> None:
    """Compare models on the photos of their reports.

    Args:
        models: Folders with the predictions, by name.
        names: Display names by region id, where known.
        key: Prefix of the widgets' keys.
        pooled: Whether these are cross-validations.
    """

    def compare(reference: str, config: CompareConfig) -> Compared:
        ordered = {reference: models[reference]} | dict(models)
        return compared.comparison(ordered, config, pooled=pooled)

    _differences(list(models), compare, names, key)


def _differences(
    options: Sequence[str],
    compare: Callable[[str, CompareConfig], Compared],
    names: dict[str, str],
    key: str,
) -> None:
    """Compare models with the reference that the reader picks."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.selectbox(
            "Reference", options, len(options) - 1, key=f"{key}_reference",
            help="The other models are compared with this one.",
        )  # fmt: skip
        kind = st.segmented_control(
            "Predictions", list(_KIND), default="refined", required=True, key=f"{key}_kind",
            format_func=_KIND.__getitem__,
        )  # fmt: skip
        by = st.segmented_control(
            "Resample whole", list(_BY), default="spot", required=True, key=f"{key}_by",
            format_func=_BY.__getitem__,
            help="Errors of photos of one spot, or of one visit, are correlated. The bootstrap "
            "therefore draws whole spots or whole visits.",
        )  # fmt: skip
    try:
        found = compare(first, CompareConfig.model_validate({"by": by, "kind": kind}))
    except BearingsError as error:
        # The rest of the page does not depend on the comparison.
        messages.show_error(error)
        return
    for reason in found.unranked.values():
        st.warning(messages.plain(reason))
    for pair in found.pairs:
        _verdict(pair)
    if found.pairs:
        figure = forest(forest_table(found.pairs), theme.palette())
        st.plotly_chart(figure, key=f"{key}_forest",
                        config=figure_files.config("comparison"), alt="Differences between the "
                        "compared models, with their intervals")  # fmt: skip
        figure_files.offer(key, {"Differences": figure})
        st.caption(basis(found.pairs))
        _tables(found.pairs, names, key)


def _verdict(pair: Comparison) -> None:
    """The result in a sentence, with its caveats."""
    better, worse = pair.measures("better"), pair.measures("worse")
    box = st.success if better and not worse else st.error if worse and not better else st.info
    box(overall(pair))
    for caution in cautions(pair):
        st.warning(caution)


def _tables(pairs: tuple[Comparison, ...], names: dict[str, str], key: str) -> None:
    st.markdown("**By region**")
    titles = {measure.title: measure.name for measure in measures_by_region(pairs)}
    if titles:
        usual, held = "Median position error", f"{key}_measure"
        if st.session_state.get(held, next(iter(titles))) not in titles:
            # It was chosen for other models.
            del st.session_state[held]
        title = st.segmented_control(
            "Measure", list(titles), default=usual if usual in titles else next(iter(titles)),
            required=True, key=held, label_visibility="collapsed",
        )  # fmt: skip
        measure = titles[str(title)]
        for pair in pairs:
            st.markdown(wins(pair, measure))
        st.dataframe(region_table(pairs, measure, names), hide_index=True, height="content")
    else:
        st.caption(absence.NO_TRUE_REGION)
    with st.expander("All figures"):
        for pair in pairs:
            st.dataframe(figures_table(pair), hide_index=True)


def region_names(report: Report) -> dict[str, str]:
    """Display names by region id, as a report has them."""
    return {
        region: region if each.name == region else f"{region} {each.name}"
        for region, each in report.per_region.items()
    }
