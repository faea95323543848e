"""The parts of the Runs page: the list, and the chosen runs side by side."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import cached, controls, links, runs_table, training
from app.figures.curves import curve
from app.learning import MEASURES, overlaid_table
from app.report_tables import Report
from app.workspace import reports
from core.errors import BearingsError
from core.jobs.causes import plain_cause
from core.jobs.follow import log_tail, read_events
from core.jobs.summary import RunSummary
from core.training.run_folder import RunFolder

_TABLE = "runs_table"
_SHARES = ("Val region", "Region")


def newest_reports(runs: Sequence[RunSummary]) -> dict[str, Report]:
    """Read every run's newest report, by the run's name; damaged ones are told and left out."""
    found: dict[str, Report] = {}
    for run in runs:
        folders = reports(RunFolder(path=run.path).best)
        try:
            if folders:
                found[run.name] = cached.report(folders[0])
        except BearingsError as error:
            st.warning(str(error))
    return found


def pick_runs(runs: Sequence[RunSummary], found: dict[str, Report]) -> list[RunSummary]:
    """Show the list; return the runs whose boxes are ticked, the newest one at first."""
    table = runs_table.listing(runs, found)
    formats: dict[str, Any] = {
        name: st.column_config.NumberColumn(format="percent" if name in _SHARES else "%.1f")
        for name in table.columns[table.dtypes.map(lambda kind: kind.kind == "f")]
    }
    event = st.dataframe(
        table,
        key=_TABLE,
        hide_index=True,
        column_config=formats,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [0]}},
    )
    return [runs[row] for row in event["selection"]["rows"] if row < len(runs)]


def next_steps(run: RunSummary) -> None:
    """What can be done with one run."""
    if run.state in ("failed", "damaged", "lost"):
        st.error(f"**{run.name}** {run.state}: {plain_cause(run.message, log_tail(run.path))}")
    best = RunFolder(path=run.path).best
    with st.container(horizontal=True):
        if st.button("Watch", key="runs_watch", help="Curves, log, stop and resume"):
            training.watch_next(run.path)
            links.go("train")
        if (best / "card.json").is_file():
            for page in ("evaluate", "map", "explain"):
                if st.button(page.capitalize(), key=f"runs_{page}"):
                    controls.hand_over_checkpoint(best)
                    links.go(page)


def curves(chosen: Sequence[RunSummary]) -> None:
    """Validation curves of the chosen runs, over one another."""
    events = {run.name: read_events(run.path) for run in chosen if run.state != "damaged"}
    for pair in (MEASURES[:2], MEASURES[2:]):
        for place, measure in zip(st.columns(2), pair, strict=True):
            title = f"{measure.title}, validation"
            figure = curve(overlaid_table(events, measure), title, measure.unit)
            place.plotly_chart(figure, key=f"runs_{measure.title}")


def figures(chosen: Sequence[RunSummary], found: dict[str, Report]) -> None:
    """Figures of the chosen runs' reports side by side, ranked only on the same photos."""
    judged = {run.name: found[run.name] for run in chosen if run.name in found}
    missing = [run.name for run in chosen if run.name not in found]
    if missing:
        st.info(f"Not evaluated yet: {', '.join(missing)}. Choose one alone, then Evaluate.")
    if not judged:
        return
    if len({runs_table.judged_on(report) for report in judged.values()}) > 1:
        st.warning(
            "These reports are about different photos: their figures are shown, but not ranked, "
            "because a smaller error may only mean easier photos."
        )
    st.dataframe(runs_table.side_by_side(judged))


def options(chosen: Sequence[RunSummary]) -> None:
    """Options in which the chosen runs differ, and nothing else."""
    table = runs_table.differing_options(chosen)
    if table.empty:
        st.caption("All options are the same." if len(chosen) > 1 else "Choose a second run.")
    else:
        st.dataframe(table)
