"""Label rows as the file writes them, none left out, and their positions in the plane.

The campus extent is what is connected: rows within a reach of one another make one piece of ground,
and a piece that holds few rows is an island. A row on an island is far from every row that could
support it. The plane is equirectangular about the median, because a label that is wrong by
any factor must be placed too; over a campus it differs from the projection by millimetres.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.dataset.campus import fold_longitudes, read_campus, read_table_settings
from core.dataset.labels import no_position_faults
from core.dataset.layout import LabelFile, dataset_folder, find_label_files
from core.dataset.photo_names import FoundPhotos, find_photos
from core.errors import FrameError
from core.geo import CoordinateFrame, Floats
from core.tables.read import read_label_table
from core.tables.times import minute_of_day
from core.tables.values import LabelValues, read_values

METRES_PER_DEGREE = 111_195.0
ISLAND_SHARE = 0.05
# The reach, in parts of the campus's spread and in typical gaps between neighbouring spots. Points
# that lie at random hang together from 2.5 typical gaps on.
REACH_SPREADS = 0.25
REACH_GAPS = 6.0


@dataclass(frozen=True, eq=False)
class CampusExtent:
    """The plane under n label rows.

    Attributes:
        position: `(n, 2)` north and east of the median, in `unit`; NaN if there is no number.
        middle: The median position in label units.
        frame: What label units mean; None if unknown.
        per_unit: Length of one label unit north and east, in `unit`.
        unit: `m`, or `label units` if the frame is unknown.
        spread: Median distance of the campus's rows from the middle.
        reach: Rows this close hang together.
        on_island: `(n,)` whether a row stands off the campus.
        gap: `(n,)` distance to the nearest row on the campus; 0 on it, NaN without a number.
    """

    position: Floats
    middle: Floats
    frame: CoordinateFrame | None
    per_unit: Floats
    unit: str
    spread: float
    reach: float
    on_island: np.ndarray
    gap: Floats

    def place(self, labels: Floats) -> Floats:
        """Put label positions `(m, 2)` into the plane `(m, 2)`."""
        return np.asarray((self._unwrapped(labels) - self.middle) * self.per_unit, np.float64)

    def _unwrapped(self, labels: Floats) -> Floats:
        """Bring longitudes next to the middle, the short way round the Earth."""
        if self.frame is None:
            return labels
        return self.frame.unwrapped(labels, about=float(self.middle[1]))

    def length(self, distance: float) -> str:
        """Write a length for people."""
        if self.unit == "m" and distance >= 10_000.0:
            return f"{distance / 1000.0:,.0f} km"
        return f"{distance:,.0f} {self.unit}"


def campus_extent(
    latitude: Floats, longitude: Floats, frame: CoordinateFrame | None
) -> CampusExtent:
    """Lay rows `(n,)` out in the plane and separate the campus from the islands around it."""
    labels = np.column_stack([latitude, longitude])
    known = np.asarray(np.isfinite(labels).all(axis=1), bool)
    if not known.any():
        blank = np.full(labels.shape, np.nan)
        one = np.ones(2)
        return CampusExtent(
            blank, np.zeros(2), frame, one, "label units", 0.0, 0.0, known, blank[:, 0]
        )
    middle = frame.middle(labels[known]) if frame else np.median(labels[known], axis=0)
    if frame:
        labels[known] = frame.unwrapped(labels[known], about=float(middle[1]))
    per_unit = _per_unit(frame, float(middle[0]))
    position = (labels - middle) * per_unit
    spread = float(np.median(np.hypot(*position[known].T)))
    points = position[known]
    reach = _reach(points, spread)
    off = np.zeros(len(labels), bool)
    off[known] = _islands(points, reach)
    gap = np.full(len(labels), np.nan)
    gap[known] = 0.0
    if off.any():
        gap[off] = cKDTree(position[known & ~off]).query(position[off])[0]
    unit = "m" if frame else "label units"
    return CampusExtent(position, middle, frame, per_unit, unit, spread, reach, off, gap)


def _per_unit(frame: CoordinateFrame | None, latitude: float) -> Floats:
    if frame is None or not frame.has_degrees:
        return np.ones(2)
    scale = frame.scale if frame.kind == "scaled_degrees" else 1.0
    north_deg = np.clip(latitude * scale + frame.origin_latitude, -89.0, 89.0)
    return METRES_PER_DEGREE * abs(scale) * np.array([1.0, np.cos(np.deg2rad(north_deg))])


def _reach(points: Floats, spread: float) -> float:
    """How far rows may stand apart and still hang together."""
    spots = np.unique(points, axis=0)
    if len(spots) < 3:
        return max(spread, 1.0)
    gaps = cKDTree(spots).query(spots, k=2)[0][:, 1]
    return max(REACH_SPREADS * spread, REACH_GAPS * float(np.median(gaps)), 1e-9)


def _islands(points: Floats, reach: float) -> np.ndarray:
    """Flag `(m,)` points in pieces of ground that hold few of them; the largest is never one."""
    # Cells first: a campus has many photos a spot, and pairs grow with the square.
    cells, cell = np.unique(np.round(points / (reach / 8.0)), axis=0, return_inverse=True)
    pairs = cKDTree(cells).query_pairs(8.0, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (len(cells),) * 2)
    piece = connected_components(links, directed=False)[1][np.ravel(cell)]
    size = np.bincount(piece)
    small = size < max(ISLAND_SHARE * len(points), 2.0)
    small[np.argmax(size)] = False
    return np.asarray(small[piece])


@dataclass(frozen=True, eq=False)
class LabelRows:
    """Every row of a dataset's label files.

    Attributes:
        root: The dataset folder.
        files: Its label files, in the order of their rows.
        text: The columns of `read_label_table` as the files have them, blanks included, one line
            a row, numbered from 0; further `file` (the label file, relative to the root),
            `photo_id`, `path` (of the photo, empty if there is none) and `photo_fault` (why there
            is none).
        found: What the search for photos gave, by label file.
        frame: What the coordinates mean; None if unknown.
        frame_fault: Why the frame is unknown; empty if it is known.
        values: What the text means, without repairs.
    """

    root: Path
    files: tuple[LabelFile, ...]
    text: pd.DataFrame
    found: tuple[FoundPhotos, ...]
    frame: CoordinateFrame | None
    frame_fault: str
    values: LabelValues

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.text)

    @property
    def latitude(self) -> Floats:
        """`(n,)` in label units; NaN if the text is no number."""
        return self.values.latitude

    @cached_property
    def longitude(self) -> Floats:
        """`(n,)` in label units, in [-180, 180] if they are degrees; NaN if it is no number."""
        if self.frame is None:
            return self.values.longitude
        positions = np.column_stack([self.values.latitude, self.values.longitude])
        return fold_longitudes(positions, self.frame)[0][:, 1]

    @property
    def heading_deg(self) -> Floats:
        """`(n,)` degrees, not wrapped; NaN if the text is no heading."""
        return self.values.heading_deg

    @cached_property
    def minute(self) -> Floats:
        """`(n,)` minutes since midnight; NaN if the text holds no time."""
        return minute_of_day(self.values.timestamp)

    @cached_property
    def region(self) -> np.ndarray:
        """`(n,)` region ids as text."""
        return np.asarray(self.values.region, object)

    @cached_property
    def walk(self) -> np.ndarray:
        """`(n,)` numbers of walks: rows of one `walk`, or else a run of rows of one region.

        Without a `walk` column, photos that one person took on end mostly stand on end in the file.
        """
        named = self.text["walk"].str.strip()
        if (named != "").any():
            key = self.text["file"] + "\t" + self.text["visit"].str.strip() + "\t" + named
            return np.asarray(pd.factorize(key)[0], np.int64)
        region, file = self.region, self.text["file"].to_numpy(object)
        starts = (region[1:] != region[:-1]) | (file[1:] != file[:-1])
        return np.concatenate([[0], np.cumsum(starts)]).astype(np.int64)

    @cached_property
    def extent(self) -> CampusExtent:
        """Where the rows stand, and which stand off the campus; rows at 0, 0 stand nowhere."""
        latitude = np.where(self.no_position, np.nan, self.latitude)
        return campus_extent(latitude, self.longitude, self.frame)

    @cached_property
    def no_position(self) -> np.ndarray:
        """`(n,)` whether the position stands for none, such as 0, 0 off the campus."""
        if self.frame is None:
            return np.zeros(len(self), bool)
        positions = pd.DataFrame({"latitude": self.latitude, "longitude": self.longitude})
        return np.asarray(no_position_faults(positions, self.frame) != "", bool)

    @property
    def has_photos(self) -> bool:
        """Whether at least half of the rows have their photo."""
        return bool((self.text["path"] != "").mean() >= 0.5)

    def position_text(self, row: int) -> str:
        """The position of a row as `latitude longitude`, in the words of the file."""
        return f"{self.text['latitude'].iat[row].strip()} {self.text['longitude'].iat[row].strip()}"


def read_rows(source: Path | str) -> LabelRows:
    """Read the label rows of a dataset folder, or of one CSV file, whether photos are there or not.

    Raises:
        LabelError: There are no labels, a needed column is missing, or campus.toml is wrong.
    """
    given = Path(source)
    files, _ = find_label_files(given)
    root = dataset_folder(given)
    settings, said = read_table_settings(root)
    tables = [read_label_table(file.path, settings, strip=False) for file in files]
    found: list[FoundPhotos] = []
    texts = []
    for file, table in zip(files, tables, strict=True):
        photos = find_photos(root, file, table.text["filename"].str.strip())
        found.append(photos)
        paths = [
            "" if fault else str((root / photo).absolute())
            for photo, fault in zip(photos.photo_ids, photos.faults, strict=True)
        ]
        texts.append(
            table.text.assign(
                file=file.name_in(root),
                photo_id=photos.photo_ids,
                path=paths,
                photo_fault=photos.faults,
            )
        )
    text = pd.concat(texts, ignore_index=True)
    values = read_values(tables, settings, said)
    frame, fault = _frame(root, values)
    return LabelRows(root, files, text, tuple(found), frame, fault, values)


def _frame(root: Path, values: LabelValues) -> tuple[CoordinateFrame | None, str]:
    positions = pd.DataFrame({"latitude": values.latitude, "longitude": values.longitude})
    if positions.isna().any(axis=1).all():
        return None, "no row has a latitude and a longitude that are numbers"
    try:
        return read_campus(root, positions).frame, ""
    except FrameError as error:
        return None, str(error)
