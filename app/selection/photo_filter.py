"""Which photos are selected: one filter for all views, which fits into the address of a page.

Every view makes a table of facts about its photos (`PhotoFacts`), one row a photo, and shows the
rows that pass the reader's `PhotoFilter`. A page ignores a filter whose facts it lacks, with a
sentence (`usable`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from app.selection.filter_fields import (
    FIELDS,
    LONGEST_VALUE,
    Area,
    PhotoFacts,
    Span,
    cut,
    outline,
    rounded,
)

_SPANS = (
    "error_m", "heading_error_deg", "facing_deg", "hours", "days", "confidence", "radius_m",
    "similarity",
)  # fmt: skip


@dataclass(frozen=True)
class PhotoFilter:
    """Which photos are shown; a photo has to pass every field that is set.

    Values are cut to what an address can hold: lists to `MOST_VALUES` values, an area to
    `MOST_CORNERS` corners.

    Attributes:
        regions: Only photos whose true region is one of these.
        cell: `(true region, predicted region)`: one cell of the confusion matrix.
        wrong: Only photos whose region was predicted wrongly.
        error_m: Position error.
        heading_error_deg: Heading error.
        facing_deg: True heading, clockwise from the first to the second; may pass north.
        hours: Local hour of the day.
        days: Local days, as `date.toordinal` counts them.
        confidence: Stated confidence of the region, in `[0, 1]`.
        radius_m: Stated radius that holds the position at 90 %.
        outside: Only photos outside of that radius (True), or only others (False).
        similarity: Similarity of the best training photo.
        refused: Only refused photos (True), or only others (False).
        parts: Only photos of these parts of the split.
        tags: Only photos with one of these tags.
        area: Corners `(latitude, longitude)` in label units around the labelled position.
        pca: Corners `(x, y)` around the photo on the principal plane of the descriptors.
        tsne: Corners `(x, y)` around the photo on the plane of similar photos (t-SNE).
        photos: Only these photos, by `photo_id`.
        text: Only photos whose file name contains this.
        raw: Errors are those of the network alone, not the refined ones. Selects no photo.
    """

    regions: tuple[str, ...] = ()
    cell: tuple[str, ...] = ()
    wrong: bool = False
    error_m: Span | None = None
    heading_error_deg: Span | None = None
    facing_deg: Span | None = None
    hours: Span | None = None
    days: Span | None = None
    confidence: Span | None = None
    radius_m: Span | None = None
    outside: bool | None = None
    similarity: Span | None = None
    refused: bool | None = None
    parts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    area: Area = ()
    pca: Area = ()
    tsne: Area = ()
    photos: tuple[str, ...] = ()
    text: str = ""
    raw: bool = False

    def __post_init__(self) -> None:
        """Cut every value to what an address can hold."""
        for name in ("regions", "parts", "tags", "photos"):
            object.__setattr__(self, name, cut(getattr(self, name)))
        for name in _SPANS:
            object.__setattr__(self, name, rounded(getattr(self, name), name == "facing_deg"))
        cell = tuple(self.cell)
        fits = len(cell) == 2 and all(0 < len(region) <= LONGEST_VALUE for region in cell)
        object.__setattr__(self, "cell", cell if fits else ())
        for name in ("area", "pca", "tsne"):
            object.__setattr__(self, name, outline(getattr(self, name)))
        object.__setattr__(self, "text", self.text.strip()[:LONGEST_VALUE].strip())

    def __bool__(self) -> bool:
        """Whether any photo may be left out."""
        return replace(self, raw=False) != PhotoFilter()

    def to_query(self) -> dict[str, list[str]]:
        """Return the query parameters of an address; a parameter may have several values."""
        return {
            each.parameter: each.write(value)
            for each in FIELDS
            if (value := getattr(self, each.name)) != _EMPTY[each.name]
        }

    @classmethod
    def from_query(cls, query: Mapping[str, Sequence[str]]) -> "tuple[PhotoFilter, list[str]]":
        """Read the parameters that `to_query` writes; others are not looked at.

        Returns:
            The filter, and a sentence about every parameter that cannot be read or was cut.
        """
        values: dict[str, Any] = {}
        unread, shortened = [], []
        for each in FIELDS:
            if texts := list(query.get(each.parameter, ())):
                try:
                    values[each.name] = each.read(texts)
                except ValueError:
                    unread.append(each.title)
        made = cls(**values)
        for each in FIELDS:
            value, kept = values.get(each.name), getattr(made, each.name)
            if value is not None and kept == _EMPTY[each.name]:
                unread.append(each.title)
            elif isinstance(value, tuple | str) and len(value) > len(kept):
                shortened.append(each.title)
        notes = [f"Ignored, because the address writes it in an unknown way: {one}."
                 for one in unread]  # fmt: skip
        notes += [f"Cut, because the address holds too much of it: {one}." for one in shortened]
        return made, notes

    def having(self, name: str, value: Any) -> "PhotoFilter":  # noqa: ANN401 - of any field
        """The filter with another value of one field."""
        return replace(self, **{name: value})

    def without(self, name: str) -> "PhotoFilter":
        """The filter with one field cleared."""
        return self.having(name, _EMPTY[name])

    def usable(self, facts: PhotoFacts) -> "tuple[PhotoFilter, list[str]]":
        """The part of the filter that a view can apply.

        Returns:
            The filter without what the view does not know, and a sentence about each such field.
        """
        kept, notes = self, []
        for each in FIELDS:
            value = getattr(self, each.name)
            if value == _EMPTY[each.name] or not each.columns:
                continue
            if not set(each.columns) <= set(facts.table):
                notes.append(f"Not used here: {each.title}.")
                kept = kept.without(each.name)
            elif each.known is not None and (unknown := each.known(value, facts.table)):
                notes.append(f"Not used here, no photo has it: {each.title} {', '.join(unknown)}.")
                rest = tuple(one for one in value if one not in unknown)
                kept = kept.having(each.name, () if each.name == "cell" else rest)
        return kept, notes

    def apply(self, facts: PhotoFacts) -> pd.DataFrame:
        """Rows of the facts that pass, in their order; fields that the facts lack are skipped."""
        keep = np.ones(len(facts.table), bool)
        for each in FIELDS:
            value, there = getattr(self, each.name), set(each.columns) <= set(facts.table)
            if value != _EMPTY[each.name] and each.columns and there:
                keep &= each.mask(value, facts)
        return facts.table[keep]

    def chips(self, names: Mapping[str, str]) -> "list[tuple[str, PhotoFilter]]":
        """What is selected, in words, each with the filter that remains if it is cleared.

        Args:
            names: Display name by region id.
        """
        chips = []
        for each in FIELDS:
            value = getattr(self, each.name)
            if value == _EMPTY[each.name] or not each.columns:
                continue
            if each.name in ("regions", "parts", "tags"):
                for one in value:
                    rest = tuple(other for other in value if other != one)
                    words = f"{each.title}: {names.get(one, one)}"
                    chips.append((words, self.having(each.name, rest)))
            else:
                chips.append((each.words(value, names), self.without(each.name)))
        return chips


PARAMETERS = tuple(each.parameter for each in FIELDS)
_EMPTY: dict[str, Any] = {each.name: each.default for each in fields(PhotoFilter)}
