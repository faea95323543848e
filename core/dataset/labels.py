"""Read a folder of labelled photos into a `Dataset`: nothing is dropped or repaired in silence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.dataset.campus import Campus, read_campus
from core.dataset.clean import (
    fields_of_view,
    minute_of_day,
    numbers,
    region_ids,
    row_faults,
    wrapped_headings,
)
from core.dataset.columns import read_columns
from core.dataset.exclusions import check_excluded, duplicate_faults, off_earth_faults
from core.dataset.layout import LabelFile, dataset_folder, find_label_files
from core.dataset.outliers import outlier_note
from core.dataset.photos import FoundPhotos, find_photos
from core.dataset.regions import natural_order
from core.dataset.repaired import Repaired, apply_repairs, repair_notes
from core.dataset.repairs import Repair, read_repairs
from core.errors import LabelError
from core.geo import Floats, LocalFrame

PHOTO_COLUMNS = (
    "photo_id",
    "filename",
    "path",
    "official",
    "timestamp",
    "minute",
    "latitude",
    "longitude",
    "heading_deg",
    "region",
    "hfov_deg",
    "walk",
    "visit",
)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled photos of one campus.

    Attributes:
        root: The dataset folder.
        campus: Its frame and names.
        table: One row a photo, columns `PHOTO_COLUMNS`, numbered from 0.
        excluded: Rows left out: `photo_id`, `reason`.
        notes: What was normalised or looks wrong, with counts.
        regions: Region ids in their stable order.
        repairs: Decisions of `repairs.csv` that changed a label or left a row out.
    """

    root: Path
    campus: Campus
    table: pd.DataFrame
    excluded: pd.DataFrame
    notes: tuple[str, ...]
    regions: tuple[str, ...]
    repairs: tuple[Repair, ...] = ()

    def __post_init__(self) -> None:
        """Reject a table that the other rooms could misread."""
        if tuple(self.table.columns) != PHOTO_COLUMNS:
            raise ValueError(f"columns must be {PHOTO_COLUMNS}, got {tuple(self.table.columns)}")
        if not self.table.index.equals(pd.RangeIndex(len(self.table))):
            raise ValueError("table must be numbered 0..n-1")
        if self.table["photo_id"].duplicated().any():
            raise ValueError("photo_id must be unique")
        if set(self.table["region"]) - set(self.regions):
            raise ValueError("every region of the table must be in regions")

    def __len__(self) -> int:
        """How many photos there are."""
        return len(self.table)

    @property
    def positions(self) -> Floats:
        """`(n, 2)` `[latitude, longitude]` in label units."""
        return np.asarray(self.table[["latitude", "longitude"]], np.float64)

    @property
    def headings_deg(self) -> Floats:
        """`(n,)` headings in `[0, 360)`."""
        return np.asarray(self.table["heading_deg"], np.float64)

    @property
    def region_index(self) -> np.ndarray:
        """`(n,)` int64 index of each photo's region in `regions`."""
        index = {region: number for number, region in enumerate(self.regions)}
        return np.asarray(self.table["region"].map(index), np.int64)

    def local_frame(self) -> LocalFrame:
        """Local metres about the median position of all photos."""
        return LocalFrame.about(self.campus.frame, self.positions)

    def without(self, faults: dict[str, str]) -> "Dataset":
        """Return the dataset with photos `{photo_id: reason}` moved to `excluded`."""
        gone = self.table["photo_id"].isin(list(faults))
        left_out = pd.DataFrame(
            {
                "photo_id": self.table.loc[gone, "photo_id"],
                "reason": self.table.loc[gone, "photo_id"].map(faults),
            }
        )
        table = self.table[~gone].reset_index(drop=True)
        excluded = pd.concat([self.excluded, left_out], ignore_index=True)
        regions = natural_order(table["region"])
        return replace(self, table=table, excluded=excluded, regions=regions)


def read_dataset(root: Path | str, *, allow_missing: bool = False) -> Dataset:
    """Read the labels of a dataset folder, or of one CSV file, and find their photos.

    The accepted repairs of `repairs.csv` are applied; the label files stay as they are.

    Args:
        root: A folder with label files and photos, or the path of one CSV file beside its photos.
        allow_missing: Go on when more than 1 % of the rows have to be left out.

    Raises:
        LabelError: No labels, missing columns, contradictions, or too many rows left out.
        FrameError: The meaning of the coordinates is unknown.
    """
    given = Path(root)
    files, passed_over = find_label_files(given)
    folder = dataset_folder(given)
    notes = list(passed_over)
    found: list[FoundPhotos] = []
    repairs, repaired = read_repairs(folder), list[Repaired]()
    rows = pd.concat(
        [_read_rows(folder, file, notes, found, repairs, repaired) for file in files],
        ignore_index=True,
    )
    notes += repair_notes(folder, repairs, repaired)
    rows, decided = _without_repaired_away(given, rows)
    faults = rows.pop("fault")
    faults = faults.where(faults != "", duplicate_faults(rows))
    folders = [photos.folder for photos in found]
    # Missing photos come first: without them, what the coordinates mean does not matter.
    check_excluded(given, rows, faults, allow_missing, folders)
    campus = read_campus(folder, rows)
    faults = faults.where(faults != "", off_earth_faults(rows, campus))
    excluded = check_excluded(given, rows, faults, allow_missing, folders)
    table = _finished(rows[faults == ""].reset_index(drop=True), campus, notes)
    return Dataset(
        root=folder,
        campus=campus,
        table=table,
        excluded=pd.concat([excluded, decided], ignore_index=True) if len(decided) else excluded,
        notes=tuple(notes),
        regions=natural_order(table["region"]),
        repairs=tuple(repair for each in repaired for repair in each.applied),
    )


def _without_repaired_away(given: Path, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set aside the rows that a repair leaves out: nobody has to allow what was decided."""
    reason = rows.pop("left_out")
    out = reason != ""
    if out.all():
        raise LabelError(f"{given}: repairs leave out every row: take some of them back")
    decided = pd.DataFrame({"photo_id": rows.loc[out, "photo_id"], "reason": reason[out]})
    return rows[~out].reset_index(drop=True), decided


def _finished(table: pd.DataFrame, campus: Campus, notes: list[str]) -> pd.DataFrame:
    """Bring the rows that are kept into their final form, and note what was normalised."""
    table["heading_deg"] = wrapped_headings(table, notes)
    table["hfov_deg"] = fields_of_view(table, notes)
    table["minute"] = minute_of_day(table["timestamp"])
    notes += _time_notes(table)
    notes += outlier_note(table, campus)
    return table[list(PHOTO_COLUMNS)]


def _read_rows(
    root: Path,
    file: LabelFile,
    notes: list[str],
    found: list[FoundPhotos],
    repairs: Sequence[Repair],
    repaired: list[Repaired],
) -> pd.DataFrame:
    """Read one label file; `fault` says why a row cannot be used, `left_out` that it must not."""
    done = apply_repairs(read_columns(file.path), file.name_in(root), repairs)
    repaired.append(done)
    text = done.text
    rows = text.assign(
        latitude=numbers(text["latitude"]),
        longitude=numbers(text["longitude"]),
        heading_deg=numbers(text["heading_deg"]),
        region=region_ids(text["region"]),
        official=file.part,
        left_out=done.left_out,
    )
    photos = find_photos(root, file, text["filename"])
    found.append(photos)
    rows["photo_id"] = photos.photo_ids
    rows["path"] = [str((root / photo).absolute()) for photo in photos.photo_ids]
    missing = pd.Series(photos.faults, index=rows.index)
    rows["fault"] = missing.where(missing != "", row_faults(rows, text))
    if photos.renamed:
        named, on_disk = photos.renamed[0]
        notes.append(
            f"{len(photos.renamed)} names in {file.path.name} differ from the file on disk in "
            f"case, ending or folder (first: {named} is {on_disk})"
        )
    if photos.unlabelled:
        notes.append(
            f"{len(photos.unlabelled)} photos in {photos.folder.name}/ have no row in "
            f"{file.path.name}: {', '.join(photos.unlabelled[:3])}"
            + (", ..." if len(photos.unlabelled) > 3 else "")
        )
    return rows


def _time_notes(table: pd.DataFrame) -> list[str]:
    unread = table["minute"].isna() & (table["timestamp"] != "")
    if not unread.any():
        return []
    shown = ", ".join(table.loc[unread, "timestamp"].head(3))
    return [f"{int(unread.sum())} timestamps hold no time of day and count as unknown: {shown}"]
