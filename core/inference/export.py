"""Predictions as plain records, one a photo; `export_files` writes them in file formats.

A record holds the values of the labels that the model predicts. If it does not predict all three,
the keys (columns) of the others are absent, and `not_predicted` names them: of positions those of
latitude, longitude, metres, `moved_m`, `moved_by`, radius and area (`region_50`, `region_90`), of
headings those of angle, `heading_confidence` and wedge, of regions `region` to
`region_probabilities`. A neighbour that has no heading or region itself has null there.
"""

from typing import Any

import numpy as np

from core.confidence.apply import Confidence
from core.confidence.schema import LEVELS
from core.geo import CoordinateFrame, Floats
from core.inference.prediction import Prediction
from core.labels import absent, written_regions
from core.retrieval.gallery import Gallery

Record = dict[str, Any]

REASON = (
    "not this campus: too unlike the photos that the model was trained on (refusal score "
    "{score:.2f}, threshold {threshold:.2f})"
)
KEPT = ("filename", "not_predicted", "calibrated", "refused", "refusal_score", "reason")
"""Keys whose values a record of a refused photo keeps."""
_METRES, _ANGLE, _SHARE, _DEGREES = 3, 3, 6, 7


def add_confidence(entries: list[Record], prediction: Prediction, gallery: Gallery | None) -> None:
    """Add to each photo's record how far it can be believed, and what moved its pin."""
    moved, placed = prediction.moved_m, "position" in prediction.labels
    for row, record in enumerate(entries):
        if placed:
            record["moved_m"] = round(float(moved[row]), _METRES)
            record["moved_by"] = [] if gallery is None else moved_by(prediction, gallery, row)
        record["calibrated"] = prediction.confidence is not None
        record["refused"] = bool(prediction.refused[row])
        if prediction.confidence is not None:
            record |= _confidence_fields(prediction, prediction.confidence, row)


def reason(confidence: Confidence, row: int) -> str | None:
    """Why a photo is refused, in plain words; None where it is not."""
    fit = confidence.calibration.refusal
    if fit is None or not confidence.refused[row]:
        return None
    return REASON.format(score=confidence.refusal_score[row], threshold=fit.threshold)


def concealed(record: Record) -> Record:
    """A refused photo's record: no position, heading or region, and no evidence."""
    return {
        key: value if key in KEPT else [] if key == "neighbours" else None
        for key, value in record.items()
    }


def _confidence_fields(prediction: Prediction, confidence: Confidence, row: int) -> Record:
    record: Record = {}
    labels = prediction.labels
    if "region" in labels:
        shares = confidence.region_probabilities[row]
        named = zip(prediction.regions, shares, strict=True)
        record = {
            "region_probability_calibrated": round(float(shares.max()), _SHARE),
            "region_probabilities_calibrated": {name: round(float(p), _SHARE) for name, p in named},
        }
    for index, level in enumerate(LEVELS):
        name = f"{level * 100:.0f}"
        if "position" in labels:
            record[f"radius_{name}_m"] = _known(confidence.radius_m[row, index], _METRES)
        if "heading" in labels:
            record[f"wedge_{name}_deg"] = _known(confidence.wedge_deg[row, index], _ANGLE)
    if "position" in labels:
        for level in LEVELS:
            record[f"region_{level * 100:.0f}"] = _multipolygon(prediction, confidence, row, level)
    record["refusal_score"] = _known(confidence.refusal_score[row], _METRES)
    record["reason"] = reason(confidence, row)
    if confidence.calibration.overlap is not None:
        record["unseen_probability"] = round(float(confidence.unseen[row]), _SHARE)
        record["note"] = confidence.unseen_note(row)
    return record


def _multipolygon(
    prediction: Prediction, confidence: Confidence, row: int, level: float
) -> dict[str, Any] | None:
    """A region as a GeoJSON geometry: longitude first, degrees where there are any, else metres.

    Across the antimeridian longitudes go on beyond 180, so that a polygon does not span the globe.
    """
    islands = confidence.region_m(row, level)
    if islands is None:
        return None
    return {
        "type": "MultiPolygon",
        "coordinates": [[_ring(prediction, ring) for ring in island] for island in islands],
    }


def _ring(prediction: Prediction, ring: Floats) -> list[list[float]]:
    frame = prediction.local_frame
    degrees = frame.frame.has_degrees
    place = frame.to_degrees(ring, unwrapped=True) if degrees else frame.to_labels(ring)
    decimals = _DEGREES if degrees else 2
    return [[round(float(e), decimals), round(float(n), decimals)] for n, e in place]


def moved_by(prediction: Prediction, gallery: Gallery, row: int) -> list[str]:
    """Names of the training photos with a share in the refined position, the greatest first."""
    weight = prediction.weight[row]
    order = np.argsort(-weight, kind="stable")
    rows = prediction.neighbours[row]
    return [gallery.filenames[rows[rank]] for rank in order if weight[rank] > 0.0]


def _known(value: float, decimals: int) -> float | None:
    return round(float(value), decimals) if np.isfinite(value) else None


ANGLE_DECIMALS = 3
METRE_DECIMALS = 3
SHARE_DECIMALS = 6
DEGREE_DECIMALS = 8


def label_decimals(frame: CoordinateFrame) -> int:
    """Decimals that keep label positions to a millimetre or so."""
    if frame.kind == "planar_metres":
        return METRE_DECIMALS
    return max(0, DEGREE_DECIMALS + int(np.ceil(np.log10(abs(frame.scale)))))


def region_value(region: str, regions: tuple[str, ...]) -> int | str:
    """A region id as label files write it: an integer where all are."""
    return written_regions([region], regions)[0]


def feature_distance(similarity: Floats) -> Floats:
    """Euclidean distance of features of length 1 from their cosine."""
    return np.asarray(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * similarity)))


def records(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> list[Record]:
    """Return one record a photo; positions in label units, and in degrees where there are any.

    Records of an ensemble also hold how far its members disagree (`member_spread_m`, `_deg`).

    Args:
        prediction: What to write.
        gallery: The predictor's gallery, for the neighbours; without it they are left out.
        keep_refused: Whether to tell what the model would have said about refused photos.
    """
    frame, labels = prediction.local_frame.frame, prediction.labels
    entries = [_answer(prediction, row) for row in range(len(prediction))]
    if prediction.member_spread_m is not None and prediction.member_spread_deg is not None:
        spreads = zip(prediction.member_spread_m, prediction.member_spread_deg, strict=True)
        for record, (metres, degrees) in zip(entries, spreads, strict=True):
            if "position" in labels:
                record["member_spread_m"] = round(float(metres), METRE_DECIMALS)
            if "heading" in labels:
                record["member_spread_deg"] = round(float(degrees), ANGLE_DECIMALS)
    if frame.has_degrees and "position" in labels:
        _add_degrees(entries, "", prediction.degrees)
        _add_degrees(entries, "_refined", prediction.degrees_refined)
    for row, record in enumerate(entries):
        if "position" in labels:
            record["north_m"], record["east_m"] = _rounded(prediction.position_m[row])
            record["north_refined_m"], record["east_refined_m"] = _rounded(
                prediction.position_refined_m[row]
            )
        record["neighbours"] = [] if gallery is None else neighbours(prediction, gallery, row)
    add_confidence(entries, prediction, gallery)
    if keep_refused:
        return entries
    return [concealed(record) if record["refused"] else record for record in entries]


def neighbours(prediction: Prediction, gallery: Gallery, row: int) -> list[Record]:
    """Return the training photos that are the evidence for one photo, most similar first."""
    rows, labels = prediction.neighbours[row], prediction.labels
    positions = prediction.local_frame.to_labels(gallery.position_m[rows])
    distance = feature_distance(prediction.similarity[row])
    decimals = label_decimals(prediction.local_frame.frame)
    entries = []
    for rank, index in enumerate(rows):
        entry: Record = {
            "filename": gallery.filenames[index],
            "distance": round(float(distance[rank]), SHARE_DECIMALS),
        }
        if "position" in labels:
            entry["latitude"] = round(float(positions[rank, 0]), decimals)
            entry["longitude"] = round(float(positions[rank, 1]), decimals)
        if "heading" in labels:
            entry["angle"] = _known(gallery.heading_deg[index], ANGLE_DECIMALS)
        if "region" in labels:
            region = gallery.region[index]
            entry["region"] = (
                region_value(prediction.regions[region], prediction.regions)
                if region >= 0
                else None
            )
        if "position" in labels:
            entry["weight"] = round(float(prediction.weight[row, rank]), SHARE_DECIMALS)
        entry["points"] = _compared(int(prediction.inliers[row, rank]))
        entry["photo_id"] = gallery.photo_ids[index]
        entries.append(entry)
    return entries


def _compared(points: int) -> int | None:
    return None if points < 0 else points


def _answer(prediction: Prediction, row: int) -> Record:
    """What is predicted, raw and refined; and which labels are not."""
    labels = prediction.labels
    record: Record = {"filename": prediction.filenames[row]}
    if absent(labels):
        record["not_predicted"] = list(absent(labels))
    if "region" in labels:
        record |= _region(prediction, row)
    places = (
        ("", prediction.positions, prediction.heading_deg),
        ("_refined", prediction.positions_refined, prediction.heading_refined_deg),
    )
    decimals = label_decimals(prediction.local_frame.frame)
    for suffix, positions, heading_deg in places:
        if "position" in labels:
            record[f"latitude{suffix}"] = round(float(positions[row, 0]), decimals)
            record[f"longitude{suffix}"] = round(float(positions[row, 1]), decimals)
        if "heading" in labels:
            # 359.9999 rounds up to 360, which is 0.
            record[f"angle{suffix}"] = round(float(heading_deg[row]), ANGLE_DECIMALS) % 360.0
    if "heading" in labels:
        record["heading_confidence"] = round(float(prediction.heading_length[row]), SHARE_DECIMALS)
    return record


def _region(prediction: Prediction, row: int) -> Record:
    region = prediction.region[row]
    probabilities = zip(prediction.regions, prediction.region_probabilities[row], strict=True)
    return {
        "region": region_value(region, prediction.regions),
        "region_name": prediction.region_names.get(region, region),
        "region_probability": round(float(prediction.region_probability[row]), SHARE_DECIMALS),
        "region_probabilities": {
            name: round(float(share), SHARE_DECIMALS) for name, share in probabilities
        },
    }


def _add_degrees(entries: list[Record], suffix: str, degrees: Floats) -> None:
    for record, (latitude, longitude) in zip(entries, degrees, strict=True):
        record[f"latitude{suffix}_deg"] = round(float(latitude), DEGREE_DECIMALS)
        record[f"longitude{suffix}_deg"] = round(float(longitude), DEGREE_DECIMALS)


def _rounded(metres: Floats) -> tuple[float, float]:
    return round(float(metres[0]), METRE_DECIMALS), round(float(metres[1]), METRE_DECIMALS)
