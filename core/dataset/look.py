"""What was understood of a dataset folder: one screen of text, or the same for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.dataset.labels import Dataset
from core.dataset.layout import AREAS_FILE
from core.geo import CoordinateFrame, off_campus
from core.labels import LABELS, Label, absent, listed
from core.tables.raw import SEPARATORS


@dataclass(frozen=True)
class Look:
    """What was understood of the label files of a dataset.

    Attributes:
        folder: The dataset folder.
        files: The label files.
        format: Their format.
        encoding: Of text files; None for others.
        separator: Of CSV files; None for others.
        columns: Name in the file by role.
        unused_columns: Columns of which nothing is read.
        frame: `degrees`, `scaled_degrees` or `planar_metres`; None without positions.
        photos: Photos that can be used.
        left_out: Rows left out, by reason.
        regions: Region ids.
        regions_from: `labels`, `polygons`, or `positions` if they were made; None without regions.
        with_region: Photos whose label names a region.
        with_heading: Photos with a heading.
        with_position: Photos with a position.
        with_time: Photos with a time of day.
        heading_unit: Unit of the headings in the files; None without headings.
        latitude_range_deg: `[low, high]` of the campus, far rows left aside; None if unknown.
        longitude_range_deg: The same; across the antimeridian it goes on beyond 180.
        extent_m: `[north, east]` of the campus in metres, far rows left aside; None if unknown.
        far: Photos that lie far from the campus.
        warnings: What was converted, passed over or looks wrong.
    """

    folder: str
    files: list[str]
    format: str
    encoding: str | None
    separator: str | None
    columns: dict[str, str]
    unused_columns: list[str]
    frame: str | None
    photos: int
    left_out: dict[str, int]
    regions: list[str]
    regions_from: str | None
    with_region: int
    with_heading: int
    with_position: int
    with_time: int
    heading_unit: str | None
    latitude_range_deg: list[float] | None
    longitude_range_deg: list[float] | None
    extent_m: list[float] | None
    far: list[str]
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


def look(dataset: Dataset) -> Look:
    """Say what was understood of a dataset that was read."""
    has = {label: dataset.labelled(label) for label in LABELS}
    first = dataset.sources[0] if dataset.sources else None
    far = np.zeros(len(dataset), bool)
    if has["position"].any():
        metres = dataset.local_frame().to_metres(dataset.positions[has["position"]])
        far[has["position"]] = off_campus(metres)
    latitude, longitude, extent = _ranges(dataset, has["position"] & ~far)
    return Look(
        folder=str(dataset.root),
        files=[source.path.name for source in dataset.sources],
        format=first.format if first else "",
        encoding=(first.encoding or None) if first else None,
        separator=(first.separator or None) if first else None,
        columns=dict(first.columns) if first else {},
        unused_columns=list(first.unused) if first else [],
        frame=dataset.campus.frame.kind if has["position"].any() else None,
        photos=len(dataset),
        left_out=_reasons(dataset),
        regions=list(dataset.regions),
        regions_from=dataset.regions_from if dataset.regions else None,
        with_region=int(has["region"].sum()) if dataset.regions_from != "positions" else 0,
        with_heading=int(has["heading"].sum()),
        with_position=int(has["position"].sum()),
        with_time=int(dataset.table["minute"].notna().sum()),
        heading_unit=dataset.heading_unit if has["heading"].any() else None,
        latitude_range_deg=latitude,
        longitude_range_deg=longitude,
        extent_m=extent,
        far=dataset.table["photo_id"][far].tolist(),
        warnings=list(dataset.notes),
    )


def _reasons(dataset: Dataset) -> dict[str, int]:
    """Rows left out by reason; what follows a colon differs by row."""
    reasons = dataset.excluded["reason"].str.replace(r":.*", "", regex=True).str.strip()
    return {str(reason): int(count) for reason, count in reasons.value_counts().items()}


def _ranges(
    dataset: Dataset, near: np.ndarray
) -> tuple[list[float] | None, list[float] | None, list[float] | None]:
    """Latitudes, longitudes and metres of the photos `near` `(n,)` the campus."""
    if not near.any():
        return None, None, None
    positions = dataset.positions[near]
    metres = dataset.local_frame().to_metres(positions)
    extent = [round(float(side), 2) for side in np.ptp(metres, axis=0)]
    frame = dataset.campus.frame
    if not frame.has_degrees:
        return None, None, extent
    degrees = frame.to_degrees(positions)
    degrees = CoordinateFrame("degrees").unwrapped(degrees)
    low, high = degrees.min(axis=0), degrees.max(axis=0)
    latitude, longitude = (
        [round(float(low[axis]), 9), round(float(high[axis]), 9)] for axis in (0, 1)
    )
    return latitude, longitude, extent


_UNITS = {
    "degrees": "degrees (WGS 84)", "scaled_degrees": "scaled degrees", "planar_metres": "metres",
}  # fmt: skip


def summary(dataset: Dataset) -> str:
    """What was understood, as one screen of text."""
    seen = look(dataset)
    lines = [f"{seen.folder}: {seen.photos:,} photos"]
    lines += [f"  {subject:<10} {text}" for subject, text in described(seen).items()]
    lines += [f"  note       {warning}" for warning in seen.warnings]
    return "\n".join(lines)


def described(seen: Look) -> dict[str, str]:
    """What was understood as a line for each subject, without the warnings."""
    form = seen.format.upper()
    if seen.encoding:
        form += f", {seen.encoding}"
    if seen.separator:
        form += f", separated by {SEPARATORS.get(seen.separator, repr(seen.separator))}"
    unit = f" in {seen.heading_unit}" if seen.heading_unit else ""
    missing = [label for label in LABELS if not _known(seen)[label]]
    lines = {
        "labels": f"{', '.join(seen.files)} ({form})",
        "columns": ", ".join(f"{role} = {name}" for role, name in seen.columns.items()),
    }
    if seen.unused_columns:
        lines["not used"] = _some(seen.unused_columns, 8)
    lines |= {
        "positions": _positions(seen),
        "headings": f"{seen.with_heading:,}{unit}" if seen.with_heading else "none",
        "regions": _regions(seen),
        "times": f"{seen.with_time:,}" if seen.with_time else "none",
    }
    if missing:
        lines["model"] = _model(seen, missing)
    if seen.left_out:
        lines["left out"] = "; ".join(f"{n} x {reason}" for reason, n in seen.left_out.items())
    if seen.far:
        lines["far away"] = f"{len(seen.far):,} photos: {_some(seen.far, 3)}"
    return lines


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _known(seen: Look) -> dict[Label, bool]:
    """Which labels a model of the data set can learn."""
    return {
        "position": seen.with_position > 0,
        "heading": seen.with_heading > 0,
        "region": bool(seen.regions),
    }


def _model(seen: Look, missing: Sequence[Label]) -> str:
    """What a model can say, in words."""
    if "position" in missing and "region" in missing:
        return "none: it needs positions or regions"
    return f"it learns {listed(absent(missing))}; nobody labelled {listed(missing, 'or')}"


def _positions(seen: Look) -> str:
    if not seen.with_position or not seen.extent_m:
        return "none"
    place = ""
    if seen.latitude_range_deg and seen.longitude_range_deg:
        south, north = seen.latitude_range_deg
        west, east = seen.longitude_range_deg
        place = f"; latitude {south:.5f} to {north:.5f}, longitude {west:.5f} to {east:.5f}"
    size = f"{seen.extent_m[0]:,.0f} m north by {seen.extent_m[1]:,.0f} m east"
    return f"{seen.with_position:,} in {_UNITS[str(seen.frame)]}: {size}{place}"


def _regions(seen: Look) -> str:
    if not seen.regions:
        return "none"
    names = _some(seen.regions, 12)
    if seen.regions_from == "polygons":
        return f"{len(seen.regions)} from the polygons of {AREAS_FILE}: {names}"
    if seen.regions_from == "positions":
        return f"{len(seen.regions)} made from the positions, as no photo names one: {names}"
    return f"{len(seen.regions)} on {seen.with_region:,} photos: {names}"
