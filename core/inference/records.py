"""Predictions as plain records: the content of every file format, one dictionary a photo."""

from typing import Any

import numpy as np

from core.dataset.label_table import written_regions
from core.geo import CoordinateFrame, Floats
from core.inference.prediction import Prediction
from core.inference.trusted_records import add_trust, concealed
from core.refine.gallery import Gallery

Record = dict[str, Any]

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

    Records of an ensemble also say how far its members disagree (`member_spread_m`, `_deg`).

    Args:
        prediction: What to write.
        gallery: The predictor's gallery, for the neighbours; without it they are left out.
        keep_refused: Whether to tell what the model would have said about refused photos.
    """
    frame = prediction.local_frame.frame
    raw, refined = prediction.labels, prediction.labels_refined
    decimals = label_decimals(frame)
    found = [
        _region(prediction, row)
        | _place("", raw[row], prediction.heading_deg[row], decimals)
        | _place("_refined", refined[row], prediction.heading_refined_deg[row], decimals)
        | {"heading_confidence": round(float(prediction.heading_length[row]), SHARE_DECIMALS)}
        for row in range(len(prediction))
    ]
    if prediction.member_spread_m is not None and prediction.member_spread_deg is not None:
        spreads = zip(prediction.member_spread_m, prediction.member_spread_deg, strict=True)
        for record, (metres, degrees) in zip(found, spreads, strict=True):
            record["member_spread_m"] = round(float(metres), METRE_DECIMALS)
            record["member_spread_deg"] = round(float(degrees), ANGLE_DECIMALS)
    if frame.has_degrees:
        _add_degrees(found, "", prediction.degrees)
        _add_degrees(found, "_refined", prediction.degrees_refined)
    for row, record in enumerate(found):
        record["north_m"], record["east_m"] = _rounded(prediction.position_m[row])
        record["north_refined_m"], record["east_refined_m"] = _rounded(
            prediction.position_refined_m[row]
        )
        record["neighbours"] = [] if gallery is None else neighbours(prediction, gallery, row)
    add_trust(found, prediction, gallery)
    if keep_refused:
        return found
    return [concealed(record) if record["refused"] else record for record in found]


def neighbours(prediction: Prediction, gallery: Gallery, row: int) -> list[Record]:
    """Return the training photos that speak for one photo, the most alike first."""
    rows = prediction.neighbours[row]
    labels = prediction.local_frame.to_labels(gallery.position_m[rows])
    distance = feature_distance(prediction.similarity[row])
    decimals = label_decimals(prediction.local_frame.frame)
    return [
        {
            "filename": gallery.filenames[index],
            "distance": round(float(distance[rank]), SHARE_DECIMALS),
            "latitude": round(float(labels[rank, 0]), decimals),
            "longitude": round(float(labels[rank, 1]), decimals),
            "angle": round(float(gallery.heading_deg[index]), ANGLE_DECIMALS),
            "region": region_value(prediction.regions[gallery.region[index]], prediction.regions),
            "weight": round(float(prediction.weight[row, rank]), SHARE_DECIMALS),
            "points": _compared(int(prediction.points[row, rank])),
            "photo_id": gallery.photo_ids[index],
        }
        for rank, index in enumerate(rows)
    ]


def _compared(points: int) -> int | None:
    return None if points < 0 else points


def _region(prediction: Prediction, row: int) -> Record:
    region = prediction.region[row]
    probabilities = zip(prediction.regions, prediction.region_probabilities[row], strict=True)
    return {
        "filename": prediction.filenames[row],
        "region": region_value(region, prediction.regions),
        "region_name": prediction.region_names.get(region, region),
        "region_probability": round(float(prediction.region_probability[row]), SHARE_DECIMALS),
        "region_probabilities": {
            name: round(float(share), SHARE_DECIMALS) for name, share in probabilities
        },
    }


def _place(suffix: str, labels: Floats, heading: float, decimals: int) -> Record:
    return {
        f"latitude{suffix}": round(float(labels[0]), decimals),
        f"longitude{suffix}": round(float(labels[1]), decimals),
        # 359.9999 rounds up to 360, which is 0.
        f"angle{suffix}": round(float(heading), ANGLE_DECIMALS) % 360.0,
    }


def _add_degrees(found: list[Record], suffix: str, degrees: Floats) -> None:
    for record, (latitude, longitude) in zip(found, degrees, strict=True):
        record[f"latitude{suffix}_deg"] = round(float(latitude), DEGREE_DECIMALS)
        record[f"longitude{suffix}_deg"] = round(float(longitude), DEGREE_DECIMALS)


def _rounded(metres: Floats) -> tuple[float, float]:
    return round(float(metres[0]), METRE_DECIMALS), round(float(metres[1]), METRE_DECIMALS)
