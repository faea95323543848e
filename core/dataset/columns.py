"""Label files as text tables with the column names of Bearings, whatever the file calls them."""

from pathlib import Path

import pandas as pd

from core.errors import LabelError

NEEDED = ("filename", "latitude", "longitude", "heading_deg", "region")
OPTIONAL = ("timestamp", "hfov_deg", "walk", "visit")

ALIASES = {
    "filename": ("filename", "file", "image", "imagename", "photo", "imagefile", "photoname"),
    "timestamp": ("timestamp", "time", "datetime"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lng", "lon", "long"),
    "heading_deg": ("angle", "heading", "headingdeg", "bearing", "azimuth", "yaw"),
    "region": ("regionid", "region", "zone", "zoneid"),
    "hfov_deg": ("hfovdeg", "hfov", "fov"),
    "walk": ("walk", "walkid"),
    "visit": ("visit", "visitid"),
}
_MEANING = {alias: name for name, aliases in ALIASES.items() for alias in aliases}


def read_columns(path: Path) -> pd.DataFrame:
    """Read a label file as text, every value stripped, under the columns `NEEDED` + `OPTIONAL`.

    Optional columns that the file lacks are empty strings; other columns are left out.

    Raises:
        LabelError: The file is no table, has no rows, lacks a needed column or has one twice.
    """
    table = _read_text(path)
    names: dict[str, str] = {}
    for column in table.columns:
        meaning = _MEANING.get("".join(c for c in str(column).lower() if c.isalnum()))
        if meaning in names.values():
            twice = [c for c, m in names.items() if m == meaning] + [str(column)]
            raise LabelError(f"{path}: columns {twice} all mean {meaning}: keep one of them")
        if meaning:
            names[str(column)] = meaning
    missing = [name for name in NEEDED if name not in names.values()]
    if missing:
        wanted = "; ".join(f"{name} (or {', '.join(ALIASES[name])})" for name in missing)
        raise LabelError(
            f"{path} lacks needed columns: {wanted}. Found: {', '.join(map(str, table.columns))}"
        )
    if table.empty:
        raise LabelError(f"{path} has a header but no rows")
    renamed = table.rename(columns=names)
    return pd.DataFrame(
        {
            name: renamed[name].str.strip() if name in renamed else ""
            for name in (*NEEDED, *OPTIONAL)
        }
    )


def _read_text(path: Path) -> pd.DataFrame:
    try:
        # utf-8-sig also reads plain UTF-8; spreadsheets put a byte order mark first.
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise LabelError(f"there is no label file {path}") from error
    except pd.errors.EmptyDataError as error:
        raise LabelError(f"{path} is empty: it needs a header and one row per photo") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise LabelError(f"{path} is not a CSV file in UTF-8: {error}") from error
