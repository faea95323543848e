"""`predictions.csv`: one row a photo, positions in the label file's own units."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.confidence.schema import LEVELS
from core.evaluation.coverage import held_truths
from core.evaluation.recall import COLUMN as NEIGHBOURS_M
from core.evaluation.recall import neighbour_distances, write_distances
from core.evaluation.scores import ScoredPrediction
from core.evaluation.selection import Selection
from core.files import write_text
from core.geo import Floats
from core.inference.export import ANGLE_DECIMALS, METRE_DECIMALS, SHARE_DECIMALS, label_decimals
from core.retrieval.gallery import Gallery
from core.splits.leak import nearest_training_m
from core.tables.stored import inert_csv

COLUMNS = (
    "filename",
    "true_region",
    "region",
    "region_probability",
    "true_latitude",
    "true_longitude",
    "latitude",
    "longitude",
    "latitude_refined",
    "longitude_refined",
    "error_m",
    "error_refined_m",
    "true_angle",
    "angle",
    "angle_refined",
    "heading_error_deg",
    "heading_error_refined_deg",
)
"""What every reader of predictions.csv may rely on, first and in this order.

Cells of a label that a photo lacks, or that the model does not predict, are empty.
"""


def prediction_table(
    scored: ScoredPrediction, selection: Selection, gallery: Gallery | None
) -> pd.DataFrame:
    """Return one row a photo: `COLUMNS`, then where it stands in metres and its evidence.

    For an ensemble also how far its members disagree.
    """
    truth, predicted = scored.truth, scored.prediction
    decimals = label_decimals(truth.frame)
    columns = {
        "filename": truth.filenames,
        "true_region": [truth.regions[index] if index >= 0 else "" for index in truth.region],
        "region": predicted.region,
        "region_probability": predicted.region_probability.round(SHARE_DECIMALS),
        "true_latitude": truth.labels[:, 0],
        "true_longitude": truth.labels[:, 1],
        "latitude": scored.labels[:, 0].round(decimals),
        "longitude": scored.labels[:, 1].round(decimals),
        "latitude_refined": scored.labels_refined[:, 0].round(decimals),
        "longitude_refined": scored.labels_refined[:, 1].round(decimals),
        "error_m": scored.error_m.round(METRE_DECIMALS),
        "error_refined_m": scored.error_refined_m.round(METRE_DECIMALS),
        "true_angle": truth.heading_deg,
        "angle": predicted.heading_deg.round(ANGLE_DECIMALS) % 360.0,
        "angle_refined": predicted.heading_refined_deg.round(ANGLE_DECIMALS) % 360.0,
        "heading_error_deg": scored.error_deg.round(ANGLE_DECIMALS),
        "heading_error_refined_deg": scored.error_refined_deg.round(ANGLE_DECIMALS),
    }
    table = pd.DataFrame(columns)[list(COLUMNS)]
    return pd.concat([table, _more(scored, selection, gallery)], axis=1)


def write_table(table: pd.DataFrame, path: Path, *, raw: bool = False) -> None:
    """Write the table as CSV, at once; `core.tables.stored.read_frame` reads it back.

    Args:
        table: One row a photo.
        path: The file.
        raw: Keep text that a spreadsheet takes for a formula as it is.
    """
    write_text(path, inert_csv(table, raw=raw))


def _of_true_region(scored: ScoredPrediction) -> Floats:
    """Probability `(n,)` of the labelled region; 0 for one that the model does not know.

    NaN without a labelled or a predicted region.
    """
    probabilities, region = scored.prediction.region_probabilities, scored.truth.region
    if not probabilities.shape[1]:
        return np.full(len(region), np.nan)
    unknown = region >= probabilities.shape[1]
    found = probabilities[np.arange(len(region)), np.where(unknown, 0, region)]
    return np.where(region < 0, np.nan, np.where(unknown, 0.0, found))


def _more(scored: ScoredPrediction, selection: Selection, gallery: Gallery | None) -> pd.DataFrame:
    truth, predicted = scored.truth, scored.prediction
    columns: dict[str, object] = {
        "photo_id": truth.photo_ids,
        "true_region_probability": _of_true_region(scored).round(SHARE_DECIMALS),
    }
    places = {
        "true_{}_m": truth.position_m,
        "{}_m": predicted.position_m,
        "{}_refined_m": predicted.position_refined_m,
    }
    for pattern, position in places.items():
        columns[pattern.format("north")] = position[:, 0].round(METRE_DECIMALS)
        columns[pattern.format("east")] = position[:, 1].round(METRE_DECIMALS)
    # Refinement lets neighbours vote on the region; the head's own answer is the raw one.
    columns["region_head"] = ""
    if predicted.regions:
        heads = predicted.region_head.argmax(axis=1)
        columns["region_head"] = [predicted.regions[index] for index in heads]
    columns["heading_confidence"] = predicted.heading_length.round(SHARE_DECIMALS)
    if predicted.member_spread_m is not None and predicted.member_spread_deg is not None:
        columns["member_spread_m"] = predicted.member_spread_m.round(METRE_DECIMALS)
        columns["member_spread_deg"] = predicted.member_spread_deg.round(ANGLE_DECIMALS)
    columns |= _trust(scored)
    columns["seen_in_training"] = selection.seen
    if selection.visits is not None:
        columns["visit"] = selection.visits
    if gallery is not None:
        if "position" in predicted.labels:
            nearest_m = nearest_training_m(truth.position_m, gallery.position_m)
            columns["nearest_training_m"] = nearest_m.round(METRE_DECIMALS)
        columns["neighbours"] = [
            ";".join(gallery.photo_ids[index] for index in rows) for rows in predicted.neighbours
        ]
        if predicted.neighbours.size:
            columns["similarity"] = predicted.similarity[:, 0].round(SHARE_DECIMALS)
        if "position" in predicted.labels:
            away_m = neighbour_distances(truth.position_m, gallery.position_m, predicted.neighbours)
            columns[NEIGHBOURS_M] = write_distances(away_m)
    return pd.DataFrame(columns)


def _trust(scored: ScoredPrediction) -> dict[str, object]:
    """Radius, wedge and refusal of every photo, where the model is calibrated."""
    trust = scored.prediction.confidence
    if trust is None:
        return {}
    shares = trust.region_probabilities
    best = shares.max(axis=1) if shares.shape[1] else np.full(len(shares), np.nan)
    columns: dict[str, object] = {"region_probability_calibrated": best.round(SHARE_DECIMALS)}
    held = held_truths(scored, trust)
    for index, level in enumerate(LEVELS):
        name = f"{level * 100:.0f}"
        columns[f"radius_{name}_m"] = trust.radius_m[:, index].round(METRE_DECIMALS)
        columns[f"wedge_{name}_deg"] = trust.wedge_deg[:, index].round(ANGLE_DECIMALS)
        columns[f"in_region_{name}"] = held["region"][:, index]
    columns["refusal_score"] = trust.refusal_score.round(METRE_DECIMALS)
    columns["refused"] = trust.refused
    return columns
