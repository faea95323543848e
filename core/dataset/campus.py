"""campus.toml: what the numbers of a label file mean, and the names of the campus and its regions.

Plain degrees are recognised without the file; any other numbers are refused until it says what
they are, because a distance between numbers of unknown meaning looks like an answer and is none.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.dataset.exif import ASSUMED_HFOV_DEG
from core.dataset.layout import CAMPUS_FILE
from core.errors import FAULTS, FrameError, LabelError, reason
from core.files import read_regular
from core.geo import CoordinateFrame, Floats, FrameKind, LocalFrame, distance_m
from core.options import UNKNOWN, Problem, problems
from core.tables.columns import meaning
from core.tables.regions import region_ids
from core.tables.settings import HeadingUnit, Side, TableSettings

RECOGNISED_SHARE = 0.99
CAMPUS_EXTENT_M = 100_000.0
CAMPUS_DEGREES = 1.0
_MOST_BYTES = 1_000_000
# Cameras without a fix write zeros, programs these numbers in both columns.
MOST_REGIONS = 1000
PLACEHOLDER_NUMBERS = (0.0, 1.0, 99.0, 180.0, 999.0, 9999.0, 99999.0)


@dataclass(frozen=True)
class Campus:
    """A campus as its dataset folder describes it.

    Attributes:
        name: What to call it.
        frame: What latitude and longitude in the label file mean.
        region_names: Display name by region id; ids without one show as they are.
        assumed_hfov_deg: Horizontal field of view of photos whose own is unknown.
        demo_seed: The seed that renders this campus again, if it is a demo campus.
        demo_photos: How many photos the demo campus was rendered with.
        region_count: How many regions to make where no photo names one; None: as fit best.
        area_property: Property of regions.geojson that names areas; empty: one with a usual name.
    """

    name: str
    frame: CoordinateFrame
    region_names: dict[str, str] = field(default_factory=dict)
    assumed_hfov_deg: float = ASSUMED_HFOV_DEG
    demo_seed: int | None = None
    demo_photos: int | None = None
    region_count: int | None = None
    area_property: str = ""


@dataclass(frozen=True)
class MapSettings:
    """What campus.toml says about the picture below maps.

    Attributes:
        picture: Its file, relative to the data set; empty if none is named.
        corners: Top left, top right, bottom right, bottom left; empty if the picture tells.
        crs: Coordinate system of the corners or the world file; empty: that of the labels.
        attribution: Whom the map names as its source.
        frame: What the labels are.
    """

    picture: str = ""
    corners: tuple[tuple[float, float], ...] = ()
    crs: str = ""
    attribution: str = ""
    frame: FrameKind = "degrees"


Number = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Frame(_Section):
    kind: FrameKind
    scale: float = Field(1.0, allow_inf_nan=False)
    origin_latitude: float = Field(0.0, allow_inf_nan=False)
    origin_longitude: float = Field(0.0, allow_inf_nan=False)


class _Camera(_Section):
    hfov_deg: float = Field(ASSUMED_HFOV_DEG, gt=10.0, lt=170.0)


class _Demo(_Section):
    seed: int
    photos: int | None = Field(None, gt=0)
    version: int | None = Field(None, gt=0)  # of the world's renderer; core.demo reads it


class _Table(_Section):
    encoding: str = ""
    separator: str = Field("", max_length=1)
    decimal: Literal["", ".", ","] = ""


class _Areas(_Section):
    property: str = ""


class _Map(_Section):
    picture: str = ""
    corners: list[Pair] = Field([], max_length=4)
    bounds: list[Number] = Field([], max_length=4)
    crs: str = ""
    attribution: str = Field("", max_length=200)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len(self.corners) not in (0, 4):
            raise ValueError(f"corners must be four pairs of numbers, and not {len(self.corners)}")
        if len(self.bounds) not in (0, 4):
            raise ValueError("bounds must be four numbers: south, west, north, east")
        if self.corners and self.bounds:
            raise ValueError("keep one of corners and bounds")
        return self


class _CampusFile(_Section):
    name: str | None = None
    heading: HeadingUnit | None = None
    clockwise_from: Side | None = None
    counterclockwise_from: Side | None = None
    declination_deg: float | None = Field(None, ge=-180.0, le=180.0)
    join_case: bool = False
    columns: dict[str, str] = {}
    table: _Table = _Table()
    frame: _Frame | None = None
    regions: dict[str, str] = {}
    region_count: int | None = None
    areas: _Areas = _Areas()
    map: _Map = _Map()
    camera: _Camera = _Camera()
    demo: _Demo | None = None

    @model_validator(mode="before")
    @classmethod
    def _names_or_number(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        """`[regions]` names regions; `regions = 12` asks for so many to be made."""
        number = values.get("regions")
        if "region_count" in values or number is None or isinstance(number, dict):
            return values
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError(
                f"regions must be a whole number, such as regions = 12, and not {number!r}; names "
                "of regions belong under [regions]"
            )
        if number < 0 or number == 1 or number > MOST_REGIONS:
            raise ValueError(f"regions must be 0 or a number from 2 to {MOST_REGIONS}")
        return {**values, "regions": {}, "region_count": number}


def read_campus(
    root: Path,
    labels: pd.DataFrame,
    assumed: CoordinateFrame | None = None,
    text: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Campus:
    """Read `root/campus.toml`, or recognise plain degrees if it names no frame.

    Args:
        root: The dataset folder.
        labels: Label rows with numeric columns `latitude` and `longitude`.
        assumed: The frame to take where the file names none, instead of recognising it.
        text: Read in place of the file.
        columns: Name in the label file by role, for advice.

    Raises:
        LabelError: campus.toml is not TOML, or holds an unknown or wrong key.
        FrameError: No frame is given and the numbers are not plainly degrees.
    """
    file = _read_file(root / CAMPUS_FILE, text)
    names = file.regions
    ids = region_ids(pd.Series(list(names), dtype=str))
    return Campus(
        name=file.name or root.resolve().name,
        frame=_frame(file.frame)
        if file.frame
        else assumed or _recognise(root, labels, columns or {}),
        region_names=dict(zip(ids, names.values(), strict=True)),
        assumed_hfov_deg=file.camera.hfov_deg,
        demo_seed=file.demo.seed if file.demo else None,
        demo_photos=file.demo.photos if file.demo else None,
        region_count=file.region_count,
        area_property=file.areas.property,
    )


def read_table_settings(
    root: Path, text: str | None = None
) -> tuple[TableSettings, CoordinateFrame | None]:
    """Read what `root/campus.toml` says about the label files, and its frame if it names one.

    Args:
        root: The dataset folder.
        text: Read in place of the file.

    Raises:
        LabelError: campus.toml is not TOML, or holds an unknown or wrong key.
        FrameError: Its frame cannot place anything on Earth.
    """
    file = _read_file(root / CAMPUS_FILE, text)
    columns: dict[str, str] = {}
    for key, title in file.columns.items():
        known = meaning(key)
        if known is None:
            raise LabelError(
                f"{root / CAMPUS_FILE}: [columns] has no {key!r}: write filename, latitude, "
                "longitude, heading, region, timestamp, date, hfov_deg, walk, visit, panorama_id, "
                "or position for one column with both coordinates"
            )
        if known.role in columns:
            raise LabelError(f"{root / CAMPUS_FILE}: [columns] names {known.role} twice: keep one")
        columns[known.role] = title
    if file.clockwise_from and file.counterclockwise_from:
        raise LabelError(
            f"{root / CAMPUS_FILE}: keep one of clockwise_from and counterclockwise_from"
        )
    ids = region_ids(pd.Series(list(file.regions), dtype=str))
    settings = TableSettings(
        columns=columns,
        encoding=file.table.encoding,
        separator=file.table.separator,
        decimal=file.table.decimal,
        heading=file.heading,
        heading_from=file.counterclockwise_from or file.clockwise_from or "north",
        heading_clockwise=file.counterclockwise_from is None,
        declination_deg=file.declination_deg,
        real_regions=frozenset(ids),
        join_case=file.join_case,
    )
    return settings, _frame(file.frame) if file.frame else None


def read_map_settings(root: Path) -> MapSettings:
    """Read what `root/campus.toml` says about the picture below maps.

    Raises:
        LabelError: campus.toml is not TOML, or holds an unknown or wrong key.
    """
    file = _read_file(root / CAMPUS_FILE, None)
    corners = file.map.corners
    if file.map.bounds:
        south, west, north, east = file.map.bounds
        corners = [[north, west], [north, east], [south, east], [south, west]]
    return MapSettings(
        file.map.picture,
        tuple((y, x) for y, x in corners),
        file.map.crs,
        file.map.attribution,
        file.frame.kind if file.frame else "degrees",
    )


def is_placeholder_position(positions: Floats) -> np.ndarray:
    """Flag `(n,)` pairs that programs write for no position, such as 0, 0 and 999, 999."""
    north, east = positions[:, 0], positions[:, 1]
    return np.asarray((north == east) & np.isin(np.abs(north), PLACEHOLDER_NUMBERS), bool)


def fold_longitudes(positions: Floats, frame: CoordinateFrame) -> tuple[Floats, int]:
    """Write longitudes of 180 to 360 degrees as negative ones, if they then lie on the campus.

    Args:
        positions: `(n, 2)` in label units; NaN is kept.
        frame: What they mean; only plain degrees are folded.

    Returns:
        The positions, and how many were changed.
    """
    if frame.kind != "degrees":
        return positions, 0
    east = positions[:, 1]
    real = np.isfinite(positions).all(axis=1) & (np.abs(positions) <= [90.0, 360.0]).all(axis=1)
    high = real & (east > 180.0)
    if not high.any():
        return positions, 0
    middle = frame.middle(positions[real])[1]
    # A typing error far from the campus stays a number that is no place on Earth.
    near = np.abs((east - middle + 180.0) % 360.0 - 180.0) <= CAMPUS_DEGREES
    folded = positions.copy()
    folded[high & near, 1] -= 360.0
    return folded, int((high & near).sum())


def campus_text(root: Path) -> str:
    """The text of `root/campus.toml`; empty if there is none.

    Raises:
        LabelError: It is no UTF-8.
    """
    path = root / CAMPUS_FILE
    if not path.is_file():
        return ""
    try:
        # Editors on Windows write a byte order mark.
        return read_regular(path, _MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{path} is not valid TOML: {reason(error)}") from error


def _read_file(path: Path, text: str | None) -> _CampusFile:
    text = campus_text(path.parent) if text is None else text
    try:
        content = tomllib.loads(text)
    except FAULTS as error:
        # Deep nesting, and a number of thousands of digits, is no TOMLDecodeError.
        raise LabelError(f"{path} is not valid TOML: {reason(error)}") from error
    try:
        return _CampusFile.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_explain(problem) for problem in problems(error))
        raise LabelError(f"{path} is wrong: {faults}") from error


def _explain(problem: Problem) -> str:
    key = ".".join(problem.path)
    if problem.words == UNKNOWN:
        return (
            f"{key}: unknown key (known: above all sections name, heading, clockwise_from, "
            "counterclockwise_from, declination_deg, join_case, regions; [columns], [table] "
            "encoding separator decimal, [frame] kind scale origin_latitude origin_longitude, "
            "[regions], [areas] property, [map] picture corners bounds crs "
            "attribution, [camera] hfov_deg, [demo] seed photos version)"
        )
    return f"{key} {problem.words}".strip()


def _frame(section: _Frame) -> CoordinateFrame:
    if section.kind == "scaled_degrees" and "scale" not in section.model_fields_set:
        raise FrameError(
            "campus.toml: a scaled_degrees frame needs scale (degrees per label unit), "
            "origin_latitude and origin_longitude (degrees at label 0)"
        )
    return CoordinateFrame(
        section.kind, section.scale, section.origin_latitude, section.origin_longitude
    )


def _recognise(root: Path, labels: pd.DataFrame, columns: Mapping[str, str]) -> CoordinateFrame:
    """Accept numbers as degrees only where nearly all of them can be nothing else."""
    values = labels[["latitude", "longitude"]].to_numpy(np.float64)
    values = values[np.isfinite(values).all(axis=1)]
    values = values[~is_placeholder_position(values)]
    values, _ = fold_longitudes(values, CoordinateFrame("degrees"))
    if len(values) == 0:
        raise LabelError(f"{root}: no label row has a latitude and a longitude that are numbers")
    plain, on_earth = _plain_degrees(values)
    degrees = CoordinateFrame("degrees")
    if plain.mean() > RECOGNISED_SHARE:
        extent_m = _extent_m(degrees, values[on_earth])
        if extent_m < CAMPUS_EXTENT_M:
            return degrees
        raise FrameError(
            _how_to_write(root, values, f"read as degrees they span {extent_m / 1000:,.0f} km")
        )
    if _look_swapped(values):
        raise FrameError(_how_to_swap(root, values, columns))
    why = "they are not plainly degrees"
    if plain.mean() > 0.5:
        shown = ", ".join(f"{north:g} {east:g}" for north, east in values[~plain][:3])
        more = ", ..." if int((~plain).sum()) > 3 else ""
        rows = f"{int((~plain).sum()):,} of {len(values):,} rows"
        why += f" in {rows} ({shown}{more}): correct these, if the others are right"
    raise FrameError(_how_to_write(root, values, why))


def _plain_degrees(values: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Flag `(n,)` positions that are degrees and no whole numbers, and those on Earth."""
    on_earth = np.asarray((np.abs(values) <= [90.0, 180.0]).all(axis=1), bool)
    return on_earth & (values != np.round(values)).any(axis=1), on_earth


def _look_swapped(values: Floats) -> bool:
    """Whether positions are no degrees, and are those of a campus with the columns swapped."""
    plain, on_earth = _plain_degrees(values[:, ::-1])
    if plain.mean() <= RECOGNISED_SHARE:
        return False
    return _extent_m(CoordinateFrame("degrees"), values[on_earth, ::-1]) < CAMPUS_EXTENT_M


def _how_to_swap(root: Path, values: Floats, columns: Mapping[str, str]) -> str:
    low, high = values.min(axis=0), values.max(axis=0)
    north, east = (columns.get(role, role) for role in ("latitude", "longitude"))
    said = (
        f"{root}: latitude {low[0]:g} to {high[0]:g}, longitude {low[1]:g} to {high[1]:g}: they "
        "look swapped, as a latitude is 90 degrees at most. "
    )
    if north == east:
        return f"{said}Write the other number first in column {north!r} of the label file"
    return (
        f"{said}If they are, write {root / CAMPUS_FILE} with these lines:\n\n[columns]\n"
        f"latitude = {json.dumps(east, ensure_ascii=False)}\n"
        f"longitude = {json.dumps(north, ensure_ascii=False)}\n"
    )


def _extent_m(frame: CoordinateFrame, values: Floats) -> float:
    metres = LocalFrame.about(frame, values).to_metres(values)
    return float(2.0 * np.quantile(distance_m(metres, np.median(metres, axis=0)), 0.95))


def _how_to_write(root: Path, values: Floats, why: str) -> str:
    low, high = np.quantile(values, [0.01, 0.99], axis=0)
    # Google's E7 numbers are no place on Earth in millionths.
    scale = "1e-6" if (np.abs(values) <= [90e6, 180e6]).all(axis=1).mean() > 0.5 else "1e-7"
    return (
        f"{root}: it is unknown what the label coordinates mean: latitude {low[0]:g} to "
        f"{high[0]:g}, longitude {low[1]:g} to {high[1]:g}; {why}. Write {root / CAMPUS_FILE} "
        "with one of these:\n\n"
        '[frame]\nkind = "degrees"              # WGS 84 latitude and longitude\n\n'
        '[frame]\nkind = "scaled_degrees"       # degrees = origin + scale * label\n'
        f"scale = {scale}                  # degrees per label unit\n"
        "origin_latitude = 0.0         # degrees at label 0\n"
        "origin_longitude = 0.0\n\n"
        '[frame]\nkind = "planar_metres"        # latitude: metres north, longitude: metres east\n'
    )
