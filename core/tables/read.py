"""A label table under the column names of Bearings, whatever its format and names.

Values stay text, as the file has them, so that repairs and the audit can quote them; `values.py`
turns them into numbers.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import LabelError
from core.tables.columns import DOUBTFUL, NAMES, Meaning, meaning, plain_name, suggestions
from core.tables.formats import read_raw
from core.tables.numbers import is_placeholder
from core.tables.raw import RawTable
from core.tables.settings import TableSettings
from core.tables.times import joined_dates

NEEDED = ("filename", "latitude", "longitude", "heading_deg", "region")
OPTIONAL = ("timestamp", "hfov_deg", "walk", "visit", "panorama_id")
TEXT_COLUMNS = (*NEEDED, *OPTIONAL)
_PHOTO = re.compile(r".+\.(?:jpe?g|png|webp|heic|heif|avif|tiff?|bmp|gif)", re.IGNORECASE)
_WKT = re.compile(r"(?:SRID=\d+;)?\s*POINT\s*(?:Z|M|ZM)?\s*\(\s*(\S+)\s+(\S+)[^)]*\)", re.I)
_PAIR = re.compile(
    r"(?:geo:)?\(?\s*(.+?)\s*(?:[;|]|,\s|(?<=[NSns°]),|\s{1,3}(?=[-+\d]))\s*(.+?)\s*\)?"
)
_BARE_PAIR = re.compile(r"(?:geo:)?[(\[]?\s*([^,]+?),([^,]+?)\s*[)\]]?")


@dataclass(frozen=True)
class Source:
    """What a label file was understood to be.

    Attributes:
        path: The file.
        format: `csv`, `xlsx`, `parquet`, `json`, `geojson`, `gpx` or `kml`.
        encoding: Of a text file; empty for others.
        separator: Of a CSV file; empty for others.
        columns: Name in the file by role, such as `latitude`.
        units: Unit that a column's name says, by role.
        notes: What was passed over or chosen.
        unused: Columns of which nothing is read.
        unused_numbers: Those of them that hold different numbers.
    """

    path: Path
    format: str
    encoding: str
    separator: str
    columns: Mapping[str, str]
    units: Mapping[str, str]
    notes: tuple[str, ...]
    unused: tuple[str, ...] = ()
    unused_numbers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelTable:
    """A label file as text.

    Attributes:
        source: What it was understood to be.
        text: One row a photo, columns `TEXT_COLUMNS`; empty strings for roles without a column.
        magnetic: `(n,)` whether a column says that the heading counts from magnetic north.
    """

    source: Source
    text: pd.DataFrame
    magnetic: np.ndarray


def read_label_table(
    path: Path, settings: TableSettings | None = None, *, strip: bool = True
) -> LabelTable:
    """Read a label file.

    Args:
        path: The file.
        settings: What campus.toml says about it.
        strip: Whether values lose their outer blanks; the audit keeps them.

    Raises:
        LabelError: The file is no table, has no rows, lacks a needed column or has one twice.
    """
    settings = settings or TableSettings()
    raw = read_raw(path, settings.encoding, settings.separator)
    notes, doubts = list(raw.notes), list[str]()
    chosen, units = _assign(raw, settings.columns, notes, doubts)
    if doubts:
        raise LabelError(doubts[0])
    columns = {role: raw.rows[number] for role, number in chosen.items()}
    names = {role: raw.header[number] for role, number in chosen.items()}
    _split_positions(path, columns, names)
    _join_sides(columns)
    _check_roles(raw, columns)
    text = pd.DataFrame(
        {
            name: columns.get(role, pd.Series("", index=raw.rows.index, dtype=str))
            for role, name in ((_role(name), name) for name in TEXT_COLUMNS)
        }
    )
    if "date" in columns:
        text["timestamp"] = _with_dates(text["timestamp"], columns["date"])
    if strip:
        text = text.apply(lambda column: column.str.strip())
    reference = columns.get("heading_reference", pd.Series("", index=raw.rows.index, dtype=str))
    magnetic = reference.str.strip().str.upper().str.startswith("M").to_numpy(bool)
    unused = [
        number
        for number, title in enumerate(raw.header)
        if title.strip() and meaning(title) is None and number not in chosen.values()
    ]
    source = Source(
        path,
        raw.format,
        raw.encoding,
        raw.separator,
        names,
        units,
        tuple(notes),
        tuple(raw.header[number] for number in unused),
        tuple(raw.header[number] for number in unused if _varies(raw.rows[number])),
    )
    return LabelTable(source, text, magnetic)


def _varies(values: pd.Series) -> bool:
    """Whether a column holds different numbers."""
    number = values.str.strip().str.fullmatch(r"[-+]?\d[\d.,' ]*")
    return bool(number.mean() > 0.5) and values.nunique() > 1


def _role(column: str) -> str:
    return "heading" if column == "heading_deg" else column


def _with_dates(timestamps: pd.Series, dates: pd.Series) -> pd.Series:
    return joined_dates(timestamps.str.strip(), dates)


def _assign(
    raw: RawTable, mapping: Mapping[str, str], notes: list[str], doubts: list[str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Number of the column of each role, and the units that names say; `doubts` tells errors."""
    chosen = _mapped(raw, mapping, doubts)
    absent = {role for role, title in mapping.items() if not title.strip()}
    units = {role: found.unit for role, number in chosen.items()
             if (found := meaning(raw.header[number])) and found.unit}  # fmt: skip
    candidates: dict[str, list[tuple[int, Meaning]]] = {}
    for number, title in enumerate(raw.header):
        found = meaning(title)
        if found and found.role not in {*chosen, *absent} and number not in chosen.values():
            if _fits(found, title, raw.rows[number]):
                candidates.setdefault(found.role, []).append((number, found))
    for role, columns in candidates.items():
        tier = min(found.tier for _, found in columns)
        best = [(number, found) for number, found in columns if found.tier == tier]
        first, found = best[0]
        differing = [n for n, _ in best[1:] if not raw.rows[n].equals(raw.rows[first])]
        if differing:
            doubts.append(
                f"{raw.path}: columns {raw.header[first]!r} and {raw.header[differing[0]]!r} both "
                f"mean {role}: keep one of them, or name it in campus.toml: "
                f'{role} = "{raw.header[first]}" under [columns]'
            )
            continue
        others = [raw.header[number] for number, _ in columns if number != first]
        if others:
            notes.append(
                f"{raw.path.name}: {role} was read from column {raw.header[first]!r}, not from "
                f"{', '.join(map(repr, others))}"
            )
        chosen[role] = first
        if found.unit:
            units[role] = found.unit
    return chosen, units


def _mapped(raw: RawTable, mapping: Mapping[str, str], doubts: list[str]) -> dict[str, int]:
    """Columns that campus.toml names; an empty name says that there is none."""
    chosen: dict[str, int] = {}
    for role, title in mapping.items():
        if not title.strip():
            continue
        exact = [number for number, name in enumerate(raw.header) if name == title]
        near = [n for n, name in enumerate(raw.header) if name.lower() == title.strip().lower()]
        if numbers := exact or near:
            chosen[role] = numbers[0]
        else:
            doubts.append(
                f"campus.toml: [columns] {role} = {title!r}, but {raw.path.name} has no such "
                f"column. It has: {', '.join(raw.header)}"
            )
    return chosen


@dataclass(frozen=True, eq=False)
class Recognised:
    """A label table as found, and what was recognised of it, also if that is not enough.

    Attributes:
        raw: The table.
        columns: Name in the file by role; `position` is one column with both coordinates.
        units: Unit that a column's name says, by role.
        suggested: Column whose name or values are like those of a role that no column has.
        doubts: What is to be decided, such as two columns for one role.
    """

    raw: RawTable
    columns: Mapping[str, str]
    units: Mapping[str, str]
    suggested: Mapping[str, str]
    doubts: tuple[str, ...]


def recognise(path: Path, settings: TableSettings | None = None) -> Recognised:
    """Read a table and recognise its columns; those that are needed may be missing.

    Raises:
        LabelError: The file is no table, or has no rows.
    """
    settings = settings or TableSettings()
    raw = read_raw(path, settings.encoding, settings.separator)
    notes, doubts = list(raw.notes), list[str]()
    chosen, units = _assign(raw, settings.columns, notes, doubts)
    if {"latitude", "longitude"} <= set(chosen):
        chosen.pop("position", None)
    absent = {role for role, title in settings.columns.items() if not title.strip()}
    roles = ["filename", "heading", "region"]
    if "position" not in chosen:
        roles += ["latitude", "longitude"]
    near = _near(raw, [role for role in roles if role not in chosen and role not in absent])
    taken = {raw.header[number] for number in chosen.values()}
    return Recognised(
        raw, {role: raw.header[number] for role, number in chosen.items()}, units,
        {role: title for role, title in near.items() if title not in taken}, tuple(doubts),
    )  # fmt: skip


def _near(raw: RawTable, missing: Sequence[str]) -> dict[str, str]:
    """Columns whose name, or for photos whose values, are like those of missing roles."""
    # A heading is no longitude, however alike their columns' names are.
    unknown = [
        title for title in raw.header if (found := meaning(title)) is None or found.role in missing
    ]
    near = suggestions(unknown, missing)
    if "filename" in missing and "filename" not in near:
        for number, title in enumerate(raw.header):
            if raw.rows[number].str.strip().str.fullmatch(_PHOTO).mean() > 0.9:
                near["filename"] = title
                break
    return near


def _fits(found: Meaning, title: str, values: pd.Series) -> bool:
    """Whether a column with a doubtful name holds what the name may mean."""
    if found.role == "position" and found.tier > 0:
        sample = values[~is_placeholder(values)].head(20)
        return len(sample) > 0 and all(_pair(str(value)) is not None for value in sample)
    if found.role in ("walk", "visit") and found.tier > 0:
        # A number of its own for each photo is a position in a sequence, not a walk.
        return bool(values.nunique() <= len(values) / 2)
    if plain_name(title) in DOUBTFUL and found.role == "region":
        return not any(_pair(str(value)) for value in values.head(20))
    return True


def _pair(text: str) -> tuple[str, str] | None:
    """Latitude and longitude of a text with both; None if it is none.

    WKT and JSON lists have the longitude first, all other pairs the latitude.
    """
    body = text.strip()
    if found := _WKT.fullmatch(body):
        return found[2], found[1]
    if body.startswith("["):
        try:
            value = json.loads(body)
        except ValueError:
            return None
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, list) and len(value) >= 2:
            return str(value[1]), str(value[0])
        return None
    found = _BARE_PAIR.fullmatch(body) or _PAIR.fullmatch(body)
    if found and all(any(sign.isdigit() for sign in part) for part in found.groups()):
        return found[1], found[2]
    return None


def _split_positions(path: Path, columns: dict[str, pd.Series], names: dict[str, str]) -> None:
    """Turn a column with whole positions into latitudes and longitudes."""
    position = columns.pop("position", None)
    name = names.pop("position", "")
    if position is None or ("latitude" in columns and "longitude" in columns):
        return
    pairs = [_pair(value) if value.strip() else ("", "") for value in position]
    broken = [value for value, pair in zip(position, pairs, strict=True) if pair is None]
    if len(broken) == len(pairs):
        raise LabelError(
            f"{path}: column {name!r} holds no positions such as POINT (77.0 12.0) or 12.0, 77.0: "
            f"{', '.join(map(repr, broken[:3]))}"
        )
    for number, role in enumerate(("latitude", "longitude")):
        columns[role] = pd.Series(
            [
                value if pair is None else pair[number]
                for value, pair in zip(position, pairs, strict=True)
            ],
            index=position.index,
            dtype=str,
        )
        names[role] = name


def _join_sides(columns: dict[str, pd.Series]) -> None:
    """Put hemisphere letters from a column of their own behind the numbers."""
    for role in ("latitude", "longitude"):
        side = columns.pop(f"{role}_side", None)
        if side is None or role not in columns:
            continue
        bare = columns[role].str.strip().str.fullmatch(r"[^A-Za-z]*") & (side.str.strip() != "")
        joined = columns[role].str.strip() + " " + side.str.strip()
        columns[role] = columns[role].where(~bare, joined)


def _check_roles(raw: RawTable, columns: Mapping[str, pd.Series]) -> None:
    """Refuse a table that names no photos, or says nothing about them."""
    has_position = {"latitude", "longitude"} <= set(columns)
    missing = [] if "filename" in columns else ["filename"]
    if "filename" in missing and any(_PHOTO.fullmatch(title.strip()) for title in raw.header):
        raise LabelError(
            f"{raw.path} has no header: its first row names a photo ({', '.join(raw.header[:6])}). "
            "Write a row above it that names the columns, such as filename,latitude,longitude"
        )
    if not has_position and ("region" not in columns or columns.keys() & {"latitude", "longitude"}):
        missing += [role for role in ("latitude", "longitude") if role not in columns]
    if not missing:
        return
    wanted = "; ".join(f"{role} (or {_shown_names(role)})" for role in missing)
    if {"latitude", "longitude"} <= set(missing) and "region" not in columns:
        wanted += f"; or, in place of both, region (or {_shown_names('region')})"
    found = ", ".join(raw.header[:30]) + (", ..." if len(raw.header) > 30 else "")
    near = _near(raw, missing)
    advice = "; ".join(f'{role} = "{title}"' for role, title in near.items())
    hint = (
        f". If that is meant, write under [columns] in campus.toml: {advice}"
        if near
        else ('. Name a column of another name under [columns] in campus.toml: latitude = "Y"')
    )
    raise LabelError(f"{raw.path} lacks needed columns: {wanted}. Found: {found[:600]}{hint}")


def _shown_names(role: str) -> str:
    return ", ".join(NAMES[role][0].split()[1:])
