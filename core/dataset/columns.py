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


def read_columns(path: Path, *, strip: bool = True) -> pd.DataFrame:
    """Read a label file as text, every value stripped, under the columns `NEEDED` + `OPTIONAL`.

    With `strip=False` values keep their outer blanks, for whoever judges how the file is written.
    Optional columns that the file lacks are empty strings; other columns are left out.

    Raises:
        LabelError: The file is no table, has no rows, lacks a needed column or has one twice.
    """
    header, table = _read_text(path)
    names: dict[str, int] = {}
    for column, title in enumerate(header):
        meaning = _MEANING.get("".join(c for c in title.lower() if c.isalnum()))
        if meaning in names:
            twice = f"{header[names[meaning]]!r} and {title!r}"
            raise LabelError(f"{path}: columns {twice} both mean {meaning}: keep one of them")
        if meaning:
            names[meaning] = column
    missing = [name for name in NEEDED if name not in names]
    if missing:
        wanted = "; ".join(f"{name} (or {', '.join(ALIASES[name])})" for name in missing)
        raise LabelError(f"{path} lacks needed columns: {wanted}. Found: {', '.join(header)}")
    if table.empty:
        raise LabelError(f"{path} has a header but no rows")
    return pd.DataFrame(
        {
            name: _column(table[names[name]], strip) if name in names else ""
            for name in (*NEEDED, *OPTIONAL)
        },
        index=table.index,
    )


def _column(text: pd.Series, strip: bool) -> pd.Series:
    return text.str.strip() if strip else text


def _read_text(path: Path) -> tuple[list[str], pd.DataFrame]:
    """Read the header and the rows; a row longer than the header is an error."""
    try:
        # utf-8-sig also reads plain UTF-8; spreadsheets put a byte order mark first. The header is
        # read as a row, for pandas would rename a column that occurs twice.
        table = pd.read_csv(
            path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        ).fillna("")
    except FileNotFoundError as error:
        raise LabelError(f"there is no label file {path}") from error
    except pd.errors.EmptyDataError as error:
        raise LabelError(f"{path} is empty: it needs a header and one row per photo") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise LabelError(f"{path} is not a CSV file in UTF-8: {error}") from error
    header = [str(title).strip() for title in table.iloc[0]]
    return header, table.iloc[1:].reset_index(drop=True)
