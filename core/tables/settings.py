"""What campus.toml says about a label table: names of columns, dialect and units of values."""

from dataclasses import dataclass, field
from typing import Literal

HeadingUnit = Literal["degrees", "radians", "turns", "mils", "grads"]
Side = Literal["north", "east", "south", "west"]
Role = Literal[
    "filename", "latitude", "longitude", "heading", "region", "timestamp", "hfov_deg", "walk",
    "visit", "date", "position", "latitude_side", "longitude_side", "heading_reference",
]  # fmt: skip
"""What a column can hold; `position` is one column with latitude and longitude, and the sides are
columns of hemisphere letters."""

FOREIGN_TABLES = {
    ".xls": "an old Excel workbook", ".ods": "an OpenDocument table", ".numbers": "a Numbers file",
    ".shp": "a shapefile", ".gpkg": "a GeoPackage", ".sqlite": "a database", ".db": "a database",
}  # fmt: skip
"""Tables that are not read, and what they are."""
TABLE_SUFFIXES = (
    ".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".parquet", ".geojson", ".json", ".jsonl", ".ndjson",
    ".gpx", ".kml", ".kmz",
)  # fmt: skip
"""Endings of files that may be label tables, in the order in which they are preferred."""


@dataclass(frozen=True)
class TableSettings:
    """What is said about a label table instead of being recognised.

    Attributes:
        columns: Name in the file by role.
        encoding: Name of the encoding; empty: recognised.
        separator: Between the values of a line; empty: recognised.
        decimal: The decimal mark, `.` or `,`; empty: recognised.
        heading: Unit of headings; None: as the column's name says, or else degrees if plausible.
        heading_from: The side that headings count from.
        heading_clockwise: Whether headings grow clockwise.
        declination_deg: Degrees that magnetic north lies east of true north; None: unknown.
        real_regions: Region ids that campus.toml names, which no placeholder hides.
        join_case: Whether regions that differ only in case are one region.
    """

    columns: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    separator: str = ""
    decimal: str = ""
    heading: HeadingUnit | None = None
    heading_from: Side = "north"
    heading_clockwise: bool = True
    declination_deg: float | None = None
    real_regions: frozenset[str] = frozenset()
    join_case: bool = False
