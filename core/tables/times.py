"""Times as people and cameras write them: minutes since midnight, one form for machines'."""

import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from core.geo import Floats

_CLOCK = (
    r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?(?![\d:])"
    r"\s*(?P<half>[AaPp]\.?[Mm]\b)?"
)
# 20240305_060020, 20240305T060020Z, 2024_03_05_06_00_20_000, PXL_20240305_060020123.jpg
_COMPACT = re.compile(
    r"(?:^|[^\d])(?P<y>(?:19|20)\d{2})[-_.]?(?P<m>[01]\d)[-_.]?(?P<d>[0-3]\d)[-_ T.]?"
    r"(?P<H>[0-2]\d)[-_.]?(?P<M>[0-5]\d)[-_.]?(?P<S>[0-5]\d)(?:[-_.Z+]?\d*)?(?!\d)"
)
# 05.03.2024 06.00.20, 15h03, 15.03 Uhr
_DOTTED = re.compile(
    r"(?P<date>\d{1,4}[-./]\d{1,2}[-./]\d{1,4})[ T,]+"
    r"(?P<H>\d{1,2})\.(?P<M>\d{2})(?:\.(?P<S>\d{2}))?"
)
_SPOKEN = re.compile(r"(?<!\d)(?P<H>\d{1,2})(?:h(?P<M>\d{2})?|\.(?P<N>\d{2}) ?Uhr)(?!\d)", re.I)
_ISO = re.compile(r"(?<!\d)(\d{4})[-/.:](\d{1,2})[-/.:](\d{1,2})(?!\d)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
# Seconds, milliseconds, microseconds and nanoseconds since 1970, by the number of digits.
_EPOCH = {9: 1.0, 10: 1.0, 12: 1e3, 13: 1e3, 16: 1e6, 19: 1e9}
_EXCEL_DAY_0 = datetime(1899, 12, 30, tzinfo=UTC)


def minute_of_day(timestamps: pd.Series) -> Floats:
    """Parse free-form times `(n,)` into minutes since midnight; NaN if there is no time.

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


def iso_day(text: str) -> int | None:
    """Number of the day of a time whose date begins with the year, as `date.toordinal` counts."""
    found = _ISO.search(text)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).toordinal()
    except ValueError:
        return None


def plain_times(timestamps: pd.Series) -> tuple[pd.Series, list[str]]:
    """Write machine times `(n,)` as `2024-03-05 06:00:20`; texts with a clock stay as they are.

    Reads seconds, milliseconds and microseconds since 1970 (in UTC), Excel serials, compact and
    dotted times.

    Returns:
        The texts, and a note for each form that was rewritten.
    """
    written = timestamps.copy()
    counts: dict[str, int] = {}
    unread = np.isnan(minute_of_day(timestamps)) & (timestamps != "").to_numpy()
    for row in np.flatnonzero(unread):
        text = str(timestamps.iat[row])
        form, plain = _plain(text)
        if plain:
            written.iat[row] = plain
            counts[form] = counts.get(form, 0) + 1
    return written, [f"{count:,} times are {form}" for form, count in counts.items()]


def _plain(text: str) -> tuple[str, str]:
    """The form of a time and the time; empty if it is none."""
    if _NUMBER.fullmatch(text):
        return _from_number(text)
    if found := _COMPACT.search(text):
        return "compact dates and clocks", _checked(
            f"{found['y']}-{found['m']}-{found['d']}", found["H"], found["M"], found["S"]
        )
    if found := _DOTTED.search(text):
        return "clocks with points", _checked(
            found["date"], found["H"], found["M"], found["S"] or "00"
        )
    if found := _SPOKEN.search(text):
        clock = _checked("", found["H"], found["M"] or found["N"] or "00", "00")
        return "clocks such as 15h03", text[: found.start()] + clock + text[found.end() :]
    return "", ""


def _checked(date: str, hour: str, minute: str, second: str) -> str:
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        return ""
    return f"{date} {int(hour):02d}:{minute}:{second}".strip()


def _from_number(text: str) -> tuple[str, str]:
    whole, _, fraction = text.replace(",", ".").partition(".")
    if len(whole) == 14 and not fraction and (found := _COMPACT.fullmatch(whole)):
        return "compact dates and clocks", _checked(
            f"{found['y']}-{found['m']}-{found['d']}", found["H"], found["M"], found["S"]
        )
    number = float(text.replace(",", "."))
    if scale := _EPOCH.get(len(whole)):
        moment = datetime.fromtimestamp(number / scale, tz=UTC)
        form = {1.0: "seconds", 1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}[scale]
        return f"{form} since 1970, read in UTC", f"{moment:%Y-%m-%d %H:%M:%S}"
    if len(whole) == 5 and fraction and 20_000 <= number < 80_000:
        moment = _EXCEL_DAY_0 + timedelta(seconds=round(number * 86_400))
        return "days of a spreadsheet", f"{moment:%Y-%m-%d %H:%M:%S}"
    return "", ""


def joined_dates(timestamps: pd.Series, dates: pd.Series) -> pd.Series:
    """Put dates `(n,)` from a column of their own before clocks `(n,)` that hold none."""
    if not (dates != "").any():
        return timestamps
    dated = timestamps.str.contains(r"\d{1,4}[-./:]\d{1,2}[-./:]\d{1,4}[ T]|\d{8}", regex=True)
    clock_only = ~dated.to_numpy(bool) & ~np.isnan(minute_of_day(timestamps))
    day = dates.str.strip().str.replace(r"[ T]00:00(:00)?$", "", regex=True)
    joined = timestamps.copy()
    fits = clock_only & (day != "").to_numpy()
    joined[fits] = day[fits] + " " + timestamps[fits].str.strip()
    return joined.where(timestamps != "", day)
