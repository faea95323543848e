"""Timestamps: another format than the file's, no time of day, and implausible hours."""

import re
from collections.abc import Iterator

import numpy as np

from core.audit.findings import Finding, row_finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.geo import Floats

KINDS = {
    "timestamp_format": "a timestamp written in another way than the file's others",
    "timestamp_unreadable": "a timestamp without a time of day",
    "timestamp_missing": "no timestamp where the file's other rows have one",
    "implausible_hour": "a photo at an hour at which nobody walks, as a 12-hour clock makes it",
}
FORMAT_SCORE = 0.2
HALF_DAY = 720.0
# Photos of one walk are minutes apart.
NEAR_MINUTES = 60.0
_PLAIN = re.compile(r"9?9:99(:99)?")


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find odd timestamps; a file without any is sound."""
    text = rows.text["timestamp"]
    blank = (text.str.strip() == "").to_numpy()
    if blank.mean() > 0.5:
        return
    unread = np.isnan(rows.minute)
    for row in np.flatnonzero(blank):
        evidence = "the file's other rows have a timestamp"
        yield row_finding(rows, int(row), "timestamp_missing", "timestamp", "", 0.3, evidence)
    for row in np.flatnonzero(unread & ~blank):
        evidence = f"{text.iat[row]!r} holds no time of day"
        yield row_finding(rows, int(row), "timestamp_unreadable", "timestamp", "", 0.9, evidence)
    yield from _formats(rows, ~unread)
    yield from _hours(rows, config)


def _formats(rows: LabelRows, read: np.ndarray) -> Iterator[Finding]:
    """Name rows whose timestamp has another shape than most; all of them are read right."""
    text = rows.text["timestamp"]
    shape = text.str.replace(r"\d", "9", regex=True)
    counts = shape[read].value_counts()
    if not len(counts):
        return
    usual, times = str(counts.index[0]), int(counts.iloc[0])
    for row in np.flatnonzero(read & (shape != usual).to_numpy()):
        proposal = _rewritten(str(text.iat[row]), float(rows.minute[row]), usual)
        evidence = (
            f"written as {shape.iat[row]!r}, as {int(counts[shape.iat[row]]):,} rows are; "
            f"{times:,} of {len(rows):,} are written as {usual!r}"
        )
        yield row_finding(
            rows, int(row), "timestamp_format", "timestamp", proposal, FORMAT_SCORE, evidence
        )


def _rewritten(text: str, minute: float, usual: str) -> str:
    """The same time in the file's usual format, if that is a plain clock."""
    if not _PLAIN.fullmatch(usual) or re.search(r"\d{4}", text):
        return ""
    seconds = round(minute * 60.0)
    hour, rest = divmod(seconds, 3600)
    clock = f"{hour:02d}:{rest // 60:02d}" if usual.startswith("99") else f"{hour}:{rest // 60:02d}"
    return f"{clock}:{rest % 60:02d}" if usual.endswith(":99:99") else clock


def _hours(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    minute = rows.minute
    first, last = config.first_hour * 60.0, config.last_hour * 60.0
    odd = np.isfinite(minute) & ((minute < first) | (minute > last))
    if odd.mean() > 0.5:
        return
    for row in np.flatnonzero(odd):
        meant = (float(minute[row]) + HALF_DAY) % (2.0 * HALF_DAY)
        said = str(rows.text["timestamp"].iat[row]).strip()
        evidence = f"{said} lies outside {config.first_hour:g} to {config.last_hour:g} h"
        proposal, score = "", 0.6
        if first <= meant <= last:
            proposal, score = _shifted(said), 0.65
            support = _support(rows, int(row), odd, meant)
            score = 0.85 if support else score
            evidence += f"; {support:,} photos of the same walk are within the hour of {proposal}"
        yield row_finding(
            rows, int(row), "implausible_hour", "timestamp", proposal, score, evidence
        )


def _support(rows: LabelRows, row: int, odd: np.ndarray, meant: float) -> int:
    """How many rows of the same walk, at a plausible hour, were taken about then."""
    same = (rows.walk == rows.walk[row]) & ~odd
    minutes: Floats = rows.minute[same]
    return int((np.abs(minutes - meant) <= NEAR_MINUTES).sum())


def _shifted(text: str) -> str:
    """The same text twelve hours on or back."""
    found = re.search(r"(?<![\d:])(\d{1,2})(?=:\d{2})", text)
    if found is None:
        return ""
    hour = (int(found[1]) + 12) % 24
    return f"{text[: found.start()]}{hour:02d}{text[found.end() :]}"
