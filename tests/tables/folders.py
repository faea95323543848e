"""Dataset folders in the dialects that people have, made from one plain table."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

COLUMNS = ["filename", "timestamp", "latitude", "longitude", "angle", "Region_ID"]


def campus_rows(
    count: int = 40, latitude: float = 12.0, longitude: float = 77.0, seed: int = 1
) -> pd.DataFrame:
    """Rows of a campus of some 400 m about a position, with headings all round."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "filename": [f"img_{row:06d}.jpg" for row in range(count)],
            "timestamp": [f"{8 + row // 60:02d}:{row % 60:02d}" for row in range(count)],
            "latitude": [f"{value:.7f}" for value in latitude + rng.uniform(-2e-3, 2e-3, count)],
            "longitude": [f"{value:.7f}" for value in longitude + rng.uniform(-2e-3, 2e-3, count)],
            "angle": [str(value) for value in rng.integers(0, 360, count)],
            "Region_ID": [str(1 + row % 3) for row in range(count)],
        },
        dtype=str,
    )


def numbers(rows: pd.DataFrame, column: str) -> np.ndarray:
    """A column as numbers."""
    return rows[column].to_numpy(np.float64)


def photos(root: Path, names: Sequence[str]) -> Path:
    """Write a small photo for each name."""
    blank = io.BytesIO()
    Image.new("RGB", (32, 32), (90, 120, 60)).save(blank, "JPEG")
    (root / "images").mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / "images" / name).write_bytes(blank.getvalue())
    return root


def folder(
    root: Path,
    rows: pd.DataFrame,
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    before: str = "",
    campus: str = "",
    name: str = "labels.csv",
) -> Path:
    """Write a dataset folder with a table of separated values."""
    photos(root, rows[rows.columns[0]].tolist())
    text = before + rows.to_csv(index=False, sep=separator, lineterminator="\n")
    (root / name).write_bytes(text.encode(encoding))
    if campus:
        (root / "campus.toml").write_text(campus, encoding="utf-8")
    return root


def geojson(rows: pd.DataFrame) -> str:
    """The rows as GeoJSON: longitude first."""
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Point",
                "coordinates": [float(row["longitude"]), float(row["latitude"])],
            },
            "properties": {key: row[key] for key in ("filename", "angle", "Region_ID")},
        }
        for row in rows.to_dict("records")
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def sexagesimal(value: float, plus: str, minus: str) -> str:
    """Degrees, minutes and seconds to a ten-thousandth of a second."""
    seconds = round(abs(value) * 3600.0, 4)
    degrees, rest = divmod(seconds, 3600.0)
    minutes, rest = divmod(rest, 60.0)
    return f"{int(degrees)}°{int(minutes)}'{rest:.4f}\"{plus if value >= 0 else minus}"
