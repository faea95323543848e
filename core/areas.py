"""Areas on the ground: the polygons of regions, as GeoJSON writes them."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.geo import Floats, LocalFrame

Ring = tuple[tuple[float, float], ...]


class Area(BaseModel):
    """The ground of one region.

    Attributes:
        region: Its id.
        polygons: Of each polygon the outer ring, then its holes; corners are
            `(longitude, latitude)` in WGS 84 degrees. Longitudes go on beyond 180 where an area
            lies across the antimeridian.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    polygons: tuple[tuple[Ring, ...], ...]

    def polygons_m(self, local: LocalFrame) -> list[list[Floats]]:
        """Rings `(k, 2)` `[north_m, east_m]` of each polygon.

        Raises:
            FrameError: Positions are planar metres.
        """
        return [
            [local.from_degrees(np.asarray(ring, np.float64)[:, ::-1]) for ring in polygon]
            for polygon in self.polygons
        ]

    def geometry(self) -> dict[str, Any]:
        """The area as a GeoJSON geometry (RFC 7946)."""
        return {
            "type": "MultiPolygon",
            "coordinates": [
                [[list(corner) for corner in ring] for ring in polygon] for polygon in self.polygons
            ],
        }
