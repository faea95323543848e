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


def to_json(prediction: Prediction, gallery: Gallery | None = None) -> str:
    """Return a JSON list, one object a photo; latitude and longitude in label units."""
    return _dumped(records(prediction, gallery))


def to_csv(prediction: Prediction, gallery: Gallery | None = None) -> str:
    """Return a table, one row a photo; region probabilities in columns, neighbours by name."""
    rows = [_flat(record, prediction.regions) for record in records(prediction, gallery)]
    text = io.StringIO()
    header = list(rows[0]) if rows else ["filename"]
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_geojson(prediction: Prediction, gallery: Gallery | None = None) -> str:
    """Return a FeatureCollection (RFC 7946): refined positions, `[longitude, latitude]` degrees.

    Raises:
        FrameError: Positions are planar metres, which GeoJSON cannot hold.
    """
    degrees = prediction.degrees_refined
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Point",
                "coordinates": [round(float(longitude), 8), round(float(latitude), 8)],
            },
            "properties": record,
        }
        for (latitude, longitude), record in zip(degrees, records(prediction, gallery), strict=True)
    ]
    return _dumped({"type": "FeatureCollection", "features": features})


def written(prediction: Prediction, gallery: Gallery | None, form: str) -> str:
    """Return the text of a named format; ConfigError for any other name."""
    writers: dict[str, Callable[[Prediction, Gallery | None], str]] = {
        "json": to_json,
        "csv": to_csv,
        "geojson": to_geojson,
    }
    if form not in writers:
        raise ConfigError(f"format {form!r} is unknown: choose {', '.join(get_args(Format))}")
    return writers[form](prediction, gallery)


def _flat(record: Record, regions: tuple[str, ...]) -> Record:
    shares = record["region_probabilities"]
    flat = {
        key: value
        for key, value in record.items()
        if key not in ("region_probabilities", "neighbours")
    }
    flat |= {f"probability_{region}": shares[region] for region in regions}
    flat["neighbours"] = ";".join(neighbour["filename"] for neighbour in record["neighbours"])
    return flat


def _dumped(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
