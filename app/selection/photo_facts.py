"""Facts about the photos of a view, that the filter of photos is applied to."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from app.selection.filter_fields import PhotoFacts
from core.dataset.labels import Dataset
from core.geo import Floats, LocalFrame
from core.splits.split import Split
from core.tables.times import iso_day, minute_of_day

_CONFIDENCE = ("region_probability_calibrated", "region_probability")
# Parsing 100,000 times takes a third of a second, and each click needs them.
_HOURS: "WeakKeyDictionary[Dataset, Floats]" = WeakKeyDictionary()
_DAYS: "WeakKeyDictionary[Dataset, Floats]" = WeakKeyDictionary()


def of_outcomes(
    table: pd.DataFrame,
    frame: LocalFrame,
    *,
    raw: bool,
    data: Dataset | None = None,
    split: Split | None = None,
    tags: Mapping[str, tuple[str, ...]] | None = None,
) -> PhotoFacts:
    """Facts about the photos of an evaluation, in the rows of its table.

    Args:
        table: `predictions.csv`.
        frame: The metres that its positions are in.
        raw: Errors of the network alone in place of the refined ones.
        data: The evaluated data set, for the time of day; None if it is not loaded.
        split: The split of the model, for the part of each photo.
        tags: Tags of the data set's photos.
    """
    error, heading = _errors(raw)
    facts = pd.DataFrame(
        {
            "photo_id": table["photo_id"],
            "filename": table["filename"],
            "region": table["true_region"],
            "predicted": table["region"],
            "error_m": table[error],
            "heading_error_deg": table[heading],
            "heading_deg": table["true_angle"],
            "north_m": table["true_north_m"],
            "east_m": table["true_east_m"],
        }
    )
    _add_stated(facts, table)
    if data is not None:
        by_photo = pd.Series(hours(data), index=data.table["photo_id"])
        facts["hour"] = by_photo.reindex(table["photo_id"]).to_numpy(np.float64)
        by_photo = pd.Series(days(data), index=data.table["photo_id"])
        facts["day"] = by_photo.reindex(table["photo_id"]).to_numpy(np.float64)
    _add(facts, split, tags)
    return PhotoFacts(facts, frame)


def of_dataset(
    data: Dataset,
    split: Split | None = None,
    tags: Mapping[str, tuple[str, ...]] | None = None,
    outcomes: pd.DataFrame | None = None,
    *,
    raw: bool = False,
) -> PhotoFacts:
    """Facts about the photos of a data set, in its rows.

    Args:
        data: The data set.
        split: The split of the picked model, for the part of each photo.
        tags: Tags of its photos.
        outcomes: `predictions.csv` of an evaluation of the picked model on it; other photos have
            no errors.
        raw: Errors of the network alone in place of the refined ones.
    """
    facts = data.table[["photo_id", "filename", "region", "heading_deg"]].copy()
    facts["hour"], facts["day"] = hours(data), days(data)
    frame = data.local_frame() if "position" in data.labels else None
    if frame is not None:
        facts[["north_m", "east_m"]] = frame.to_metres(data.positions)
    if outcomes is not None:
        error, heading = _errors(raw)
        found = outcomes.set_index("photo_id").reindex(facts["photo_id"])
        facts["predicted"] = found["region"].fillna("").to_numpy()
        facts["error_m"] = found[error].to_numpy(np.float64)
        facts["heading_error_deg"] = found[heading].to_numpy(np.float64)
        _add_stated(facts, found)
    _add(facts, split, tags)
    return PhotoFacts(facts, frame)


def on_plane(facts: PhotoFacts, plane: str, place: Floats) -> PhotoFacts:
    """The facts with the place `(n, 2)` of each photo on a plane of descriptors."""
    places = {f"{plane}_x": place[:, 0], f"{plane}_y": place[:, 1]}
    return PhotoFacts(facts.table.assign(**places), facts.frame)


def hours(data: Dataset) -> Floats:
    """Local hour of the day of each photo `(n,)`; NaN if it has no time."""
    if data not in _HOURS:
        _HOURS[data] = minute_of_day(data.table["timestamp"]) / 60.0
    return _HOURS[data]


def days(data: Dataset) -> Floats:
    """Local day of each photo `(n,)` with its time as a fraction; NaN without a date.

    Days are counted as `date.toordinal` counts them.
    """
    if data not in _DAYS:
        known = {text: iso_day(text) for text in data.table["timestamp"].unique()}
        whole = data.table["timestamp"].map(known).to_numpy(np.float64)
        _DAYS[data] = whole + np.nan_to_num(hours(data)) / 24.0
    return _DAYS[data]


def _errors(raw: bool) -> tuple[str, str]:
    if raw:
        return "error_m", "heading_error_deg"
    return "error_refined_m", "heading_error_refined_deg"


def _add_stated(facts: pd.DataFrame, found: pd.DataFrame) -> None:
    """Add what the model states of its answers, in the rows of the facts."""
    if "refused" in found:
        facts["refused"] = (found["refused"] == True).to_numpy(bool)  # noqa: E712 - or absent
    confidence = next((name for name in _CONFIDENCE if name in found), "")
    for name, column in (("confidence", confidence), ("radius_m", "radius_90_m"),
                         ("similarity", "similarity")):  # fmt: skip
        if column in found and found[column].notna().any():
            facts[name] = found[column].to_numpy(np.float64)
    if "radius_m" in facts:
        away_m = found["error_refined_m"].to_numpy(np.float64)
        facts["outside"] = away_m > facts["radius_m"].to_numpy(np.float64)


def _add(
    facts: pd.DataFrame, split: Split | None, tags: Mapping[str, tuple[str, ...]] | None
) -> None:
    if split is not None:
        parts = facts["photo_id"].map(split.parts).fillna("")
        if (parts != "").any():
            facts["part"] = parts
    if tags:
        facts["tags"] = [tags.get(photo, ()) for photo in facts["photo_id"]]
