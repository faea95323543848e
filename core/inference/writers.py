"""Predictions as JSON, CSV and GeoJSON text."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any, Literal, get_args

from core.errors import ConfigError
from core.inference.prediction import Prediction
from core.inference.records import Record, records
from core.refine.gallery import Gallery

Format = Literal["json", "csv", "geojson"]
_NESTED = (
    "region_probabilities", "region_probabilities_calibrated", "neighbours", "moved_by",
    "region_50", "region_90",
)  # fmt: skip


def to_json(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return a JSON list, one object a photo; latitude and longitude in label units."""
    return _dumped(records(prediction, gallery, keep_refused=keep_refused))


def to_csv(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return a table, one row a photo; region probabilities in columns, neighbours by name."""
    rows = [
        _flat(record, prediction.regions)
        for record in records(prediction, gallery, keep_refused=keep_refused)
    ]
    text = io.StringIO()
    header = list(rows[0]) if rows else ["filename"]
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_geojson(
    prediction: Prediction, gallery: Gallery | None = None, *, keep_refused: bool = False
) -> str:
    """Return a FeatureCollection (RFC 7946): refined positions, `[longitude, latitude]` degrees.

    Raises:
        FrameError: Positions are planar metres, which GeoJSON cannot hold.
    """
    found = records(prediction, gallery, keep_refused=keep_refused)
    features = [
        {
            "type": "Feature",
            "geometry": _point(*place) if keep_refused or not record["refused"] else None,
            "properties": record,
        }
        for place, record in zip(prediction.degrees_refined, found, strict=True)
    ]
    return _dumped({"type": "FeatureCollection", "features": features})


def written(
    prediction: Prediction, gallery: Gallery | None, form: str, *, keep_refused: bool = False
) -> str:
    """Return the text of a named format; ConfigError for any other name."""
    writers: dict[str, Callable[..., str]] = {
        "json": to_json,
        "csv": to_csv,
        "geojson": to_geojson,
    }
    if form not in writers:
        raise ConfigError(f"format {form!r} is unknown: choose {', '.join(get_args(Format))}")
    return writers[form](prediction, gallery, keep_refused=keep_refused)


def _point(latitude: float, longitude: float) -> dict[str, Any]:
    return {
        "type": "Point", "coordinates": [round(float(longitude), 8), round(float(latitude), 8)],
    }  # fmt: skip


def _flat(record: Record, regions: tuple[str, ...]) -> Record:
    flat = {key: value for key, value in record.items() if key not in _NESTED}
    for prefix in ("", "_calibrated"):
        key = f"region_probabilities{prefix}"
        if key in record:
            shares = record[key] or {}
            flat |= {f"probability{prefix}_{name}": shares.get(name) for name in regions}
    flat["moved_by"] = ";".join(record["moved_by"] or [])
    flat["neighbours"] = ";".join(neighbour["filename"] for neighbour in record["neighbours"])
    return flat


def _dumped(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
