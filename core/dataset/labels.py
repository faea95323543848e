"""Reading a folder of labelled photos into a `Dataset`; nothing is dropped or changed silently.

Rows that cannot be used are left out with a reason, and reading stops if they are more than 1 % of
all. Whatever is normalised is counted in a note.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.amounts import percent
from core.areas import Area
from core.dataset.campus import (
    Campus,
    fold_longitudes,
    is_placeholder_position,
    read_campus,
    read_table_settings,
)
from core.dataset.label_table import (
    fields_of_view,
    natural_order,
    same_value_notes,
    wrapped_headings,
)
from core.dataset.layout import LabelFile, dataset_folder, find_label_files
from core.dataset.photo_names import FoundPhotos, find_photos
from core.dataset.repairs import (
    LEFT_OUT,
    Repair,
    Repaired,
    apply_repairs,
    read_repairs,
    repair_notes,
)
from core.errors import LabelError
from core.geo import FAR_SPREADS, CoordinateFrame, Floats, LocalFrame, far_from_middle
from core.labels import LABELS, Label
from core.tables.read import Source, read_label_table
from core.tables.times import minute_of_day
from core.tables.values import LabelValues, read_values

ALLOWED_SHARE = 0.01
# Of rows that agree the first is kept, so the others lack no photo and count against no share.
_REPEATED = "the same row occurs before"
# No file system has longer names of files; a cell of a table may hold a book.
LONGEST_NAME = 255
# So far from the campus, 0, 0 is no place of it.
ZERO_AWAY_M = 10_000.0
_CONTENT = ["latitude", "longitude", "heading_deg", "region"]


def off_earth_faults(rows: pd.DataFrame, campus: Campus) -> pd.Series:
    """Return for each row whether its position is no place on Earth, as a reason or `""`."""
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


def no_position_faults(rows: pd.DataFrame, frame: CoordinateFrame) -> pd.Series:
    """Say for each row whether its position stands for none: 0, 0 or 999, 999 off the campus.

    Args:
        rows: Label rows with `latitude` and `longitude` in label units.
        frame: What they mean.
    """
    faults = pd.Series("", index=rows.index)
    values = rows[["latitude", "longitude"]].to_numpy(np.float64)
    same = is_placeholder_position(values)
    others = values[~same & np.isfinite(values).all(axis=1)]
    if not same.any() or not len(others):
        return faults
    if frame.has_degrees:
        degrees = others * frame.scale + [frame.origin_latitude, frame.origin_longitude]
        others = others[(np.abs(degrees) <= [90.0, 360.0]).all(axis=1)]
    if len(others):
        away = np.abs(values[same] - frame.middle(others)).max(axis=1)
        unit_m = 111_000.0 * abs(frame.scale) if frame.has_degrees else 1.0
        flagged = np.flatnonzero(same)[away * unit_m > _zero_away_m(others, frame)]
        # Adding 0 makes -0 the same as 0.
        faults.iloc[flagged] = [f"no position ({a:g}, {b:g})" for a, b in values[flagged] + 0.0]
    return faults


def _zero_away_m(others: Floats, frame: CoordinateFrame) -> float:
    """How far from the campus 0, 0 must be to stand for no position."""
    if frame.kind == "degrees":
        return ZERO_AWAY_M
    # A plane may well have its origin on the campus.
    middle = frame.middle(others)
    unit_m = 111_000.0 * abs(frame.scale) if frame.has_degrees else 1.0
    return 2.0 * unit_m * float(np.quantile(np.abs(others - middle).max(axis=1), 0.95)) + 1.0


def duplicate_faults(rows: pd.DataFrame) -> pd.Series:
    """Return for each row whether another row labels the same photo, as a reason or `""`.

    Of rows that agree the first is kept. Rows that contradict one another are all left out, as
    nothing shows which is right.
    """
    faults = pd.Series("", index=rows.index)
    again = rows["photo_id"].duplicated(keep=False)
    for _, group in rows[again].groupby("photo_id", sort=False):
        if len(group[_CONTENT].drop_duplicates()) == 1:
            faults[group.index[1:]] = _REPEATED
        else:
            faults[group.index] = f"{len(group):,} rows label this photo and contradict one another"
    return faults


def check_excluded(
    root: Path,
    rows: pd.DataFrame,
    faults: pd.Series,
    allow_missing: bool,
    folders: Sequence[Path] = (),
) -> pd.DataFrame:
    """Stop when more than 1 % of the photos are left out, unless allowed; always when all are.

    Args:
        root: What was read, for the message.
        rows: All label rows, with `photo_id`.
        faults: Why a row is left out; `""` if it is kept.
        allow_missing: Whether more than 1 % may be left out.
        folders: Where photos were looked for, for the message.

    Returns:
        The rows left out: `photo_id`, `reason`.

    Raises:
        LabelError: Too many rows are left out; lists them by reason and the folders searched.
    """
    out = faults != ""
    excluded = pd.DataFrame({"photo_id": rows["photo_id"][out], "reason": faults[out]})
    excluded = excluded.reset_index(drop=True)
    left, lost = len(rows) - len(excluded), int((excluded["reason"] != _REPEATED).sum())
    total = left + lost
    share = lost / total
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
        f"{root}: {lost:,} of {total:,} labelled photos ({percent(share, 1)}) cannot be used, "
        f"more than 1 % may be left out.\n{_by_reason(excluded)}\n{advice}.{looked}"
    )


def _by_reason(excluded: pd.DataFrame) -> str:
    """Return one line for each kind of reason; what follows a colon or bracket differs by row."""
    kind = excluded["reason"].str.replace(r"[:(].*", "", regex=True).str.strip()
    kind = kind.str.replace(r"[-\d.,]*\d[-\d.,]*", "...", regex=True)
    lines = []
    for reason, group in excluded.groupby(kind, sort=False):
        shown = group["photo_id"].head(3).str.slice(0, LONGEST_NAME).tolist()
        more = ", ..." if len(group) > len(shown) else ""
        lines.append(f"  {len(group)} x {reason}: {', '.join(shown)}{more}")
    return "\n".join(lines)


# A photo labelled far from all others is kept and named in a note: it ruins every mean.


def far_outliers(table: pd.DataFrame, campus: Campus) -> np.ndarray:
    """Flag `(n,)` photos over ten times the median distance from the median position."""
    labels = table[["latitude", "longitude"]].to_numpy(np.float64)
    known = np.isfinite(labels).all(axis=1)
    far = np.zeros(len(table), bool)
    if known.any():
        local = LocalFrame.about(campus.frame, labels[known])
        far[known] = far_from_middle(local.to_metres(labels[known]))
    return far


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
        f"{int(far.sum()):,} photos are labelled more than {FAR_SPREADS:g} times the usual "
        f"distance from the middle of the campus; they are kept: {', '.join(shown)}{more}"
    ]


_HOW: dict[Label, str] = {
    "position": "latitude and a column longitude", "heading": "angle", "region": "Region_ID",
}  # fmt: skip
RegionsFrom = Literal["labels", "positions", "polygons"]
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
    "panorama_id",
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
        sources: What the label files were understood to be.
        heading_unit: Unit of the headings in the files.
        regions_from: Whether photos name their regions, or regions were made from positions or
            are those of the polygons of `regions.geojson`.
        region_centres: `[latitude, longitude]` in label units of each of `regions`, if they were
            made from positions.
        areas: The polygons of `regions.geojson`.

    A photo may lack a position or a heading (NaN) or a region (`""`): it counts for the labels
    that it has.
    """

    root: Path
    campus: Campus
    table: pd.DataFrame
    excluded: pd.DataFrame
    notes: tuple[str, ...]
    regions: tuple[str, ...]
    repairs: tuple[Repair, ...] = ()
    sources: tuple[Source, ...] = ()
    heading_unit: str = "degrees"
    regions_from: RegionsFrom = "labels"
    region_centres: tuple[tuple[float, float], ...] | None = None
    areas: tuple[Area, ...] = ()

    def __post_init__(self) -> None:
        """Reject a table that the other rooms could misread."""
        if tuple(self.table.columns) != PHOTO_COLUMNS:
            raise ValueError(f"columns must be {PHOTO_COLUMNS}, got {tuple(self.table.columns)}")
        if not self.table.index.equals(pd.RangeIndex(len(self.table))):
            raise ValueError("table must be numbered 0..n-1")
        if self.table["photo_id"].duplicated().any():
            raise ValueError("photo_id must be unique")
        if set(self.table["region"]) - set(self.regions) - {""}:
            raise ValueError("every region of the table must be in regions")
        if self.region_centres is not None and len(self.region_centres) != len(self.regions):
            raise ValueError("every region that was made from positions needs its centre")

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
        """`(n,)` int64 index of each photo's region in `regions`; -1 without a region."""
        index = {region: number for number, region in enumerate(self.regions)} | {"": -1}
        return np.asarray(self.table["region"].map(index), np.int64)

    def local_frame(self) -> LocalFrame:
        """Local metres about the median position of all photos that have one.

        Raises:
            LabelError: No photo has a position.
        """
        known = self.labelled("position")
        if not known.any():
            raise LabelError(f"{self.root}: no photo has a position")
        return LocalFrame.about(self.campus.frame, self.positions[known])

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels that at least one photo has."""
        return tuple(label for label in LABELS if self.labelled(label).any())

    def labelled(self, label: Label) -> np.ndarray:
        """Flag `(n,)` photos that have a position, a heading or a region."""
        if label == "position":
            return np.asarray(np.isfinite(self.positions).all(axis=1), bool)
        if label == "heading":
            return np.isfinite(self.headings_deg)
        return np.asarray(self.table["region"] != "", bool)

    def check_trainable(self) -> "Dataset":
        """Return the dataset itself, if a model can be trained on it or compared with it.

        Raises:
            LabelError: No photo has a position, and none a region.
        """
        if not {"position", "region"} & set(self.labels):
            raise LabelError(
                f"{self.root}: no photo has a position, and none a region; one of them is needed. "
                f"Add a column {_HOW['position']}, or a column {_HOW['region']}, to the label "
                'file, or name the columns in campus.toml: latitude = "..." under [columns]'
            )
        return self

    def leave_out(self, faults: dict[str, str], allow_missing: bool = False) -> "Dataset":
        """Return the dataset without photos `{photo_id: reason}`.

        Raises:
            LabelError: More than 1 % of the rows are then left out, and that is not allowed.
        """
        kept = self.without(faults)
        decided = kept.excluded["reason"].str.startswith(LEFT_OUT)
        rows = pd.concat([kept.table[["photo_id"]], kept.excluded[~decided]], ignore_index=True)
        check_excluded(self.root, rows, rows["reason"].fillna(""), allow_missing)
        return kept

    def with_regions_near(self, centres: Floats, ids: Sequence[str]) -> "Dataset":
        """Return the dataset with the region whose centre is nearest for every photo in place.

        A model whose regions were made from positions is compared with such labels.

        Args:
            centres: `(k, 2)` `[latitude, longitude]` in label units.
            ids: The region of each centre.
        """
        from core.dataset.made_regions import with_regions_near

        return with_regions_near(self, centres, ids)

    def summary(self) -> str:
        """What was understood of the label files, as one screen of text."""
        from core.dataset.look import summary

        return summary(self)

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
        regions, centres = natural_order(set(table["region"]) - {""}), None
        if self.region_centres is not None:
            of_region = dict(zip(self.regions, self.region_centres, strict=True))
            centres = tuple(of_region[region] for region in regions)
        return replace(
            self, table=table, excluded=excluded, regions=regions, region_centres=centres
        )


def read_dataset(
    root: Path | str, *, allow_missing: bool = False, campus_toml: str | None = None
) -> Dataset:
    """Read the labels of a dataset folder, or of one CSV file, and find their photos.

    The accepted repairs of `repairs.csv` are applied; the label files stay as they are.

    Args:
        root: A folder with label files and photos, or the path of one CSV file beside its photos.
        allow_missing: Go on when more than 1 % of the rows have to be left out.
        campus_toml: Text to read in place of the file campus.toml.

    Raises:
        LabelError: No labels, missing columns, contradictions, or too many rows left out.
        FrameError: The meaning of the coordinates is unknown.
    """
    given = Path(root)
    files, passed_over = find_label_files(given)
    folder = dataset_folder(given)
    settings, frame = read_table_settings(folder, campus_toml)
    notes = list(passed_over)
    repairs = read_repairs(folder)
    tables = [read_label_table(file.path, settings) for file in files]
    repaired = [
        apply_repairs(table.text, file.name_in(folder), repairs)
        for table, file in zip(tables, files, strict=True)
    ]
    values = read_values(tables, settings, frame, [done.text for done in repaired])
    rows, found = _rows(folder, files, repaired, values, notes)
    notes += [note for table in tables for note in table.source.notes]
    notes += [*values.notes, *repair_notes(folder, repairs, repaired)]
    rows, decided = _without_repaired_away(given, rows)
    faults = rows.pop("fault")
    faults = faults.where(faults != "", duplicate_faults(rows))
    folders = [photos.folder for photos in found]
    # Missing photos come first: without them, what the labels mean does not matter.
    check_excluded(given, rows, faults, allow_missing, folders)
    if values.heading.doubt:
        raise LabelError(f"{given}: {values.heading.doubt}. {values.heading.advice}")
    campus = _campus(folder, rows, faults, notes, campus_toml, tables[0].source.columns)
    notes += _unused_notes(tables[0].source, frame)
    faults = faults.where(faults != "", no_position_faults(rows, campus.frame))
    faults = faults.where(faults != "", off_earth_faults(rows, campus))
    excluded = check_excluded(given, rows, faults, allow_missing, folders)
    table = _finished(rows[faults == ""].reset_index(drop=True), campus, notes)
    dataset = Dataset(
        root=folder,
        campus=campus,
        table=table,
        excluded=pd.concat([excluded, decided], ignore_index=True) if len(decided) else excluded,
        notes=tuple(notes),
        regions=natural_order(set(table["region"]) - {""}),
        repairs=tuple(repair for each in repaired for repair in each.applied),
        sources=tuple(table.source for table in tables),
        heading_unit=values.heading.unit,
    )
    from core.dataset.made_regions import with_regions

    dataset = with_regions(dataset)
    return replace(dataset, notes=(*dataset.notes, *_partial_notes(dataset)))


def _unused_notes(source: Source, frame: CoordinateFrame | None) -> list[str]:
    """Name the columns of numbers that may be coordinates, if no column is known as one.

    Raises:
        LabelError: campus.toml says what coordinates mean, so there are some.
    """
    if {"latitude", "longitude"} & set(source.columns) or len(source.unused_numbers) < 2:
        return []
    text = (
        f"{source.path.name}: no column is known as a position, and these columns of numbers are "
        f"not used: {', '.join(source.unused_numbers[:12])}. If two of them are coordinates, name "
        'them under [columns] in campus.toml: latitude = "...", longitude = "..." (north and east)'
    )
    if frame is not None:
        raise LabelError(f"{text}; if none are, delete [frame] there")
    return [text]


def _partial_notes(dataset: Dataset) -> list[str]:
    """Say which labels some photos lack and others have, and which are the same for all."""
    notes = []
    for label in dataset.labels:
        lacking = ~dataset.labelled(label)
        if lacking.any():
            shown = ", ".join(dataset.table["filename"][lacking].head(3))
            more = ", ..." if int(lacking.sum()) > 3 else ""
            count = int(lacking.sum())
            has, counts = ("has", "it counts") if count == 1 else ("have", "they count")
            notes.append(
                f"{count:,} of {len(dataset):,} photos {has} no {label}; {counts} for the labels "
                f"that {'it has' if count == 1 else 'they have'}: {shown}{more}"
            )
    return [*notes, *same_value_notes(dataset.positions, dataset.headings_deg)]


def _campus(
    folder: Path,
    rows: pd.DataFrame,
    faults: pd.Series,
    notes: list[str],
    text: str | None,
    columns: Mapping[str, str],
) -> Campus:
    """Read the campus, and fold longitudes of 0 to 360 degrees in `rows`."""
    positions = rows[["latitude", "longitude"]].to_numpy(np.float64)
    if not np.isfinite(positions).all(axis=1).any() and (faults == "").any():
        # Regions alone: no frame is needed, and none can be recognised.
        return read_campus(folder, rows, CoordinateFrame("degrees"), text)
    campus = read_campus(folder, rows, text=text, columns=columns)
    positions, folded = fold_longitudes(positions, campus.frame)
    if folded:
        rows["longitude"] = positions[:, 1]
        notes.append(f"{folded} longitudes from 180 to 360 degrees were written as negative ones")
    return campus


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


def _rows(
    root: Path,
    files: Sequence[LabelFile],
    repaired: Sequence[Repaired],
    values: LabelValues,
    notes: list[str],
) -> tuple[pd.DataFrame, list[FoundPhotos]]:
    """Join values and photos; `fault` says why a row cannot be used, `left_out` that it must not.

    `repaired` holds the text of each of `files`, in the order of the rows of `values`.
    """
    found = [
        find_photos(root, file, done.text["filename"])
        for file, done in zip(files, repaired, strict=True)
    ]
    parts = [[file.part] * len(done.text) for file, done in zip(files, repaired, strict=True)]
    rows = pd.concat([done.text for done in repaired], ignore_index=True).assign(
        latitude=values.latitude,
        longitude=values.longitude,
        heading_deg=values.heading_deg,
        region=values.region,
        timestamp=values.timestamp,
        official=[part for own in parts for part in own],
        left_out=pd.concat([done.left_out for done in repaired], ignore_index=True),
        photo_id=[photo for photos in found for photo in photos.photo_ids],
    )
    rows["path"] = [str((root / photo).absolute()) for photo in rows["photo_id"]]
    missing = pd.Series([fault for photos in found for fault in photos.faults], index=rows.index)
    faults = missing.where(missing != "", values.faults)
    nothing = values.no_position & values.no_heading & (rows["region"] == "").to_numpy()
    if not nothing.all():
        faults = faults.mask((faults == "") & nothing, "no position, no heading and no region")
    rows["fault"] = faults
    for file, photos in zip(files, found, strict=True):
        notes += _photo_notes(file, photos)
    return rows, found


def _photo_notes(file: LabelFile, photos: FoundPhotos) -> list[str]:
    notes = list(photos.notes)
    if photos.unlabelled:
        notes.append(
            f"{len(photos.unlabelled):,} photos in {photos.folder.name}/ have no row in "
            f"{file.path.name}: {', '.join(photos.unlabelled[:3])}"
            + (", ..." if len(photos.unlabelled) > 3 else "")
        )
    return notes


def _time_notes(table: pd.DataFrame) -> list[str]:
    unread = table["minute"].isna() & (table["timestamp"] != "")
    if not unread.any():
        return []
    shown = ", ".join(table.loc[unread, "timestamp"].head(3))
    return [f"{int(unread.sum())} timestamps hold no time of day and count as unknown: {shown}"]


_LABELS = ("photo_id", "latitude", "longitude", "heading_deg", "region", "timestamp")


def labels_hash(dataset: Dataset) -> str:
    """Return the SHA-256 of every photo's name and labels, whatever the order of the rows.

    Equal hashes mean the same labelled photos; pixels are not read.
    """
    rows = dataset.table[list(_LABELS)].itertuples(index=False)
    lines = sorted("\t".join(map(repr, row)) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
