"""Photos on a grid, and named areas around them."""

from typing import Any

import numpy as np
import pandas as pd

# Photos on a grid of 0.001 degrees: 5 rows to the north by 6 columns to the east.
NORTH, EAST = np.meshgrid(np.arange(5), np.arange(6), indexing="ij")


def photos(longitude: float = 77.125, **columns: object) -> pd.DataFrame:
    east = (longitude + EAST.ravel() * 1e-3 + 180) % 360 - 180
    return pd.DataFrame(
        {
            "filename": [f"{n}_{e}.jpg" for n, e in zip(NORTH.ravel(), EAST.ravel(), strict=True)],
            "latitude": [f"{12.25 + n * 1e-3:.6f}" for n in NORTH.ravel()],
            "longitude": [f"{value:.6f}" for value in east],
        }
    ).assign(**columns)


def ring(south: float, west: float, north: float, east: float, at: float = 77.125) -> list[Any]:
    """A box in units of the grid; its longitudes are within -180 and 180."""
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return [[(at + x * 1e-3 + 180) % 360 - 180, 12.25 + y * 1e-3] for x, y in corners]


def feature(
    name: object, /, *rings: list[Any], key: str = "name", **properties: object
) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {key: name, **properties},
        "geometry": {"type": "Polygon", "coordinates": list(rings)},
    }


WEST, RIGHT = ring(-0.5, -0.5, 4.5, 2.5), ring(-0.5, 2.5, 4.5, 5.5)
