"""`report.json` as the tables and figures that the Evaluate page and the list of runs show."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.evaluation import told

Report = Mapping[str, Any]

MODEL, REFINED = "model", "model, refined by training photos"
_BASELINES = {
    "global_mean": "mean of all training photos",
    "region_centroid_predicted": "middle of the predicted region",
    "region_centroid_true": "middle of the true region",
    "nearest_feature": "training photo that looks most alike",
    "metadata_only": "true region and time of day, no pixels",
}
COLUMNS = (
    "region_accuracy",
    "median_m",
    "p90_m",
    "within_10m",
    "within_25m",
    "maae_deg",
    "within_15",
    "joint_10m_15deg",
)
FIGURES = frozenset(COLUMNS) - {"within_15"}
SHARES = ("region_accuracy", "within_10m", "within_25m", "within_15", "joint_10m_15deg")
LABELS = {
    "name": "Predictor",
    "told": "Told about the photo",
    "share": "Share of the answer",
    "region_accuracy": "Region right",
    "median_m": "Median error (m)",
    "interval": "Median error, interval (m)",
    "photos": "Photos judged",
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


def predictors(report: Report) -> pd.DataFrame:
    """Return one row per predictor: the model raw and refined, then every baseline.

    Returns:
        Columns `name`, `kind` (`prediction`, `refined`, `baseline`), `given_truth`, `told` and
        `COLUMNS`; unknown figures are NaN.
    """
    own = report["region"]["accuracy"]
    rows = [
        _row(MODEL, "prediction", report["position"]["raw"], report["heading"]["raw"])
        | {
            "region_accuracy": report["region"].get("accuracy_raw", own),
            "joint_10m_15deg": report.get("joint_10m_15deg_raw"),
        },
        _row(REFINED, "refined", report["position"]["refined"], report["heading"]["refined"])
        | {"region_accuracy": own, "joint_10m_15deg": report["joint_10m_15deg"]},
    ]
    for name, found in report["baselines"].items():
        row = _row(_BASELINES.get(name, name), "baseline", found["position"], found["heading"])
        row["given_truth"] = bool(found["given_truth"])
        row["told"] = "a part of the truth" if found["given_truth"] else "nothing"
        row["region_accuracy"] = found["region"]["accuracy"] if found["region"] else None
        row["joint_10m_15deg"] = found["joint_10m_15deg"]
        rows.append(row)
    table = pd.DataFrame(rows)
    numbers = table[list(COLUMNS)].astype("float64")
    return pd.concat([table[["name", "kind", "given_truth", "told"]], numbers], axis=1)


def regions(report: Report) -> pd.DataFrame:
    """Return one row per region that occurs: photos, precision, recall, F1 and errors."""
    rows = [
        {"region": found["name"] if found["name"] == region else f"{region}: {found['name']}"}
        | {
            "n": found["n"],
            "precision": found["precision"],
            "recall": found["accuracy"],
            "f1": found["f1"],
        }
        | {name: found[name] for name in ("median_m", "median_refined_m")}
        | {name: found[name] for name in ("maae_deg", "maae_refined_deg")}
        for region, found in report["per_region"].items()
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
        for region in report["region"]["labels"]
    }


def headline(report: Report) -> dict[str, tuple[str, str]]:
    """Return the first figures: name -> value of the refined model; its interval and the raw one.

    Each is the figure, and in words what stands under it.
    """
    position, heading = report["position"], report["heading"]
    raw_m, refined_m = position["raw"]["median_m"], position["refined"]["median_m"]
    raw_deg, refined_deg = heading["raw"]["maae_deg"], heading["refined"]["maae_deg"]
    found = {
        "Region right": ("region_accuracy", report["region"]["accuracy"], "refined"),
        "Median error, refined": ("median_m", refined_m, f"{raw_m:.1f} m raw"),
        "Mean heading error, refined": ("maae_deg", refined_deg, f"{raw_deg:.1f}° raw"),
        "Within 10 m and 15°": ("joint_10m_15deg", report["joint_10m_15deg"], "refined"),
    }
    return {
        title: (told.shown(name, value), _beside(told.interval(report, "refined", name), rest))
        for title, (name, value, rest) in found.items()
    }


def leak(report: Report) -> tuple[str, str] | None:
    """Return the share of judged photos within 5 m of a training photo, and the other shares."""
    shares = report["leak"]
    if not shares:
        return None
    return (
        f"{shares['within_5m']:.0%}",
        f"{shares['within_1m']:.0%} in 1 m, {shares['within_10m']:.0%} in 10 m",
    )


def leak_share(report: Report) -> float | None:
    """Share of judged photos within 5 m of a training photo; None where it is unknown."""
    found = (report["leak"] or {}).get("within_5m")
    return None if found is None else float(found)


def median_away_m(report: Report) -> float | None:
    """Median refined error of the photos beyond 5 m of any training photo, where it is known."""
    away = ((report["leak"] or {}).get("away") or {}).get("beyond_5m") or {}
    return None if not away.get("refined") else float(away["refined"]["median_m"])


def other_photos(report: Report) -> pd.DataFrame:
    """The refined model's figures on all photos, on those away from training, and without doubts.

    Returns:
        One row per choice of photos, with the columns `photos`, `n`, `median_raw_m` and `COLUMNS`
        but for `within_15`; figures of too few photos are NaN. Empty for a report of old.
    """
    away = (report["leak"] or {}).get("away") or {}
    choices = {
        f"farther than {name.removeprefix('beyond_').replace('m', ' m')} from training": each
        for name, each in away.items()
    }
    if report.get("flagged"):
        choices = {"all": report["flagged"]["all"]} | choices
        choices["without doubted labels"] = report["flagged"]["without"]
    rows = [
        {"photos": name, "n": each["n"]}
        | {"median_raw_m": (each["raw"] or {}).get("median_m")}
        | {figure: (each["refined"] or {}).get(figure) for figure in COLUMNS if figure in FIGURES}
        for name, each in choices.items()
    ]
    table = pd.DataFrame(rows)
    return table.astype({name: "float64" for name in table.columns if name not in ("photos", "n")})


def median_intervals(report: Report) -> list[str]:
    """Intervals of the median error in the order of `predictors`; empty where there are none."""
    baselines = [
        told.interval({"intervals": {"refined": found.get("intervals")}}, "refined", "median_m")
        for found in report["baselines"].values()
    ]
    return [told.interval(report, kind, "median_m") for kind in ("raw", "refined")] + baselines


def judged_on(report: Report) -> str:
    """Say on which photos the report was made: only figures on the same photos compare."""
    split, dataset = report["split"], report["dataset"]
    part = f"{split['part']} part of the {split['name']} split"
    if split["part"] == "all":
        part = "whole of it"
    fold = f", fold {split['fold']} of {split['folds']}" if split["fold"] is not None else ""
    return (
        f"{report['n']} photos of {dataset['campus']}: the {part}{fold} "
        f"(hash `{split['hash'][:8]}`)."
    )


def _beside(interval: str, rest: str) -> str:
    return f"{interval} · {rest}" if interval else rest


def _row(
    name: str, kind: str, position: Mapping[str, Any], heading: Mapping[str, Any]
) -> dict[str, Any]:
    figures = {key: position[key] for key in ("median_m", "p90_m", "within_10m", "within_25m")}
    figures |= {key: heading[key] for key in ("maae_deg", "within_15")}
    return {"name": name, "kind": kind, "given_truth": False, "told": "nothing"} | figures
