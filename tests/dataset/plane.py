"""A dataset of points on a plane: labels only, no photos."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.dataset.campus import Campus
from core.dataset.label_table import natural_order
from core.dataset.labels import PHOTO_COLUMNS, Dataset
from core.geo import CoordinateFrame


def dataset_of(
    positions: np.ndarray, regions: list[str], official: list[str] | None = None
) -> Dataset:
    """Photos at `(n, 2)` metres, without times and headings."""
    table = pd.DataFrame("", index=pd.RangeIndex(len(regions)), columns=list(PHOTO_COLUMNS))
    table = table.assign(
        photo_id=[f"images/{row:05d}.jpg" for row in range(len(regions))],
        latitude=positions[:, 0],
        longitude=positions[:, 1],
        heading_deg=0.0,
        hfov_deg=np.nan,
        minute=np.nan,
        region=regions,
        official=official or "",
    )
    campus = Campus("plane", CoordinateFrame("planar_metres"))
    none_left_out = pd.DataFrame({"photo_id": [], "reason": []})
    return Dataset(Path("plane"), campus, table, none_left_out, (), natural_order(regions))
