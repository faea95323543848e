"""`report.json` as the tables and figures of the Evaluate page and of the list of runs."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from app import wording
from core.evaluation import report_text
from core.evaluation.report import Report, Scores
from core.headline import Figure, Figures
from core.splits.parts import PART_NAMES

MODEL, REFINED = "network alone", "refined by training photos"
_BASELINES = {
    "global_mean": "mean of all training photos",
    "region_centroid_predicted": "centre of the predicted region",
    "region_centroid_true": "centre of the true region",
    "nearest_feature": "most similar training photo",
    "zero_training": "frozen backbone without training",
    "metadata_only": "true region and time of day, no pixels",
}
COLUMNS: tuple[Figure, ...] = (
    "region_accuracy",
    "median_m",
    "p90_m",
    "within_10m",
    "within_25m",
    "maae_deg",
    "within_15",
    "joint_10m_15deg",
)
_WITHIN: dict[int, Figure] = {10: "within_10m", 25: "within_25m"}
SHARES = ("region_accuracy", "within_10m", "within_25m", "within_15", "joint_10m_15deg")
LABELS = {
    "name": "Predictor",
    "given": "Uses ground truth",
    "share": "Weight",
    "region_accuracy": "Region accuracy",
    "median_m": "Median error (m)",
    "interval": "Interval of the median (m)",
    "photos": "Evaluated photos",
    "median_raw_m": "Median error, raw (m)",
    "mean_m": "Mean error (m)",
    "p90_m": "90 % within (m)",
    "within_10m": "Within 10 m",
    "within_25m": "Within 25 m",
    "maae_deg": "Mean heading error (°)",
    "within_15": "Heading within 15°",
    "joint_10m_15deg": "Within 10 m and 15°",
    "n": "Photos",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "median_refined_m": "Median error, refined (m)",
    "maae_refined_deg": "Mean heading error, refined (°)",
}


def note_text(note: str) -> str:
    """A note of a report as the page says it: baselines by their titles, no commands."""
    name = note.removeprefix("Baseline ").partition(" ")[0]
    if note.startswith("Baseline ") and name in _BASELINES:
        note = note.replace(f"Baseline {name} has", f"The baseline “{_BASELINES[name]}” has", 1)
    return re.sub(r" \(python -m core [^)]*\)", "", note)


def predictors(report: Scores) -> pd.DataFrame:
    """Return one row per predictor: the model raw and refined, then every baseline.

    A model without positions is not refined, so it has one row.

    Returns:
        Columns `name`, `kind` (`prediction`, `refined`, `baseline`), `given_truth`, `given` and
        `COLUMNS`; unknown figures are NaN.
    """
    rows = [_row(MODEL, "prediction", report.figures("raw"))]
    if report.position is not None:
        rows.append(_row(REFINED, "refined", report.figures("refined")))
    for name, each in report.baselines.items():
        row = _row(_BASELINES.get(name, name), "baseline", each.figures)
        row["given_truth"] = each.given_truth
        row["given"] = "in part" if each.given_truth else "no"
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.astype({name: "float64" for name in COLUMNS})


def baseline_shares(report: Scores) -> pd.DataFrame:
    """Return the share of photos within 10 m and 25 m of every baseline.

    Returns:
        Columns `name`, `within_m` and `share`, without unknown shares.
    """
    rows = [
        (_BASELINES.get(name, name), metres, each.figures.of(figure))
        for name, each in report.baselines.items()
        for metres, figure in _WITHIN.items()
    ]
    return pd.DataFrame(rows, columns=["name", "within_m", "share"]).dropna()


def regions(report: Scores) -> pd.DataFrame:
    """Return one row per region that occurs: photos, precision, recall, F1 and errors."""
    rows = [
        {
            "region": each.name if each.name == region else f"{region}: {each.name}",
            "n": each.n,
            "precision": each.precision,
            "recall": each.accuracy,
            "f1": each.f1,
            "median_m": each.median_m,
            "median_refined_m": each.median_refined_m,
            "maae_deg": each.maae_deg,
            "maae_refined_deg": each.maae_refined_deg,
        }
        for region, each in report.per_region.items()
    ]
    return pd.DataFrame(rows)


def region_names(report: Report, known: Mapping[str, str]) -> dict[str, str]:
    """Return the display name of every region of the confusion matrix, in the model's order.

    Args:
        report: The report.
        known: Names by region id, where there are any.
    """
    return {
        region: f"{region} {known[region]}" if known.get(region, region) != region else region
        for region in (report.region.labels if report.region is not None else ())
    }


def headline(report: Report) -> dict[str, tuple[str, str]]:
    """Return the first figures that there are: name -> refined value, and its interval if any."""
    refined = report.figures("refined")
    titles: dict[str, Figure] = {
        "Region accuracy": "region_accuracy",
        "Median error": "median_m",
        "Heading error": "maae_deg",
        "Within 10 m and 15°": "joint_10m_15deg",
    }
    return {
        title: (
            report_text.shown(figure, refined.of(figure)),
            report_text.interval_of(report, "refined", figure),
        )
        for title, figure in titles.items()
        if refined.of(figure) is not None
    }


def leak(report: Scores) -> tuple[str, str] | None:
    """Return the share of evaluated photos within 5 m of a training photo, and other shares."""
    shares = report.leak
    if shares is None:
        return None
    return (
        wording.share(shares.within_5m),
        f"{wording.share(shares.within_10m)} in 10 m",
    )


def leak_share(report: Scores) -> float | None:
    """Share of evaluated photos within 5 m of a training photo; None if unknown."""
    return None if report.leak is None else report.leak.within_5m


def median_away_m(report: Scores) -> float | None:
    """Median refined error of the photos beyond 5 m of any training photo, if known."""
    away = None if report.leak is None else report.leak.beyond_5m
    return None if away is None or away.refined is None else away.refined.median_m


def other_photos(report: Scores) -> pd.DataFrame:
    """The refined model's figures on all photos, far from training, and without suspect labels.

    Returns:
        One row per choice of photos, with the columns `photos`, `n`, `median_raw_m` and `COLUMNS`;
        figures of too few photos are NaN. Empty if the report has none of these.
    """
    away = {} if report.leak is None else report.leak.away
    choices = {
        f"farther than {name.removeprefix('beyond_').replace('m', ' m')} from training": each
        for name, each in away.items()
    }
    if report.flagged is not None:
        choices = {"all": report.flagged.all} | choices
        choices["without suspect labels"] = report.flagged.without
    rows = []
    for name, each in choices.items():
        raw, refined = each.raw or Figures(), each.refined or Figures()
        figures = {figure: refined.of(figure) for figure in COLUMNS}
        rows.append({"photos": name, "n": each.n, "median_raw_m": raw.median_m} | figures)
    table = pd.DataFrame(rows)
    return table.astype({name: "float64" for name in table.columns if name not in ("photos", "n")})


def median_intervals(report: Scores) -> list[str]:
    """Intervals of the median error in the order of `predictors`; empty if there are none."""
    return [
        report_text.interval_of(report, "raw", "median_m"),
        report_text.interval_of(report, "refined", "median_m"),
        *(report_text.interval(each.intervals, "median_m") for each in report.baselines.values()),
    ]


def evaluated_on(report: Report) -> str:
    """Which photos the report is about; figures on different photos do not compare."""
    split = report.split
    part = f"{PART_NAMES.get(split.part, split.part)} part of the {split.name} split"
    if split.part == "all":
        part = "all photos"
    fold = f", fold {split.fold} of {split.folds}" if split.fold is not None else ""
    campus = "an unnamed campus" if report.dataset is None else report.dataset.campus
    return f"{report.n:,} photos of {campus}: {part}{fold} (hash `{split.hash[:8]}`)."


def _row(name: str, kind: str, figures: Figures) -> dict[str, Any]:
    row = {"name": name, "kind": kind, "given_truth": False, "given": "no"}
    return row | {figure: figures.of(figure) for figure in COLUMNS}
