"""What records say about trust: radius, wedge, region, refusal; and nothing of a refused photo."""

from typing import Any

import numpy as np

from core.geo import Floats
from core.inference.prediction import Prediction
from core.refine.gallery import Gallery
from core.trust.applied import Trust
from core.trust.schema import LEVELS

Record = dict[str, Any]

REASON = (
    "not this campus: too unlike the photos that the model was trained on (refusal score "
    "{score:.2f}, threshold {threshold:.2f})"
)
KEPT = ("filename", "calibrated", "refused", "refusal_score", "reason")
"""All that a record of a refused photo says."""
_METRES, _ANGLE, _SHARE, _DEGREES = 3, 3, 6, 7


def add_trust(found: list[Record], prediction: Prediction, gallery: Gallery | None) -> None:
    """Add to each photo's record how far it can be believed, and what moved its pin."""
    moved = prediction.moved_m
    for row, record in enumerate(found):
        record["moved_m"] = round(float(moved[row]), _METRES)
        record["moved_by"] = [] if gallery is None else moved_by(prediction, gallery, row)
        record["calibrated"] = prediction.trust is not None
        record["refused"] = bool(prediction.refused[row])
        if prediction.trust is not None:
            record |= _trusted(prediction, prediction.trust, row)


def reason(trust: Trust, row: int) -> str | None:
    """Why a photo is refused, in plain words; None where it is not."""
    fit = trust.calibration.refusal
    if fit is None or not trust.refused[row]:
        return None
    return REASON.format(score=trust.refusal_score[row], threshold=fit.threshold)


def concealed(record: Record) -> Record:
    """A refused photo's record: no position, heading or region, and nobody who speaks for one."""
    return {
        key: value if key in KEPT else [] if key == "neighbours" else None
        for key, value in record.items()
    }


def _trusted(prediction: Prediction, trust: Trust, row: int) -> Record:
    shares = trust.region_probabilities[row]
    named = zip(prediction.regions, shares, strict=True)
    record: Record = {
        "region_probability_calibrated": round(float(shares.max()), _SHARE),
        "region_probabilities_calibrated": {name: round(float(p), _SHARE) for name, p in named},
    }
    for index, level in enumerate(LEVELS):
        record[f"radius_{level * 100:.0f}_m"] = _known(trust.radius_m[row, index], _METRES)
        record[f"wedge_{level * 100:.0f}_deg"] = _known(trust.wedge_deg[row, index], _ANGLE)
    for level in LEVELS:
        record[f"region_{level * 100:.0f}"] = _multipolygon(prediction, trust, row, level)
    record["refusal_score"] = _known(trust.refusal_score[row], _METRES)
    record["reason"] = reason(trust, row)
    return record


def _multipolygon(
    prediction: Prediction, trust: Trust, row: int, level: float
) -> dict[str, Any] | None:
    """A region as a GeoJSON geometry: longitude first, degrees where there are any, else metres."""
    islands = trust.region_m(row, level)
    if islands is None:
        return None
    return {
        "type": "MultiPolygon",
        "coordinates": [[_ring(prediction, ring) for ring in island] for island in islands],
    }


def _ring(prediction: Prediction, ring: Floats) -> list[list[float]]:
    frame = prediction.local_frame
    place = frame.to_degrees(ring) if frame.frame.has_degrees else frame.to_labels(ring)
    decimals = _DEGREES if frame.frame.has_degrees else 2
    return [[round(float(e), decimals), round(float(n), decimals)] for n, e in place]


def moved_by(prediction: Prediction, gallery: Gallery, row: int) -> list[str]:
    """Names of the training photos with a share in the refined position, the greatest first."""
    weight = prediction.weight[row]
    order = np.argsort(-weight, kind="stable")
    rows = prediction.neighbours[row]
    return [gallery.filenames[rows[rank]] for rank in order if weight[rank] > 0.0]


def _known(value: float, decimals: int) -> float | None:
    return round(float(value), decimals) if np.isfinite(value) else None
