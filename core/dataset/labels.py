"""Which rows must be left out, and when that is too many to go on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.dataset.campus import Campus, read_campus
from core.dataset.label_table import (
    fields_of_view,
    minute_of_day,
    natural_order,
    numbers,
    read_columns,
    region_ids,
    row_faults,
    wrapped_headings,
)
from core.dataset.layout import LabelFile, dataset_folder, find_label_files
from core.dataset.photo_names import FoundPhotos, find_photos
from core.dataset.repairs import Repair, Repaired, apply_repairs, read_repairs, repair_notes
from core.errors import LabelError
from core.geo import FAR_SPREADS, Floats, LocalFrame, far_from_middle

ALLOWED_SHARE = 0.01
_CONTENT = ["latitude", "longitude", "heading_deg", "region"]


def off_earth_faults(rows: pd.DataFrame, campus: Campus) -> pd.Series:
    """Say for each row whether its position is no place on Earth in the campus's frame."""
    faults = pd.Series("", index=rows.index)
    frame = campus.frame
    if not frame.has_degrees:
        return faults
    scale = frame.scale if frame.kind == "scaled_degrees" else 1.0
    latitude = rows["latitude"] * scale + frame.origin_latitude
    longitude = rows["longitude"] * scale + frame.origin_longitude
    outside = (latitude.abs() > 90.0) | (longitude.abs() > 180.0)
    faults[outside] = [
        f"position {north:g}, {east:g} is no place on Earth"
        for north, east in rows.loc[outside, ["latitude", "longitude"]].to_numpy()
    ]
    return faults


def duplicate_faults(rows: pd.DataFrame) -> pd.Series:
    """Say for each row whether another row labels the same photo.

    Of rows that agree the first is kept; rows that contradict one another are all left out, for
    nothing tells which is right.
    """
    faults = pd.Series("", index=rows.index)
    again = rows["photo_id"].duplicated(keep=False)
    for _, group in rows[again].groupby("photo_id", sort=False):
        if len(group[_CONTENT].drop_duplicates()) == 1:
            faults[group.index[1:]] = "the same row occurs before"
        else:
            faults[group.index] = f"{len(group)} rows label this photo and contradict one another"
    return faults


def check_excluded(
    root: Path,
    rows: pd.DataFrame,
    faults: pd.Series,
    allow_missing: bool,
    folders: Sequence[Path] = (),
) -> pd.DataFrame:
    """Stop when more than 1 % of the rows are left out, unless allowed; always when all are.

    Args:
        root: What was read, for the message.
        rows: All label rows, with `photo_id`.
        faults: Why a row is left out; `""` where it is kept.
        allow_missing: Whether more than 1 % may be left out.
        folders: Where photos were looked for, for the message.

    Returns:
        The rows left out: `photo_id`, `reason`.

    Raises:
        LabelError: Counts by reason, the first photos of each, where they were looked for.
    """
    out = faults != ""
    excluded = pd.DataFrame({"photo_id": rows["photo_id"][out], "reason": faults[out]})
    excluded = excluded.reset_index(drop=True)
    total, left = len(rows), len(rows) - len(excluded)
    share = len(excluded) / total
    if share <= ALLOWED_SHARE or (allow_missing and left):
        return excluded
    advice = "Add the photos or mend the rows"
    if left:
        advice += f"; to go on with the remaining {left}, allow it (--allow-missing)"
    looked = ""
    if folders:
        looked = (
            f" Photos were looked for in {', '.join(map(str, folders))}; they belong beside the "
            "label file in images/ (or images_train/, images_val/ and images_test/)."
        )
    raise LabelError(
        f"{root}: {len(excluded)} of {total} labelled photos ({share:.1%}) cannot be used, more "
        f"than 1 % may be left out.\n{_by_reason(excluded)}\n{advice}.{looked}"
    )


def _by_reason(excluded: pd.DataFrame) -> str:
    """Write one line a kind of reason; what follows a colon or bracket differs by row."""
    kind = excluded["reason"].str.replace(r"[:(].*", "", regex=True).str.strip()
    kind = kind.str.replace(r"[-\d.,]*\d[-\d.,]*", "...", regex=True)
    lines = []
    for reason, group in excluded.groupby(kind, sort=False):
        shown = group["photo_id"].head(3).tolist()
        more = ", ..." if len(group) > len(shown) else ""
        lines.append(f"  {len(group)} x {reason}: {', '.join(shown)}{more}")
    return "\n".join(lines)


# Photos labelled far from all others: kept, but named, for one of them ruins every mean.


def far_outliers(table: pd.DataFrame, campus: Campus) -> np.ndarray:
    """Flag `(n,)` photos over ten times the median distance from the median position."""
    labels = table[["latitude", "longitude"]].to_numpy(np.float64)
    return far_from_middle(LocalFrame.about(campus.frame, labels).to_metres(labels))


def outlier_note(table: pd.DataFrame, campus: Campus) -> list[str]:
    """Name the far outliers, or nothing."""
    far = far_outliers(table, campus)
    if not far.any():
        return []
    shown = [
        f"{row.filename} ({row.latitude:g}, {row.longitude:g})"
        for row in table[far].head(3).itertuples()
    ]
    more = ", ..." if int(far.sum()) > len(shown) else ""
    return [
        f"{int(far.sum())} photos are labelled more than {FAR_SPREADS:g} times the usual distance "
        f"from the middle of the campus; they are kept: {', '.join(shown)}{more}"
    ]


# Read a folder of labelled photos into a `Dataset`: nothing is dropped or repaired in silence.


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
    notes += photos.notes
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


# Whether two readings of a dataset are about the same labelled photos.


_LABELS = ("photo_id", "latitude", "longitude", "heading_deg", "region", "timestamp")


def labels_hash(dataset: Dataset) -> str:
    """SHA-256 of every photo's name and labels, in any order of the rows; pixels are not read."""
    rows = dataset.table[list(_LABELS)].itertuples(index=False)
    lines = sorted("\t".join(map(repr, row)) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
