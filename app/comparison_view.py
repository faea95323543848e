"""Models side by side on the same photos: figures, differences with intervals, regions."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from app import cached_comparison, runs_table, states, theme
from app.comparison_tables import TITLES, figures_table, forest_table, region_table, wins
from app.figures.forest import forest
from app.judged_models import Group
from core.errors import BearingsError
from core.evaluation.comparison import Comparison
from core.evaluation.schema import CompareConfig
from core.evaluation.sentences import basis, cautions, overall

_BY = {"spot": "spots", "visit": "visits"}
_KIND = {"refined": "refined by training photos", "raw": "as the network says"}


def show_group(group: Group, number: int) -> None:
    """Figures of the models of a group, and what tells them apart."""
    st.markdown(f"**{group.about}**")
    st.dataframe(runs_table.side_by_side(group.reports))
    if len(group.folders) > 1:
        st.caption("★ best figure. Whether it is better by more than luck stands below.")
    else:
        st.caption("Tick another model that was judged on these photos to compare.")
        return
    show_differences(group.folders, _region_names(group), f"runs_{number}")


def show_differences(
    models: Mapping[str, Path], names: dict[str, str], key: str, *, pooled: bool = False
) -> None:
    """Compare models with the one that the reader names.

    Args:
        models: Folders with the predictions, by name.
        names: Display names by region id, where known.
        key: Prefix of the widgets' keys.
        pooled: Whether these are cross-validations.
    """
    options = list(models)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.selectbox(
            "Compared with", options, len(options) - 1, key=f"{key}_reference",
            help="The others are better or worse than this one.",
        )  # fmt: skip
        kind = st.segmented_control(
            "Predictions", list(_KIND), default="refined", required=True, key=f"{key}_kind",
            format_func=_KIND.__getitem__,
        )  # fmt: skip
        by = st.segmented_control(
            "Drawn as a whole", list(_BY), default="spot", required=True, key=f"{key}_by",
            format_func=_BY.__getitem__,
            help="Photos of one spot, or of one walk, are right or wrong together: the intervals "
            "come from drawing whole spots or whole visits.",
        )  # fmt: skip
    config = CompareConfig.model_validate({"by": by, "kind": kind})
    ordered = {first: models[first]} | dict(models)
    try:
        found = cached_comparison.comparison(ordered, config, pooled=pooled)
    except BearingsError as error:
        # What else the page has to show does not depend on it.
        states.show_error(error)
        return
    for pair in found.pairs:
        _say(pair)
    if found.pairs:
        st.plotly_chart(forest(forest_table(found.pairs), theme.palette()), key=f"{key}_forest")
        st.caption(basis(found.pairs))
        _tables(found.pairs, names, key)


def _say(pair: Comparison) -> None:
    """The plain sentence, and what must be known before it is believed."""
    better, worse = pair.measures("better"), pair.measures("worse")
    box = st.success if better and not worse else st.error if worse and not better else st.info
    box(overall(pair))
    for caution in cautions(pair):
        st.warning(caution)


def _tables(pairs: tuple[Comparison, ...], names: dict[str, str], key: str) -> None:
    st.markdown("**Region by region**")
    title = st.segmented_control(
        "Measure", list(TITLES), default="Median position error", required=True,
        key=f"{key}_measure", label_visibility="collapsed",
    )  # fmt: skip
    measure = TITLES[str(title)]
    for pair in pairs:
        st.markdown(wins(pair, measure))
    st.dataframe(region_table(pairs, measure, names), hide_index=True, height="content")
    with st.expander("All figures"):
        for pair in pairs:
            st.dataframe(figures_table(pair), hide_index=True)


def _region_names(group: Group) -> dict[str, str]:
    report = next(iter(group.reports.values()))
    return {
        region: region if found["name"] == region else f"{region} {found['name']}"
        for region, found in report["per_region"].items()
    }
