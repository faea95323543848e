"""Label rows as the file writes them, and what can be read from them; nothing is left out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core.audit.ground import Ground, find_ground
from core.dataset.campus import read_campus
from core.dataset.clean import minute_of_day, numbers, region_ids
from core.dataset.columns import NEEDED, OPTIONAL, read_columns
from core.dataset.layout import LabelFile, dataset_folder, find_label_files
from core.dataset.photos import FoundPhotos, find_photos
from core.errors import FrameError
from core.geo import CoordinateFrame, Floats

TEXT_COLUMNS = (*NEEDED, *OPTIONAL)


@dataclass(frozen=True, eq=False)
class LabelRows:
    """Every row of a dataset's label files.

    Attributes:
        root: The dataset folder.
        files: Its label files, in the order of their rows.
        text: `TEXT_COLUMNS` exactly as the files have them, blanks included, one line a row,
            numbered from 0; further `file` (the label file, relative to the root), `photo_id`,
            `path` (of the photo, empty where there is none) and `photo_fault` (why there is none).
        found: What the search for photos gave, by label file.
        frame: What the coordinates mean; None where nobody says.
        frame_fault: Why the frame is unknown; empty where it is known.
    """

    root: Path
    files: tuple[LabelFile, ...]
    text: pd.DataFrame
    found: tuple[FoundPhotos, ...]
    frame: CoordinateFrame | None
    frame_fault: str

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.text)

    @cached_property
    def latitude(self) -> Floats:
        """`(n,)` in label units; NaN where the text is no number."""
        return numbers(self.text["latitude"].str.strip())

    @cached_property
    def longitude(self) -> Floats:
        """`(n,)` in label units; NaN where the text is no number."""
        return numbers(self.text["longitude"].str.strip())

    @cached_property
    def heading_deg(self) -> Floats:
        """`(n,)` degrees as written, not wrapped; NaN where the text is no number."""
        return numbers(self.text["heading_deg"].str.strip())

    @cached_property
    def minute(self) -> Floats:
        """`(n,)` minutes since midnight; NaN where the text holds no time."""
        return minute_of_day(self.text["timestamp"].str.strip())

    @cached_property
    def region(self) -> np.ndarray:
        """`(n,)` region ids as text."""
        return np.asarray(region_ids(self.text["region"].str.strip()), object)

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
    def ground(self) -> Ground:
        """Where the rows stand, and which stand off the campus."""
        return find_ground(self.latitude, self.longitude, self.frame)

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
    found: list[FoundPhotos] = []
    tables = []
    for file in files:
        text = read_columns(file.path, strip=False)
        photos = find_photos(root, file, text["filename"].str.strip())
        found.append(photos)
        paths = [
            "" if fault else str((root / photo).absolute())
            for photo, fault in zip(photos.photo_ids, photos.faults, strict=True)
        ]
        tables.append(
            text.assign(
                file=file.name_in(root),
                photo_id=photos.photo_ids,
                path=paths,
                photo_fault=photos.faults,
            )
        )
    text = pd.concat(tables, ignore_index=True)
    frame, fault = _frame(root, text)
    return LabelRows(root, files, text, tuple(found), frame, fault)


def _frame(root: Path, text: pd.DataFrame) -> tuple[CoordinateFrame | None, str]:
    values = pd.DataFrame(
        {name: numbers(text[name].str.strip()) for name in ("latitude", "longitude")}
    )
    if values.isna().any(axis=1).all():
        return None, "no row has a latitude and a longitude that are numbers"
    try:
        return read_campus(root, values).frame, ""
    except FrameError as error:
        return None, str(error)
