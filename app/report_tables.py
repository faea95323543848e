"""`report.json` as the tables and figures that the Evaluate page and the list of runs show."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

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
SHARES = ("region_accuracy", "within_10m", "within_25m", "within_15", "joint_10m_15deg")
LABELS = {
    "name": "Predictor",
    "told": "Told about the photo",
    "share": "Share of the answer",
    "region_accuracy": "Region right",
    "median_m": "Median error (m)",
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
    """Return the first figures: name -> value of the refined model, and the raw one beside it."""
    position, heading = report["position"], report["heading"]
    raw_m, refined_m = position["raw"]["median_m"], position["refined"]["median_m"]
    raw_deg, refined_deg = heading["raw"]["maae_deg"], heading["refined"]["maae_deg"]
    return {
        "Region right": (f"{report['region']['accuracy']:.1%}", f"of {report['n']} photos"),
        "Median error, refined": (f"{refined_m:.1f} m", f"{raw_m:.1f} m raw"),
        "Mean heading error, refined": (f"{refined_deg:.1f}°", f"{raw_deg:.1f}° raw"),
        "Within 10 m and 15°": (f"{report['joint_10m_15deg']:.1%}", "refined"),
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


def _row(
    name: str, kind: str, position: Mapping[str, Any], heading: Mapping[str, Any]
) -> dict[str, Any]:
    figures = {key: position[key] for key in ("median_m", "p90_m", "within_10m", "within_25m")}
    figures |= {key: heading[key] for key in ("maae_deg", "within_15")}
    return {"name": name, "kind": kind, "given_truth": False, "told": "nothing"} | figures
