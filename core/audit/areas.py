"""Region labels that the polygons of `regions.geojson` contradict."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from core.audit.findings import Finding, row_finding
from core.audit.rows import METRES_PER_DEGREE, LabelRows
from core.audit.schema import AuditConfig
from core.dataset.campus import read_campus
from core.dataset.layout import AREAS_FILE
from core.errors import BearingsError
from core.geo import CoordinateFrame, Floats

KINDS = {"region_area": "a position outside the area of its region"}
# Positions of phones are wrong by so much; at this distance either the label or the position is.
USUAL_ERROR_M = 10.0


def needs(rows: LabelRows, config: AuditConfig) -> str:
    """Return why the areas cannot be compared with the labels, or `""`."""
    del config
    if not (rows.root / AREAS_FILE).is_file():
        return ""
    try:
        _located(rows)
    except BearingsError as error:
        return str(error)
    return ""


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Compare the region of each row with the area around its position."""
    del config
    found = _located(rows)
    if found is None:
        return
    for row, away_m, around in zip(*found, strict=True):
        region = rows.region[row]
        where = f"in the area of region {around}" if around else "in no area"
        evidence = (
            f"the position lies {where} of {AREAS_FILE}, {away_m:,.0f} m from that of region "
            f"{region}"
        )
        score = away_m / (away_m + USUAL_ERROR_M)
        yield row_finding(rows, int(row), "region_area", "Region_ID", around, score, evidence)


def _located(rows: LabelRows) -> tuple[np.ndarray, Floats, list[str]] | None:
    """Rows outside the area of their region: their distance from it, and the area around them.

    Raises:
        BearingsError: The areas or the frame cannot be read.
    """
    path = rows.root / AREAS_FILE
    placed = np.isfinite(rows.extent.position).all(axis=1) & ~rows.extent.on_island
    on = np.flatnonzero(placed & (rows.region != ""))
    if not path.is_file() or not len(on):
        return None
    import shapely  # only where there are areas

    from core.dataset.region_areas import NOWHERE, SEVERAL, read_areas

    labels = np.column_stack([rows.latitude, rows.longitude])[on]
    campus = read_campus(rows.root, pd.DataFrame(labels, columns=["latitude", "longitude"]))
    degrees, about = labels, 0.0
    if campus.frame.has_degrees:
        degrees = campus.frame.to_degrees(labels)
        about = float(CoordinateFrame("degrees").middle(degrees)[1])
    areas = read_areas(rows.root, campus, about)
    assert areas is not None
    index = {area.region: number for number, area in enumerate(areas.areas)}
    own = np.array([index.get(region, NOWHERE) for region in rows.region[on]])
    around = areas.locate(degrees)
    # In two areas, one of which is its own, a row contradicts nothing.
    odd = np.flatnonzero((own != NOWHERE) & (around != own) & (around != SEVERAL))
    middle = np.median(degrees[:, 0])
    scale = METRES_PER_DEGREE * np.array([np.cos(np.deg2rad(middle)), 1.0])
    shapes = [shapely.transform(shape, lambda corners: corners * scale) for shape in areas.shapes]
    points = CoordinateFrame("degrees").unwrapped(degrees[odd], about=about)[:, ::-1] * scale
    away = [shapes[own[row]].distance(shapely.Point(p)) for row, p in zip(odd, points, strict=True)]
    names = [areas.areas[around[row]].region if around[row] >= 0 else "" for row in odd]
    return on[odd], np.asarray(away, np.float64), names
