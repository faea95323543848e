"""Label files as text tables with the column names of Bearings, whatever the file calls them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import LabelError
from core.geo import Floats, wrap_heading_deg

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


# From label text to numbers: a repair is counted in a note, a row left out has a reason.


_CLOCK = (
    r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?(?![\d:])"
    r"\s*(?P<half>[AaPp]\.?[Mm]\b)?"
)


def numbers(text: pd.Series) -> Floats:
    """Parse text `(n,)` as finite numbers; NaN where it is none."""
    values = np.asarray(pd.to_numeric(text, errors="coerce"), np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def minute_of_day(timestamps: pd.Series) -> Floats:
    """Parse free-form times `(n,)` into minutes since midnight; NaN where there is no time.

    Reads `15:03`, `6:37`, ` 17:20:01`, `3:05 PM` and the clock part of full dates, in the local
    time as written.
    """
    parts = timestamps.str.extract(_CLOCK)
    hour = pd.to_numeric(parts["hour"]).to_numpy(np.float64).copy()
    minute = pd.to_numeric(parts["minute"]).to_numpy(np.float64)
    second = pd.to_numeric(parts["second"]).fillna(0.0).to_numpy(np.float64)
    half = parts["half"].str.lower().str[0].fillna("").to_numpy()
    halved = half != ""
    invalid = np.isnan(hour) | (minute >= 60) | (second >= 60) | (hour >= 24)
    invalid |= halved & ((hour < 1) | (hour > 12))
    hour[halved] = hour[halved] % 12 + 12 * (half[halved] == "p")
    return np.where(invalid, np.nan, hour * 60 + minute + second / 60)


def region_ids(text: pd.Series) -> pd.Series:
    """Write region ids in one way: `7`, `07` and `7.0` are region `7`; text stays as it is."""
    whole = text.str.fullmatch(r"[+-]?\d{1,15}(\.0*)?")
    plain = text.copy()
    plain[whole] = text[whole].map(lambda value: str(int(float(value))))
    return plain


def wrapped_headings(table: pd.DataFrame, notes: list[str]) -> Floats:
    """Bring headings into `[0, 360)` and note how many were outside, with the first three."""
    heading = table["heading_deg"].to_numpy(np.float64)
    outside = (heading < 0.0) | (heading >= 360.0)
    wrapped = wrap_heading_deg(heading)
    if outside.any():
        shown = [
            f"{table['filename'].iloc[row]} {heading[row]:g} -> {wrapped[row]:g}"
            for row in np.flatnonzero(outside)[:3]
        ]
        notes.append(
            f"{int(outside.sum())} headings outside [0, 360) were taken modulo 360: "
            f"{', '.join(shown)}{_more(outside, shown)}"
        )
    return wrapped


def fields_of_view(table: pd.DataFrame, notes: list[str]) -> Floats:
    """Parse horizontal fields of view; NaN where unknown, noted where not between 10 and 170."""
    hfov = numbers(table["hfov_deg"])
    wrong = (table["hfov_deg"] != "").to_numpy() & ~((hfov > 10.0) & (hfov < 170.0))
    if wrong.any():
        shown = table["filename"].to_numpy()[wrong][:3].tolist()
        notes.append(
            f"{int(wrong.sum())} fields of view are not between 10 and 170 degrees and count as "
            f"unknown: {', '.join(shown)}{_more(wrong, shown)}"
        )
    return np.where(wrong, np.nan, hfov)


def row_faults(table: pd.DataFrame, text: pd.DataFrame) -> pd.Series:
    """Say for each row which label is no number, no place or missing; `""` where all are sound.

    Args:
        table: The parsed columns latitude, longitude, heading_deg and region.
        text: The same rows as the file wrote them.
    """
    faults = pd.Series("", index=table.index)
    for column, name in (
        ("latitude", "latitude"),
        ("longitude", "longitude"),
        ("heading_deg", "angle"),
    ):
        bad = table[column].isna() & (faults == "")
        faults[bad] = f"{name} is not a number: " + text.loc[bad, column].map(repr)
    faults[(table["region"] == "") & (faults == "")] = "region is empty"
    return faults


def _more(flags: np.ndarray, shown: list[str]) -> str:
    return ", ..." if int(flags.sum()) > len(shown) else ""


# Region ids are text inside, in one stable order, and integers again in files where all are.


_INTEGER = re.compile(r"[+-]?\d+")


def natural_order(regions: Iterable[str]) -> tuple[str, ...]:
    """Order distinct region ids: whole numbers by size, then text by its letters."""
    return tuple(sorted(set(regions), key=_key))


def written_regions(values: Sequence[str], regions: Sequence[str]) -> list[int] | list[str]:
    """Write region ids as the label file did: integers where all `regions` are, else text."""
    if all(_INTEGER.fullmatch(region) for region in regions):
        return [int(value) for value in values]
    return list(values)


def _key(region: str) -> tuple[bool, int, str]:
    number = _INTEGER.fullmatch(region)
    return (number is None, int(region) if number else 0, region)
