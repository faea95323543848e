"""What a person says about a label table that is not read, or not read rightly.

Columns, units and frame are tried on the files before anything is written, and then stored in
campus.toml, of which all else stays as it is, comments included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.dataset.campus import campus_text, fold_longitudes, read_campus, read_table_settings
from core.dataset.labels import Dataset, no_position_faults, off_earth_faults, read_dataset
from core.dataset.layout import CAMPUS_FILE, dataset_folder, find_label_files, possible_tables
from core.errors import BearingsError, FrameError, LabelError
from core.files import write_text
from core.geo import CoordinateFrame, Floats, LocalFrame, wrap_heading_deg
from core.tables.columns import meaning
from core.tables.read import read_label_table
from core.tables.settings import TableSettings
from core.tables.values import read_values

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


@dataclass(frozen=True, eq=False)
class Points:
    """The n label rows whose position is one, whether or not their photos are there.

    Attributes:
        frame: The metres of the positions.
        position_m: `(n, 2)` `[north_m, east_m]`.
        heading_deg: `(n,)` degrees clockwise from north in `[0, 360)`; NaN if unknown.
        region: Region ids; `""` if unknown.
        filename: As the table has them.
    """

    frame: LocalFrame
    position_m: Floats
    heading_deg: Floats
    region: tuple[str, ...]
    filename: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse rows that do not fit together."""
        count = len(self.region)
        if self.position_m.shape != (count, 2) or self.heading_deg.shape != (count,):
            raise ValueError(f"{count} regions for positions of {self.position_m.shape}")


@dataclass(frozen=True, eq=False)
class Trial:
    """What comes of reading a dataset with some text for campus.toml.

    Attributes:
        dataset: What was read, rows left out whatever their share; None if it cannot be read.
        points: Where the rows lie; None if there are no positions, or their meaning is unknown.
        fault: Why the dataset cannot be used as it is; empty if it can.
    """

    dataset: Dataset | None
    points: Points | None
    fault: str

    @property
    def is_read(self) -> bool:
        """Whether the settings make sense of the table; what is still at fault lies elsewhere."""
        return self.dataset is not None or self.points is not None


def tables_to_read(source: Path) -> tuple[Path, ...]:
    """Label tables that a dataset may be read from, likeliest first.

    Args:
        source: A dataset folder, or one label file.

    Raises:
        LabelError: There is no such folder, or no table in it.
    """
    try:
        files, _ = find_label_files(source)
        return tuple(file.path for file in files)
    except LabelError:
        tables = possible_tables(source) if source.is_dir() else ()
        if not tables:
            raise
        return tables


def read_as(source: Path, table: Path) -> Path:
    """What to read so that `table` is a label file: the folder if that finds it, else the table."""
    try:
        files, _ = find_label_files(source)
    except LabelError:
        return table
    return source if table in {file.path for file in files} else table


def try_reading(source: Path, campus_toml: str) -> Trial:
    """Read a dataset with some text for campus.toml; nothing is written.

    Args:
        source: A dataset folder, or one label file.
        campus_toml: In place of the file.
    """
    points, dataset, fault = None, None, ""
    try:
        points = _points(source, campus_toml)
        dataset = read_dataset(source, allow_missing=True, campus_toml=campus_toml)
        dataset = read_dataset(source, campus_toml=campus_toml)
    except BearingsError as error:
        fault = str(error)
    return Trial(dataset, points, fault)


def _points(source: Path, campus_toml: str) -> Points | None:
    folder = dataset_folder(source)
    settings, frame = read_table_settings(folder, campus_toml)
    tables = [read_label_table(file.path, settings) for file in find_label_files(source)[0]]
    values = read_values(tables, settings, frame)
    rows = pd.DataFrame({"latitude": values.latitude, "longitude": values.longitude})
    if not rows.notna().all(axis=1).any():
        return None
    try:
        campus = read_campus(folder, rows, text=campus_toml)
    except FrameError:
        # `read_dataset` says why, after what it finds first.
        return None
    positions, _ = fold_longitudes(rows.to_numpy(np.float64), campus.frame)
    rows["longitude"] = positions[:, 1]
    faults = no_position_faults(rows, campus.frame) + off_earth_faults(rows, campus)
    known = np.isfinite(positions).all(axis=1) & (faults == "").to_numpy()
    if not known.any():
        return None
    local = LocalFrame.about(campus.frame, positions[known])
    names = pd.concat([table.text["filename"] for table in tables], ignore_index=True)
    return Points(
        local,
        local.to_metres(positions[known]),
        np.asarray(wrap_heading_deg(values.heading_deg[known])),
        tuple(values.region[known]),
        tuple(names[known]),
    )


def said_columns(
    wanted: Mapping[str, str | None], recognised: Mapping[str, str], said: Mapping[str, str]
) -> dict[str, str]:
    """What [columns] of campus.toml has to hold so that each role is read as wanted.

    Args:
        wanted: Column by role; None: the table has none.
        recognised: Column by role, as recognised without campus.toml.
        said: Column by role, as campus.toml says now; roles that are not `wanted` stay.

    Returns:
        Column by role; `""` if a column that would be recognised is not meant.
    """
    columns = {role: title for role, title in said.items() if role not in wanted}
    for role, title in wanted.items():
        if title is None:
            if role in recognised:
                columns[role] = ""
        elif role in said or recognised.get(role) != title:
            columns[role] = title
    return columns


def campus_with(text: str, settings: TableSettings, frame: CoordinateFrame | None) -> str:
    """Return the text of a campus.toml that says how its tables are read.

    Only keys whose value changes are touched; comments and all other keys stay.

    Args:
        text: The file as it is; empty if there is none.
        settings: Columns, dialect, and unit and sense of headings; the rest is left as it is.
        frame: What positions mean; None: recognised.

    Raises:
        LabelError: The text is no TOML, or holds an unknown or wrong key.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    now, now_frame = read_table_settings(Path(), text)
    try:
        document = tomlkit.parse(text)
        _set(document, "heading", now.heading, settings.heading)
        _set_sense(document, now, settings)
        _set_columns(document, settings.columns)
        for key in ("encoding", "separator", "decimal"):
            _set_in(document, "table", key, getattr(now, key), getattr(settings, key))
        if frame != now_frame:
            _set_frame(document, frame)
        return tomlkit.dumps(document)
    except TOMLKitError as error:
        raise LabelError(f"{CAMPUS_FILE} cannot be edited ({error}): edit it by hand") from error


def save_reading(source: Path, settings: TableSettings, frame: CoordinateFrame | None) -> Path:
    """Store in campus.toml how the tables of a dataset are read; returns the file.

    Raises:
        LabelError: As `campus_with`.
        OSError: The file cannot be written.
    """
    folder = dataset_folder(source)
    path = folder / CAMPUS_FILE
    # Written through a link, as an editor would.
    write_text(path.resolve(), campus_with(campus_text(folder), settings, frame))
    return path


def _set(table: Any, key: str, now: object, wanted: object) -> None:  # noqa: ANN401 - a TOML table
    if now == wanted:
        return
    if wanted in (None, ""):
        table.pop(key, None)
    else:
        table[key] = wanted


def _set_in(document: "TOMLDocument", section: str, key: str, now: object, wanted: object) -> None:
    if now == wanted:
        return
    _set(_section(document, section), key, now, wanted)
    if not document[section]:
        document.pop(section)


def _set_sense(document: "TOMLDocument", now: TableSettings, wanted: TableSettings) -> None:
    sense = (wanted.heading_from, wanted.heading_clockwise)
    if sense == (now.heading_from, now.heading_clockwise):
        return
    for key in ("clockwise_from", "counterclockwise_from"):
        document.pop(key, None)
    if sense != ("north", True):
        key = "clockwise_from" if wanted.heading_clockwise else "counterclockwise_from"
        document[key] = wanted.heading_from


def _set_columns(document: "TOMLDocument", columns: Mapping[str, str]) -> None:
    """Write each role under the name that the file has for it already, such as `lat`."""
    keys = {found.role: key for key in document.get("columns", {}) if (found := meaning(key))}
    for role in keys.keys() - columns.keys():
        document["columns"].pop(keys[role])
    for role, title in columns.items():
        section = _section(document, "columns")
        key = keys.get(role, role)
        if section.get(key) != title:
            section[key] = title
    if "columns" in document and not document["columns"]:
        document.pop("columns")


def _set_frame(document: "TOMLDocument", frame: CoordinateFrame | None) -> None:
    if frame is None:
        document.pop("frame", None)
        return
    section = _section(document, "frame")
    values: dict[str, object] = {"kind": frame.kind}
    if frame.kind == "scaled_degrees":
        values |= {
            "scale": frame.scale,
            "origin_latitude": frame.origin_latitude,
            "origin_longitude": frame.origin_longitude,
        }
    for key in set(section) - set(values):
        section.pop(key)
    for key, value in values.items():
        if section.get(key) != value:
            section[key] = value


def _section(document: "TOMLDocument", name: str) -> Any:  # noqa: ANN401 - a TOML table
    import tomlkit

    if name not in document:
        if document.body and not document.as_string().endswith("\n\n"):
            document.add(tomlkit.nl())
        document[name] = tomlkit.table()
    return document[name]
