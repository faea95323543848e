"""Runs as tables: the list, the options that differ, and the figures side by side."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from pydantic import BaseModel

from app import wording
from app.evaluate import report_tables
from app.evaluate.report_tables import LABELS
from app.runs.models import Model
from app.train.train_form import title_of
from app.wording import moment, spoken
from core.evaluation.report import Report
from core.headline import SHARES as HIGHER
from core.headline import Figure
from core.jobs.notes import Notes
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
_OWN = frozenset({title_of(("run",)), title_of(("command",))})
LEAK = "Leak within 5 m"
REGION, VALIDATION_REGION = "Region accuracy", "Validation region accuracy"
SHARES = (REGION, VALIDATION_REGION, LEAK)
# Columns that are left out if the models predict no such thing.
_UNPREDICTED = (
    REGION, "Median error (m)", "Heading error (°)", VALIDATION_REGION,
    "Validation median error (m)", "Validation heading error (°)",
)  # fmt: skip


def listing(models: Sequence[Model], notes: Mapping[str, Notes]) -> pd.DataFrame:
    """Return one row per model, in the given order.

    Options are columns only if runs differ in them; tags, notes and splits only if some
    model has them or they differ.

    Args:
        models: Runs, and checkpoints that stand alone.
        notes: Notes, by the name of the model.
    """
    rows = [_row(model, notes.get(model.name, Notes())) for model in models]
    table = pd.DataFrame(rows)
    idle = [name for name in ("Tags", "Note", "Report on") if (table[name] == "").all()]
    if table["Split and its hash"].nunique() < 2:
        idle.append("Split and its hash")
    # A checkpoint differs from every run in options that nobody compares here.
    shown = differing_options([model for model in models if model.run is not None]).index
    options = pd.DataFrame(
        [{name: _shown(options_of(model), name) for name in shown} for model in models],
        columns=shown,
    )
    options.columns = options.columns.map(str)
    later = table.columns.get_loc(VALIDATION_REGION)
    idle += [name for name in _UNPREDICTED if _unpredicted(table, name)]
    parts = (table.iloc[:, :later], options, table.iloc[:, later:])
    return pd.concat(parts, axis=1).drop(columns=idle)


def _unpredicted(table: pd.DataFrame, figure: str) -> bool:
    """Whether runs have other figures of this kind, and none of them has this one."""
    others = [
        name
        for name in _UNPREDICTED
        if name.startswith("Validation") == figure.startswith("Validation")
    ]
    return bool(table[figure].isna().all() and table[others].notna().any(axis=None))


def differing_options(models: Sequence[Model]) -> pd.DataFrame:
    """Return the options in which models differ: a row an option by its title, a column a model.

    An option that a model does not record, as a checkpoint those of its training, is empty and
    makes no difference.
    """
    known = {model.name: found for model in models if (found := options_of(model))}
    names = dict.fromkeys(name for found in known.values() for name in found if name not in _OWN)
    table = pd.DataFrame(
        {model: [_shown(found, name) for name in names] for model, found in known.items()},
        index=list(names),
        dtype=object,
    )
    return table[[len(set(row) - {""}) > 1 for row in table.to_numpy()]]


def _shown(options: Mapping[str, Any], name: str) -> str:
    return str(options[name]) if name in options else ""


HEADLINE: dict[str, tuple[str, float, bool]] = {
    "Median error (m)": ("median_m", 1.0, False),
    "Region accuracy (%)": ("region_accuracy", 100.0, True),
    "Heading error (°)": ("maae_deg", 1.0, False),
}
"""Headline figures by title: their name, a factor, and whether more is better."""


def options_with_figures(models: Sequence[Model]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the options in which runs differ, and their validation figures: one row a run each.

    Runs without a figure, and checkpoints, which do not record their options, are left out.
    """
    runs = [model for model in models if model.run is not None and validation(model)]
    options = differing_options(runs).T
    rows = {
        model.name: {title: validation(model).get(name) for title, (name, *_) in HEADLINE.items()}
        for model in runs
    }
    figures = pd.DataFrame(rows).T.astype(float).dropna(axis=1)
    for title in figures:
        figures[title] *= HEADLINE[title][1]
    return options.reindex(figures.index), figures.round(1)


def options_of(model: Model) -> dict[str, Any]:
    """Options by the titles that the form gives them: of a run, or what a checkpoint records."""
    if model.run is not None:
        return {} if model.run.config is None else _flat(model.run.config)
    if model.card is None:
        return {}
    split = model.card.split
    known = {"protocol": split.protocol, "seed": split.seed}
    return _flat(model.card.model, "model") | {
        title_of(("split", name)): value for name, value in known.items()
    }


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


def _row(model: Model, notes: Notes) -> dict[str, Any]:
    report = None if model.shown is None else model.reports[model.shown]
    tested = None if report is None else report.figures("refined")
    run, best = model.run, validation(model)
    return {
        "Run": model.name,
        "State": model.state,
        "Tags": ", ".join(notes.tags),
        REGION: None if tested is None else tested.region_accuracy,
        "Median error (m)": None if tested is None else tested.median_m,
        "Heading error (°)": None if tested is None else tested.maae_deg,
        LEAK: None if report is None else report_tables.leak_share(report),
        VALIDATION_REGION: best.get("region_accuracy"),
        "Validation median error (m)": best.get("median_m"),
        "Validation heading error (°)": best.get("maae_deg"),
        "Epochs done": f"{run.epoch} of {run.epochs}" if run is not None and run.epochs else "–",
        "Split and its hash": f"{_protocol(model)} {model.split_hash[:8]}".strip(),
        "Report on": "" if report is None else evaluated_on(report),
        "Note": " ".join(notes.text.split()),
        "Started": moment(_made(model) if run is None else run.started),
        "Took": spoken(None if run is None else run.duration_s),
    }


def validation(model: Model) -> Mapping[str, float | None]:
    """Validation figures of the best epoch, by the network alone; empty before there are any."""
    if model.run is not None:
        return model.run.best or {}
    if model.card is None:
        return {}
    return {name.removeprefix("val_"): value for name, value in model.card.metrics.items()}


def _protocol(model: Model) -> str:
    if model.run is not None:
        return model.run.config.split.protocol if model.run.config else ""
    return "" if model.card is None else model.card.split.protocol


def _made(model: Model) -> float | None:
    if model.card is None:
        return None
    try:
        return datetime.fromisoformat(model.card.created).timestamp()
    except ValueError:
        return None


def _flat(config: BaseModel, *within: str) -> dict[str, Any]:
    """Options by title, of a part of the options of training."""
    found = options(type(config))
    return {title_of((*within, *each.path)): value_at(config, each.path) for each in found}
