"""Runs as tables: the list, the options that differ, and the figures side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import BaseModel

from app import wording
from app.evaluate import report_tables
from app.evaluate.report_tables import LABELS
from app.wording import moment, spoken
from core.evaluation.report import Report
from core.headline import SHARES as HIGHER
from core.headline import Figure
from core.jobs.notes import Notes
from core.jobs.summary import RunSummary
from core.options import options, value_at

_COMPARED: tuple[Figure, ...] = (
    "region_accuracy",
    "median_m",
    "p90_m",
    "within_10m",
    "maae_deg",
    "joint_10m_15deg",
)
# Every run has its own folder and command: differences that explain nothing.
_OWN = frozenset({"run", "command"})
LEAK = "Leak within 5 m"
REGION, VALIDATION_REGION = "Region accuracy", "Validation region accuracy"
SHARES = (REGION, VALIDATION_REGION, LEAK)
# Columns that are left out if the models predict no such thing.
_UNPREDICTED = (
    REGION, "Median error (m)", "Heading error (°)", VALIDATION_REGION,
    "Validation median error (m)", "Validation heading error (°)",
)  # fmt: skip


def listing(
    runs: Sequence[RunSummary], reports: Mapping[str, Report], notes: Mapping[str, Notes]
) -> pd.DataFrame:
    """Return one row per run, in the given order.

    Options are columns only if the runs differ in them; tags, notes and splits only if some run
    has them or they differ.

    Args:
        runs: The runs.
        reports: The report shown for a run, by the name of the run.
        notes: Notes, by the name of the run.
    """
    rows = [_row(run, reports.get(run.name), notes.get(run.name, Notes())) for run in runs]
    table = pd.DataFrame(rows)
    idle = [name for name in ("Tags", "Note", "Report on") if (table[name] == "").all()]
    if table["Split"].nunique() < 2:
        idle.append("Split")
    options = differing_options(runs).T.reindex([run.name for run in runs]).fillna("")
    options.columns = options.columns.map(str)
    later = table.columns.get_loc(VALIDATION_REGION)
    idle += [name for name in _UNPREDICTED if _unpredicted(table, name)]
    parts = (table.iloc[:, :later], options.reset_index(drop=True), table.iloc[:, later:])
    return pd.concat(parts, axis=1).drop(columns=idle)


def _unpredicted(table: pd.DataFrame, figure: str) -> bool:
    """Whether runs have other figures of this kind, and none of them has this one."""
    others = [
        name
        for name in _UNPREDICTED
        if name.startswith("Validation") == figure.startswith("Validation")
    ]
    return bool(table[figure].isna().all() and table[others].notna().any(axis=None))


def differing_options(runs: Sequence[RunSummary]) -> pd.DataFrame:
    """Return the options in which runs differ: one row an option, one column a run."""
    options = {run.name: _flat(run.config) for run in runs if run.config is not None}
    table = pd.DataFrame(options).astype(object)
    if table.empty:
        return table
    differs = table.apply(lambda row: len(set(row.map(str))) > 1, axis=1)
    return table[differs & ~table.index.isin(_OWN)].map(str)


def evaluated_on(report: Report) -> str:
    """The photos of a report in short; figures on different photos do not compare."""
    return f"{report.split.part} {report.split.hash[:8]}"


def side_by_side(reports: Mapping[str, Report]) -> pd.DataFrame:
    """Return the refined model's figures on labelled photos: one row a figure, one column a run.

    The best of each row is marked only if all reports are about the same photos.
    """
    figures = {name: report.figures("refined") for name, report in reports.items()}
    ranked = len(figures) > 1 and len({report.split.key for report in reports.values()}) == 1
    rows = {
        LABELS[measure]: _cells(
            measure, {name: each.of(measure) for name, each in figures.items()}, ranked
        )
        for measure in _COMPARED
        if any(each.of(measure) is not None for each in figures.values())
    }
    # The leak, and the error on the photos that are not near a training photo.
    if all(report.position is None for report in reports.values()):
        return pd.DataFrame(rows).T
    near = {name: report_tables.leak_share(report) for name, report in reports.items()}
    away = {name: report_tables.median_away_m(report) for name, report in reports.items()}
    rows[LEAK] = {
        name: "–" if share is None else wording.share(share) for name, share in near.items()
    }
    rows["Median error of the other photos (m)"] = {
        name: "–" if metres is None else f"{metres:.1f}" for name, metres in away.items()
    }
    return pd.DataFrame(rows).T


def _cells(measure: Figure, values: Mapping[str, float | None], ranked: bool) -> dict[str, str]:
    # Of shares the largest is best, of errors the smallest.
    choose = max if measure in HIGHER else min
    best = choose((value for value in values.values() if value is not None), default=None)
    return {
        name: "–"
        if value is None
        else (wording.share(value) if measure in HIGHER else f"{value:.1f}")
        + (" ★" if ranked and value == best else "")
        for name, value in values.items()
    }


def _row(run: RunSummary, report: Report | None, notes: Notes) -> dict[str, Any]:
    best = run.best or {}
    tested = None if report is None else report.figures("refined")
    split = run.config.split.protocol if run.config else ""
    return {
        "Run": run.name,
        "State": run.state,
        "Tags": ", ".join(notes.tags),
        REGION: None if tested is None else tested.region_accuracy,
        "Median error (m)": None if tested is None else tested.median_m,
        "Heading error (°)": None if tested is None else tested.maae_deg,
        LEAK: None if report is None else report_tables.leak_share(report),
        VALIDATION_REGION: best.get("region_accuracy"),
        "Validation median error (m)": best.get("median_m"),
        "Validation heading error (°)": best.get("maae_deg"),
        "Epochs": f"{run.epoch} of {run.epochs}" if run.epochs else "–",
        "Split": f"{split} {run.split_hash[:8]}".strip(),
        "Report on": "" if report is None else evaluated_on(report),
        "Note": " ".join(notes.text.split()),
        "Started": moment(run.started),
        "Took": spoken(run.duration_s),
    }


def _flat(config: BaseModel) -> dict[str, Any]:
    """Options by dotted name."""
    return {option.name: value_at(config, option.path) for option in options(type(config))}
