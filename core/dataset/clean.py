"""From label text to numbers: a repair is counted in a note, a row left out has a reason."""

import numpy as np
import pandas as pd

from core.geo import Floats, wrap_heading_deg

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
