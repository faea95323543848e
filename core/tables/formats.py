"""Tables in other formats than CSV: workbooks, Parquet, JSON, GeoJSON, GPX and KML.

openpyxl, pyarrow, json and ElementTree read the files; here their contents become rows of strings.
GDAL (pyogrio) is not used: its KML driver drops the extended data that holds names and headings,
and it opens untrusted files with some eighty drivers. A position becomes a WKT point in a column
`geometry`, so that every format shares one way of reading it.
"""

import io
import json
import math
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from core.errors import LabelError, reason
from core.files import MOST_BYTES, parsed_xml, read_regular, refusing
from core.tables.columns import count_roles
from core.tables.raw import RawTable, check_cells, decode, read_delimited, table_of
from core.tables.settings import FOREIGN_TABLES

# A label table is a few megabytes; a small archive that unpacks to more is an attack.
_LARGEST_BYTES = MOST_BYTES
Record = dict[str, Any]
_FORMULA = re.compile(rb"<f[ >/]")
_UNCOMPUTED = (
    "formulas without a value, which count as empty cells: open it in a spreadsheet program, which "
    "computes them, and save it"
)
# What openpyxl and zipfile raise for a file that is cut or altered.
_DAMAGED = (
    KeyError, ValueError, TypeError, IndexError, AttributeError, OSError, EOFError, zlib.error,
    zipfile.BadZipFile, ElementTree.ParseError,
)  # fmt: skip


def read_raw(path: Path, encoding: str = "", separator: str = "") -> RawTable:
    """Read any table as strings.

    Args:
        path: The file.
        encoding: Of a text file; recognised if empty.
        separator: Of a CSV file; recognised if empty.

    Raises:
        LabelError: There is no such file, or it cannot be read as a table.
    """
    suffix = path.suffix.lower()
    if suffix in FOREIGN_TABLES:
        kind = FOREIGN_TABLES[suffix]
        raise LabelError(f"{path} is {kind}, which is not read: save it as CSV, XLSX or GeoJSON")
    try:
        content = read_regular(path)
    except FileNotFoundError as error:
        raise LabelError(f"there is no label file {path}") from error
    except OSError as error:
        raise LabelError(f"{path} cannot be read ({reason(error)})") from error
    reader = _READERS.get(suffix) or _by_content(content)
    if reader is None:
        return read_delimited(path, content, encoding, separator)
    if not content.strip():
        raise LabelError(f"{path} is empty: it needs a header and one row per photo")
    with refusing(path, "save it again, for instance as CSV", LabelError):
        return reader(path, content)


def _by_content(content: bytes) -> Callable[[Path, bytes], RawTable] | None:
    """The reader of a file whose name says nothing, or the wrong thing, about its format."""
    if content.startswith(b"PK\x03\x04"):
        return _workbook
    return _parquet if content.startswith(b"PAR1") else None


def cell_text(value: Any) -> str:  # noqa: ANN401 - whatever a format holds
    """Write a cell as a CSV file would: `53` for 53.0, ISO times, nothing for no value."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return _wkb(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _wkb(value: bytes) -> str:
    """A point in well-known binary as text; empty for anything else."""
    order = "<" if value[:1] == b"\x01" else ">"
    if len(value) < 21 or struct.unpack(f"{order}I", value[1:5])[0] & 0xFF != 1:
        return ""
    east, north = struct.unpack(f"{order}dd", value[-16:] if len(value) == 25 else value[5:21])
    return point_text(east, north)


def point_text(longitude: Any, latitude: Any) -> str:  # noqa: ANN401 - numbers or their text
    """A position as WKT."""
    return f"POINT ({cell_text(longitude)} {cell_text(latitude)})"


def _check_size(path: Path, content: bytes) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        kind = path.suffix[1:].upper()
        raise LabelError(f"{path} is damaged or no {kind} file: {error}") from error
    if size > _LARGEST_BYTES:
        raise LabelError(f"{path} unpacks to {size / 1e9:.1f} GB, too large for a label table")
    return archive


def _workbook(path: Path, content: bytes) -> RawTable:
    """Read the sheet of an Excel workbook whose header has the most known columns."""
    import openpyxl

    _check_size(path, content).close()
    try:
        with warnings.catch_warnings():
            # Validations and styles that openpyxl does not keep are no part of the values.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheets = {sheet.title: _sheet(path, sheet) for sheet in book.worksheets}
            book.close()
        formulas = _formulas_without_value(path, content, sheets)
    except _DAMAGED as error:
        raise LabelError(f"{path} is damaged or no Excel workbook: {error}") from error
    filled = {name: rows for name, rows in sheets.items() if any(map(any, rows))}
    if not filled and any(formulas.values()):
        raise LabelError(f"{path} holds {sum(formulas.values()):,} {_UNCOMPUTED}")
    if not filled:
        raise LabelError(f"{path} is empty: it needs a header and one row per photo")
    name = max(filled, key=lambda each: max(map(count_roles, filled[each][:20])))
    table = table_of(path, "xlsx", filled[name])
    others = [each for each in filled if each != name]
    notes = [f"{path.name}: sheet {name!r} was read, not {', '.join(others)}"] if others else []
    if lost := formulas.get(name):
        notes.append(f"{path.name}: it holds {lost:,} {_UNCOMPUTED}")
    return RawTable(path, "xlsx", table.header, table.rows, notes=(*notes, *table.notes))


def _formulas_without_value(
    path: Path, content: bytes, sheets: dict[str, list[list[str]]]
) -> dict[str, int]:
    """How many cells of each sheet hold a formula but no value, which reads as an empty cell.

    A program that computes nothing leaves them so when it writes a workbook.
    """
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        if not any(_FORMULA.search(archive.read(name)) for name in names):
            return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
        found = {
            sheet.title: sum(
                cell.startswith("=") and not value
                for written, values in zip(_sheet(path, sheet), sheets[sheet.title], strict=True)
                for cell, value in zip(written, values, strict=True)
            )
            for sheet in book.worksheets
        }  # fmt: skip
        book.close()
    return found


def _sheet(path: Path, sheet: Any) -> list[list[str]]:  # noqa: ANN401 - a sheet of openpyxl
    # Some programs store a wrong size of the sheet.
    sheet.reset_dimensions()
    rows, width = list[list[str]](), 0
    for row in sheet.iter_rows(values_only=True):
        # One cell in the last corner makes 17 billion of the empty ones before it.
        width = max(width, len(row))
        check_cells(path, (len(rows) + 1) * width, width)
        rows.append([cell_text(value) for value in row])
    return [[*row, *[""] * (width - len(row))] for row in rows]


def _parquet(path: Path, content: bytes) -> RawTable:
    import pyarrow
    import pyarrow.parquet

    try:
        about = pyarrow.parquet.read_metadata(io.BytesIO(content))
        check_cells(path, about.num_rows * about.num_columns)
        records = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise LabelError(f"{path} is damaged or no Parquet file: {error}") from error
    return _from_records(path, "parquet", records)


def _json(path: Path, content: bytes) -> RawTable:
    """Read a list of records, GeoJSON, or the JSON of FiftyOne, Label Studio or Mapillary."""
    text, _ = decode(path, content)
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise LabelError(f"{path} is nested too deeply for a label table") from error
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            value = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            raise LabelError(f"{path} is not valid JSON: {error}") from error
    form = "json"
    if isinstance(value, dict) and isinstance(value.get("features"), list):
        form, value = "geojson", value["features"]
    elif isinstance(value, dict):
        lists = {key: inner for key, inner in value.items() if isinstance(inner, list)}
        named = next((key for key in ("samples", "images", "data", "photos") if key in lists), "")
        if not named and len(lists) == 1:
            named = next(iter(lists))
        if not named and lists and len({len(inner) for inner in lists.values()}) == 1:
            rows = zip(*lists.values(), strict=True)
            value = [dict(zip(lists, row, strict=True)) for row in rows]
        else:
            value = lists.get(named) or [value]
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value):
        raise LabelError(f"{path} is no table: a list of objects is needed, one for each photo")
    return _from_records(path, form, value)


def _from_records(path: Path, form: str, records: Sequence[Record]) -> RawTable:
    """Make a table of records; values inside values get names joined by points."""
    flat = [_flat(record) for record in records]
    header = list(dict.fromkeys(key for record in flat for key in record))
    if not flat or not header:
        raise LabelError(f"{path} holds no records: one for each photo is needed")
    rows = [[cell_text(record.get(key)) for key in header] for record in flat]
    return table_of(path, form, [header, *rows])


def _flat(record: Record, prefix: str = "") -> Record:
    flat: Record = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if key == "annotations" and isinstance(value, list):
            flat |= _label_studio(value)
        elif key in ("geometry", "computed_geometry") and isinstance(value, dict):
            if value.get("type") == "Point" and len(value.get("coordinates") or ()) >= 2:
                flat[key] = point_text(*value["coordinates"][:2])
        elif key == "properties" and isinstance(value, dict):
            flat |= _flat(value)
        elif isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _label_studio(annotations: Sequence[Any]) -> Record:
    """The values that a person chose in Label Studio, by the name of the control."""
    found: Record = {}
    for annotation in annotations[:1]:
        for result in annotation.get("result", []) if isinstance(annotation, dict) else []:
            value = result.get("value", {})
            chosen = value.get("choices") or value.get("text") or [value.get("number")]
            found[str(result.get("from_name", "choice"))] = (
                chosen[0] if isinstance(chosen, list) and chosen else chosen
            )
    return found


def _xml(path: Path, content: bytes) -> ElementTree.Element:
    try:
        return parsed_xml(content)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise LabelError(f"{path} is not valid XML: {error}") from error


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ElementTree.Element, tag: str) -> Iterable[ElementTree.Element]:
    return (inner for inner in element.iter() if _tag(inner) == tag)


def _gpx(path: Path, content: bytes) -> RawTable:
    """Read the waypoints of a GPX file; their names, or links, are those of photos."""
    records = []
    for point in _children(_xml(path, content), "wpt"):
        record: Record = {"geometry": point_text(point.get("lon", ""), point.get("lat", ""))}
        for inner in point.iter():
            text = (inner.text or "").strip()
            if _tag(inner) == "link" and inner.get("href"):
                record["link"] = PurePosixPath(str(inner.get("href"))).name
            elif text:
                record.setdefault(_tag(inner), text)
        records.append(record)
    if not records:
        raise LabelError(f"{path} has no waypoints (wpt): a track alone names no photos")
    return _from_records(path, "gpx", [_named(record) for record in records])


def _kmz(path: Path, content: bytes) -> RawTable:
    with _check_size(path, content) as archive:
        inner = [name for name in archive.namelist() if name.lower().endswith(".kml")]
        if not inner:
            raise LabelError(f"{path} holds no KML file")
        try:
            text = archive.read(inner[0])
        except (*_DAMAGED, RuntimeError) as error:
            raise LabelError(f"{path} is damaged: {error}") from error
    return _kml(path, text)


def _kml(path: Path, content: bytes) -> RawTable:
    """Read the placemarks of a KML file with their extended data and headings."""
    records = []
    for mark in _children(_xml(path, content), "Placemark"):
        record: Record = {}
        for inner in mark.iter():
            tag, text = _tag(inner), (inner.text or "").strip()
            if tag == "coordinates" and text:
                record.setdefault("geometry", point_text(*text.split()[0].split(",")[:2]))
            elif tag == "Data":
                record[str(inner.get("name"))] = next(
                    ((value.text or "").strip() for value in _children(inner, "value")), ""
                )
            elif tag == "SimpleData":
                record[str(inner.get("name"))] = text
            elif tag in ("name", "heading", "when", "description") and text:
                record.setdefault(tag, text)
        records.append(_named(record))
    if not records:
        raise LabelError(f"{path} has no placemarks")
    return _from_records(path, "kml", records)


_WORD = re.compile(r"[^\s\"'<>=]+")
_PHOTO_SUFFIX = re.compile(r"(?<=.)\.(?:jpe?g|png|webp|heic|heif|avif|tiff?|bmp|gif)\b", re.I)


def _named(record: Record) -> Record:
    """Name the photo of a waypoint or placemark: what it calls so, or the name it mentions."""
    if count_roles([key for key in record if "file" in key.lower() or "image" in key.lower()]):
        return record
    for key in ("name", "link", "description", "desc", "cmt"):
        if found := _photo_name(str(record.get(key, ""))):
            return {"filename": found, **record}
    return {"filename": record.get("name", ""), **record}


def _photo_name(text: str) -> str:
    """The first name of a photo in a text; empty if there is none."""
    # Word by word: one pattern for both would try every character of a long word as its start.
    for word in _WORD.finditer(text):
        if ends := [suffix.end() for suffix in _PHOTO_SUFFIX.finditer(word[0])]:
            return word[0][: ends[-1]]
    return ""


_READERS: dict[str, Callable[[Path, bytes], RawTable]] = {
    ".xlsx": _workbook, ".xlsm": _workbook, ".parquet": _parquet, ".json": _json,
    ".geojson": _json, ".jsonl": _json, ".ndjson": _json, ".gpx": _gpx, ".kml": _kml, ".kmz": _kmz,
}  # fmt: skip
