"""Cross-validations on the Runs page: mean and spread over folds, pooled figures, regions."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.evaluate import report_tables
from app.evaluate.report_view import table_of
from app.runs import comparison
from app.selection import selection
from app.widgets import deletion, messages
from app.wording import moment
from app.workspace import Workspace
from core.crossval.report import CrossvalSummary
from core.evaluation import report_text
from core.headline import Figure
from core.jobs.failures import plain_cause
from core.jobs.state import log_tail

# Title, name of the figure in a report, factor, name of its interval.
_FIGURES: tuple[tuple[str, str, float, Figure], ...] = (
    ("Region accuracy (%)", "region.accuracy", 100.0, "region_accuracy"),
    ("Median error (m)", "position.refined.median_m", 1.0, "median_m"),
    ("Within 10 m (%)", "position.refined.within_10m", 100.0, "within_10m"),
    ("Heading error (°)", "heading.refined.maae_deg", 1.0, "maae_deg"),
    ("Within 10 m and 15° (%)", "joint_10m_15deg", 100.0, "joint_10m_15deg"),
)


def show(place: Workspace, found: Sequence[CrossvalSummary]) -> None:
    """List the cross-validations; show the ticked ones by region and compare them."""
    st.subheader("Cross-validations")
    st.caption(
        "Mean ± standard deviation over the folds, which shows how much folds differ. In brackets: "
        "the figure of all photos together, each predicted by the fold that was not trained on it, "
        "with its confidence interval."
    )
    chosen = pick(found)
    deletion.offer([one.path for one in chosen], "crossvals")
    for one in chosen:
        _one(place, one)
    finished = [one for one in chosen if one.report is not None]
    if len(finished) > 1:
        _compare(finished)


def pick(found: Sequence[CrossvalSummary]) -> list[CrossvalSummary]:
    """Show the list; return those whose boxes are ticked, the newest one at first."""
    names = [one.name for one in found]
    ticked = selection.ticked("crossvals", listing(found), names, multi=True, first=True)
    return [one for one in found if one.name in ticked]


def listing(found: Sequence[CrossvalSummary]) -> pd.DataFrame:
    """Return one row per cross-validation; figures where it is finished."""
    return pd.DataFrame([_row(one) for one in found])


def regions(one: CrossvalSummary) -> pd.DataFrame:
    """Return one row per region over the photos of all folds."""
    return pd.DataFrame() if one.pooled is None else report_tables.regions(one.pooled)


def _row(one: CrossvalSummary) -> dict[str, Any]:
    config = one.config
    row: dict[str, Any] = {
        "Cross-validation": one.name,
        "State": one.state,
        "Folds done": f"{one.done} of {config.folds}" if config else "–",
        "Split": config.split.protocol if config else "",
        "Backbone": config.model.backbone if config else "",
    }
    row |= {title: _spread(one, name, factor, of) for title, name, factor, of in _FIGURES}
    share = None if one.pooled is None else report_tables.leak_share(one.pooled)
    row["Leak within 5 m (%)"] = "–" if share is None else f"{100.0 * share:.0f}"
    return row | {"Started": moment(one.started)}


def _spread(one: CrossvalSummary, name: str, factor: float, interval: Figure) -> str:
    found, report = one.figure(name), one.report
    whole = None if report is None else report.pooled_figure(name)
    if found is None or report is None or whole is None:
        return "–"
    ends = report_text.interval_of(report.pooled, "refined", interval)
    pooled = f"{factor * whole:.1f}: {ends}" if ends else f"{factor * whole:.1f}"
    return f"{factor * found[0]:.1f} ± {factor * found[1]:.1f} ({pooled})"


def _one(place: Workspace, one: CrossvalSummary) -> None:
    if one.message or one.state in ("failed", "damaged", "lost"):
        cause = plain_cause(one.message, log_tail(one.path), one.config)
        messages.show_error(f"{one.name} {one.state}: {cause}")
    if one.report is None:
        st.info(f"**{one.name}** has no report yet. If it stopped, resume it on the Train page.")
        with st.expander("The same from the command line"):
            command = f"python -m core crossval --out {place.label(one.path)} --resume"
            st.code(command, language="bash")
        return
    with st.expander(f"{one.name}: all {one.report.pooled.n:,} photos by region"):
        for text in (
            report_text.leak_sentence,
            report_text.flagged_sentence,
            report_text.intervals_basis,
        ):
            st.caption(text(one.report.pooled))
        table_of(regions(one))
        for note in one.report.notes:
            st.caption(note)


def _compare(finished: Sequence[CrossvalSummary]) -> None:
    first = finished[0]
    same = [one for one in finished if _folds(one) == _folds(first)]
    others = [one.name for one in finished if one not in same]
    if others:
        st.warning(
            f"{', '.join(others)}: the folds differ from those of {first.name}, so the figures are "
            "not ranked."
        )
    if len(same) > 1 and first.pooled is not None:
        names = {
            region: f"{region} {each.name}" if each.name != region else region
            for region, each in first.pooled.per_region.items()
        }
        folders = {one.name: one.path for one in same}
        comparison.show_differences(folders, names, "crossvals", pooled=True)


def _folds(one: CrossvalSummary) -> tuple[str, ...]:
    """Split hashes: equal ones are the same folds."""
    return () if one.report is None else one.report.split_hashes
