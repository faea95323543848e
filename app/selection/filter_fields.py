"""The fields of a filter of photos: how each is written, read, applied and put into words.

A new field needs a line in `FIELDS` and an attribute of `PhotoFilter`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf, isfinite
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.wording import degrees, level, metres
from core.amounts import counted
from core.geo import Floats, LocalFrame, inside

Span = tuple[float, float]
"""From the first number up to, but not including, the second; infinity is no upper end."""
Area = tuple[tuple[float, float], ...]
Flags = NDArray[np.bool_]

MOST_VALUES, LONGEST_VALUE, LONGEST_LIST = 40, 160, 2_000
MOST_CORNERS, _MOST_DRAWN = 24, 400
_LARGEST = 1e9
_SECTORS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


@dataclass(frozen=True, eq=False)
class PhotoFacts:
    """What a view knows about its photos.

    Attributes:
        table: One row a photo. Columns, each absent if the view does not know it: `photo_id`,
            `filename`, `region` (true), `predicted`, `error_m`, `heading_error_deg`,
            `heading_deg` (true), `hour` (local time of day), `day` (local date, with its
            time as a fraction), `refused`, `part` (of a split),
            `tags` (a tuple each), `north_m` and `east_m` (labelled), `confidence` (stated, of the
            region, in `[0, 1]`), `radius_m` (stated, of 90 %), `outside` (whether the labelled
            position is outside of that radius), `similarity` (of the best training photo),
            `pca_x` to `tsne_y` (by the descriptor, see `core.retrieval.embedding`).
        frame: The metres that labelled positions are in; None if there are none.
    """

    table: pd.DataFrame
    frame: LocalFrame | None = None


def outline(corners: Sequence[tuple[float, float]]) -> Area:
    """A polygon of at most `MOST_CORNERS` corners like the given one; empty if it has no area.

    The corners whose triangle with their neighbours is the smallest are left out (Visvalingam and
    Whyatt, 1993).
    """
    points = np.asarray(corners, np.float64).reshape(-1, 2)
    if not np.isfinite(points).all() or (np.abs(points) > _LARGEST).any():
        return ()
    if len(points) > _MOST_DRAWN:
        points = points[np.linspace(0, len(points) - 1, _MOST_DRAWN).astype(int)]
    while len(points) > MOST_CORNERS:
        before, after = np.roll(points, 1, axis=0) - points, np.roll(points, -1, axis=0) - points
        twice = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
        points = np.delete(points, int(twice.argmin()), axis=0)
    points = points.round(6) + 0.0
    return tuple((float(y), float(x)) for y, x in points) if len(points) > 2 else ()


def box(first: tuple[float, float], second: tuple[float, float]) -> Area:
    """The rectangle between two opposite corners."""
    (y1, x1), (y2, x2) = first, second
    return outline([(y1, x1), (y1, x2), (y2, x2), (y2, x1)])


def cut(values: Sequence[str]) -> tuple[str, ...]:
    """The values, each once, as far as an address can hold them."""
    kept: list[str] = []
    for value in dict.fromkeys(values):
        room = LONGEST_LIST - sum(map(len, kept))
        if 0 < len(value) <= min(LONGEST_VALUE, room) and len(kept) < MOST_VALUES:
            kept.append(value)
    return tuple(kept)


def rounded(span: Span | None, turns: bool) -> Span | None:
    """A span in thousandths; None if it is none. In degrees, it `turns`: it may pass north."""
    if span is None or not isfinite(span[0]) or np.isnan(span[1]):
        return None
    low, high = (round(min(end, _LARGEST), 3) + 0.0 if isfinite(end) else inf for end in span)
    if turns:
        return (low, high) if 0 <= low <= 360 and 0 <= high <= 360 and low != high else None
    return (low, high) if 0 <= low < high else None


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _write_span(span: Span) -> list[str]:
    return [f"{_number(span[0])}..{_number(span[1]) if isfinite(span[1]) else ''}"]


def _read_span(texts: Sequence[str]) -> Span:
    low, dots, high = _one(texts).partition("..")
    span = (float(low or 0), float(high or inf))
    if not dots or not isfinite(span[0]) or np.isnan(span[1]) or min(span) < 0:
        raise ValueError
    return span


def _read_ordered(texts: Sequence[str]) -> Span:
    low, high = _read_span(texts)
    if low >= high:
        raise ValueError
    return low, high


def _write_days(span: Span) -> list[str]:
    """Both days, the last one included."""
    return [f"{day_text(span[0])}..{day_text(span[1] - 1) if isfinite(span[1]) else ''}"]


def _read_days(texts: Sequence[str]) -> Span:
    first, dots, last = _one(texts).partition("..")
    low = float(date.fromisoformat(first).toordinal())
    high = date.fromisoformat(last).toordinal() + 1.0 if last else inf
    if not dots or low >= high:
        raise ValueError
    return low, high


def day_text(day: float) -> str:
    """A day that `date.toordinal` counts: `2024-03-05`."""
    return date.fromordinal(int(min(max(day, 1), date.max.toordinal()))).isoformat()


def _day_words(span: Span, _: Mapping[str, str]) -> str:
    first, last = day_text(span[0]), day_text(span[1] - 1) if isfinite(span[1]) else ""
    return first if first == last else f"{first} to {last}" if last else f"From {first}"


def _read_sector(texts: Sequence[str]) -> Span:
    span = _read_span(texts)
    if max(span) > 360 or span[0] == span[1]:
        raise ValueError
    return span


def _one(texts: Sequence[str]) -> str:
    if len(texts) != 1 or len(texts[0]) > LONGEST_LIST:
        raise ValueError
    return texts[0]


def _read_texts(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(texts)


def _read_cell(texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) != 2 or not all(texts):
        raise ValueError
    return tuple(texts)


def _read_flag(texts: Sequence[str]) -> bool:
    if _one(texts) not in ("yes", "no"):
        raise ValueError
    return texts[0] == "yes"


def _read_set(texts: Sequence[str]) -> bool:
    if not _read_flag(texts):
        raise ValueError
    return True


def _write_flag(value: bool) -> list[str]:
    return ["yes" if value else "no"]


def _write_area(area: Area) -> list[str]:
    return [";".join(f"{_decimal(y)},{_decimal(x)}" for y, x in area)]


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _read_area(texts: Sequence[str]) -> Area:
    corners = []
    for corner in _one(texts).split(";"):
        y, x = map(float, corner.split(","))
        corners.append((y, x))
    if not outline(corners):
        raise ValueError
    return tuple(corners)


def _among(column: str) -> Callable[[Any, PhotoFacts], Flags]:
    def mask(values: Sequence[str], facts: PhotoFacts) -> Flags:
        return np.asarray(facts.table[column].isin(values), bool)

    return mask


def _within(column: str) -> Callable[[Span, PhotoFacts], Flags]:
    def mask(span: Span, facts: PhotoFacts) -> Flags:
        values = facts.table[column].to_numpy(np.float64)
        return np.asarray((values >= span[0]) & (values < span[1]))

    return mask


def _sector(span: Span, facts: PhotoFacts) -> Flags:
    heading = facts.table["heading_deg"].to_numpy(np.float64) % 360.0
    after, before = heading >= span[0], heading < span[1]
    return np.asarray(after & before if span[0] < span[1] else after | before)


def _area(area: Area, facts: PhotoFacts) -> Flags:
    if facts.frame is None:
        return np.ones(len(facts.table), bool)
    corners: Floats = facts.frame.to_metres(np.asarray(area))
    return inside(corners, facts.table[["north_m", "east_m"]].to_numpy(np.float64))


def _on_plane(plane: str) -> Callable[[Area, PhotoFacts], Flags]:
    def mask(area: Area, facts: PhotoFacts) -> Flags:
        places = facts.table[[f"{plane}_x", f"{plane}_y"]].to_numpy(np.float64)
        return inside(np.asarray(area), places)

    return mask


def _wrong(_: bool, facts: PhotoFacts) -> Flags:
    true, predicted = facts.table["region"], facts.table["predicted"]
    return np.asarray((true != "") & (predicted != "") & (true != predicted), bool)


def _cell(cell: Sequence[str], facts: PhotoFacts) -> Flags:
    true, predicted = cell
    return np.asarray(
        (facts.table["region"] == true) & (facts.table["predicted"] == predicted), bool
    )


def _tagged(tags: Sequence[str], facts: PhotoFacts) -> Flags:
    wanted = set(tags)
    return np.array([not wanted.isdisjoint(each) for each in facts.table["tags"]], bool)


def _named(text: str, facts: PhotoFacts) -> Flags:
    names = facts.table["filename"].str
    return np.asarray(names.contains(text, case=False, regex=False), bool)


def _unknown(column: str) -> Callable[[Any, pd.DataFrame], list[str]]:
    return lambda values, table: [one for one in values if not (table[column] == one).any()]


def _unknown_cell(cell: Sequence[str], table: pd.DataFrame) -> list[str]:
    there = set(table["region"]) | set(table["predicted"])
    return [region for region in cell if region not in there]


def _unknown_tags(tags: Sequence[str], table: pd.DataFrame) -> list[str]:
    there = set().union(*table["tags"])
    return [tag for tag in tags if tag not in there]


def _span_words(title: str, unit: Callable[[float], str]) -> Callable[[Any, Any], str]:
    def words(span: Span, _: object) -> str:
        low, high = span
        if not isfinite(high):
            return f"{title} at least {unit(low)}"
        return f"{title} {unit(low)} to {unit(high)}" if low else f"{title} below {unit(high)}"

    return words


def _facing(span: Span, _: object) -> str:
    low, high = span
    middle = (low + ((high - low) % 360.0) / 2.0) % 360.0
    point = _SECTORS[round(middle / 45.0) % 8]
    return f"Facing {_number(low)}° to {_number(high)}° ({point})"


def _clock(hour: float) -> str:
    return f"{int(hour):02d}:{round(hour % 1 * 60):02d}"


@dataclass(frozen=True)
class Field:
    """How one field is written, read, applied and put into words.

    Attributes:
        name: Of the field.
        parameter: Of the address.
        title: In words; begins the words of a chip.
        columns: Of the facts that it needs; empty if it selects no photo.
        write: Value -> texts of the parameter.
        read: Texts -> value; ValueError if it is none.
        mask: Value and facts -> which photos pass.
        words: Value and names of regions -> words of a chip.
        known: Value and table -> the values that no photo has.
    """

    name: str
    parameter: str
    title: str
    columns: tuple[str, ...]
    write: Callable[[Any], list[str]]
    read: Callable[[Sequence[str]], Any]
    mask: Callable[[Any, PhotoFacts], Flags] = lambda _, facts: np.ones(len(facts.table), bool)
    words: Callable[[Any, Mapping[str, str]], str] = lambda *_: ""
    known: Callable[[Any, pd.DataFrame], list[str]] | None = None


FIELDS = (
    Field("regions", "region", "Region", ("region",), list, _read_texts, _among("region"),
           known=_unknown("region")),
    Field("cell", "cell", "Predicted as", ("region", "predicted"), list, _read_cell, _cell,
           lambda cell, names: " predicted as ".join(names.get(one, one) for one in cell),
           known=_unknown_cell),
    Field("wrong", "wrong", "Wrong region", ("region", "predicted"), _write_flag, _read_set,
           _wrong, lambda *_: "Wrong region"),
    Field("error_m", "error", "Error", ("error_m",), _write_span, _read_ordered,
           _within("error_m"), _span_words("Error", metres)),
    Field("heading_error_deg", "off", "Heading error", ("heading_error_deg",), _write_span,
           _read_ordered, _within("heading_error_deg"), _span_words("Heading error", degrees)),
    Field("facing_deg", "facing", "Facing", ("heading_deg",), _write_span, _read_sector, _sector,
           _facing),
    Field("hours", "hours", "Time of day", ("hour",), _write_span, _read_ordered,
           _within("hour"), lambda span, _: f"{_clock(span[0])} to {_clock(min(span[1], 24.0))}"),
    Field("days", "days", "Date", ("day",), _write_days, _read_days, _within("day"), _day_words),
    Field("confidence", "confidence", "Confidence", ("confidence",), _write_span, _read_ordered,
           _within("confidence"), _span_words("Confidence", level)),
    Field("radius_m", "radius", "Stated radius", ("radius_m",), _write_span, _read_ordered,
           _within("radius_m"), _span_words("Stated radius", metres)),
    Field("outside", "outside", "Outside the stated radius", ("outside",), _write_flag, _read_flag,
           lambda wanted, facts: facts.table["outside"].to_numpy(bool) == wanted,
           lambda wanted, _: f"{'Outside' if wanted else 'Inside'} the stated radius"),
    Field("similarity", "similarity", "Similarity", ("similarity",), _write_span, _read_ordered,
           _within("similarity"), _span_words("Similarity", _number)),
    Field("refused", "refused", "Refused", ("refused",), _write_flag, _read_flag,
           lambda wanted, facts: facts.table["refused"].to_numpy(bool) == wanted,
           lambda wanted, _: "Refused" if wanted else "Not refused"),
    Field("parts", "part", "Part", ("part",), list, _read_texts, _among("part"),
           known=_unknown("part")),
    Field("tags", "tag", "Tag", ("tags",), list, _read_texts, _tagged, known=_unknown_tags),
    Field("area", "area", "Area on the map", ("north_m", "east_m"), _write_area, _read_area,
           _area, lambda *_: "Area on the map"),
    Field("pca", "pca", "Similar photos (PCA)", ("pca_x", "pca_y"), _write_area, _read_area,
           _on_plane("pca"), lambda *_: "Similar photos (PCA)"),
    Field("tsne", "tsne", "Similar photos (t-SNE)", ("tsne_x", "tsne_y"), _write_area, _read_area,
           _on_plane("tsne"), lambda *_: "Similar photos (t-SNE)"),
    Field("photos", "row", "Chosen photos", ("photo_id",), list, _read_texts, _among("photo_id"),
           lambda photos, _: counted(len(photos), "chosen photo")),
    Field("text", "name", "File name", ("filename",), lambda text: [text], _one, _named,
           lambda text, _: f"Name contains {text}"),
    Field("raw", "raw", "Prediction", (), _write_flag, _read_set),
)  # fmt: skip
