"""The photos of the Explore page: training photos of a model, and those of one of its reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import streamlit as st

from app import cache, embedding
from app.embedding import Described, Plane
from app.evaluate import photos
from app.evaluate.outcomes import Method
from app.maps.backdrop import region_ids
from app.selection import filters, photo_facts, selection, tagging
from app.selection.filter_fields import PhotoFacts
from app.selection.photo_filter import PhotoFilter
from app.widgets import messages, pickers, tiles
from app.widgets.photo_source import PhotoSource
from app.wording import degrees, heading, metres
from core.dataset.labels import Dataset
from core.evaluation.report import Report
from core.geo import Floats
from core.model.card import Card
from core.retrieval.gallery import Gallery

_ERRORS = ("error_m", "heading_error_deg")


@dataclass(frozen=True, eq=False)
class ExploreView:
    """The photos under the reader's filter.

    Attributes:
        described: Their descriptors; rows are those of the facts.
        facts: Of all photos.
        wanted: What the page can apply of the filter.
        shown: Which photos `(n,)` pass.
        names: Display name by region id.
        evaluated: The evaluated photos as on the Evaluate page; None without a report.
        report: Their report.
        training: Where pictures of training photos are.
        data: The loaded data set, if it is of the model's campus.
        plane: How photos are arranged.
        place: `(n, 2)` on that plane.
    """

    described: Described
    facts: PhotoFacts
    wanted: PhotoFilter
    shown: np.ndarray
    names: Mapping[str, str]
    evaluated: photos.EvaluationView | None
    report: Report | None
    training: PhotoSource
    data: Dataset | None
    plane: Plane
    place: Floats

    @property
    def table(self) -> pd.DataFrame:
        """A row a photo."""
        return self.facts.table

    @property
    def is_evaluated(self) -> np.ndarray:
        """Which photos `(n,)` are of the report."""
        return np.arange(len(self.table)) >= len(self.described.gallery)

    @property
    def ordered(self) -> list[str]:
        """The shown photos, largest position error first, then those without an error."""
        shown = self.table[self.shown]
        if "error_m" in shown:
            shown = shown.sort_values("error_m", ascending=False, kind="stable")
        return [str(name) for name in shown["photo_id"]]

    def row_of(self, name: str) -> int | None:
        """Row of a photo, or None."""
        found = np.flatnonzero(self.table["photo_id"].to_numpy() == name)
        return int(found[0]) if len(found) else None

    def picture(self, row: int) -> bytes | None:
        """A photo as JPEG; None if it is not found."""
        one = self.table.iloc[row]
        source = self.training
        if self.evaluated is not None and row >= len(self.described.gallery):
            source = self.evaluated.shelf
        place = one[["north_m", "east_m"]].astype(float).to_numpy()
        return source.picture(str(one["filename"]), place)


def open_view(
    checkpoint: Path,
    described: Described,
    report_folder: Path | None,
    plane: Plane,
    place: Floats,
) -> ExploreView:
    """Draw the filter, and return the photos.

    Args:
        checkpoint: The model.
        described: Its photos.
        report_folder: The report whose photos are shown too.
        plane: How photos are arranged.
        place: `(n, 2)` on that plane.
    """
    card, gallery = cache.card(checkpoint), cache.gallery(checkpoint)
    assert gallery is not None
    loaded = pickers.dataset_if_readable()
    data = loaded if _is_of(loaded, card) else None
    tags = None if data is None else tagging.tags_of(data.root)
    raw = filters.current().raw
    parts = [_training_facts(gallery, described, card, tags)]
    report, table = None, None
    if report_folder is not None:
        report, table = cache.report(report_folder), cache.predictions(report_folder)
        split = cache.checkpoint_split(checkpoint) if report.split.part == "all" else None
        own = photo_facts.of_outcomes(table, card.local_frame, raw=raw, data=data, split=split,
                                      tags=tags).table.iloc[described.evaluated]  # fmt: skip
        parts.append(own if "part" in own else own.assign(part=report.split.part))
    every = pd.concat([part for part in parts if len(part)], ignore_index=True)
    facts = PhotoFacts(_completed(every), card.local_frame)
    areas = [name for name in embedding.PLANES if name == plane or getattr(filters.held(), name)]
    for name, places in embedding.places_on(described, areas).items():
        facts = photo_facts.on_plane(facts, name, places)
    wanted = filters.bar("explore", facts, card.region_names)
    passing = np.zeros(len(every), bool)
    passing[wanted.apply(facts).index] = True
    evaluated = None
    if report is not None and table is not None:
        method: Method = "raw" if raw else "refined"
        evaluated = photos.EvaluationView(
            "explore", table, card.region_names, facts, wanted, method,
            PhotoSource.judged(card, report, loaded), data,
        )  # fmt: skip
    return ExploreView(
        described, facts, wanted, passing, card.region_names, evaluated, report,
        PhotoSource.of(card, loaded), data, plane, place,
    )  # fmt: skip


def grid(view: ExploreView, chosen: str | None) -> None:
    """Draw the shown photos as a grid; a click opens one."""
    names = view.ordered
    st.subheader("Photos")
    order = ", largest error first" if np.isfinite(_errors(view)).any() else ""
    st.caption(f"{len(names):,} of {len(view.table):,} photos{order}. Click one to open it.")
    if not names:
        st.info("No photo matches. Clear a filter above.")
        return
    rows = dict(zip(view.table["photo_id"], range(len(view.table)), strict=True))

    def tile(name: str) -> tiles.Tile:
        row = rows[name]
        caption = f"  \n{messages.plain(_described_by(view, row))}"
        return tiles.Tile(name, PurePosixPath(name).stem, caption, view.picture(row))

    tiles.grid("explore", names, tile, partial(selection.choose, selection.PHOTO), chosen=chosen)
    if view.data is not None:
        there = set(view.data.table["photo_id"])
        tagging.of_shown("explore", view.data.root, [name for name in names if name in there])


def panel(view: ExploreView, name: str) -> None:
    """Draw the open photo: its labels, or truth beside prediction if it was evaluated."""
    row = view.row_of(name)
    if row is None:
        return
    if view.evaluated is not None and view.is_evaluated[row]:
        photos.panel(view.evaluated, view.table.iloc[[view.row_of(n) for n in view.ordered]], name)
        return
    selection.stepper(selection.PHOTO, view.ordered, name)
    picture, one = view.picture(row), view.table.iloc[row]
    if picture is None:
        st.caption("Photo not found: choose the data set of the model in the sidebar.")
    else:
        file = str(one["filename"])
        st.image(picture, caption=messages.plain(file), width="stretch", alt=file)
    region, turned = str(one["region"]), float(one["heading_deg"])
    labels = {"Region": view.names.get(region, region)} if region else {}
    labels |= {"Heading": heading(turned)} if np.isfinite(turned) else {}
    st.dataframe(pd.DataFrame({"": labels.keys(), "label": labels.values()}), hide_index=True)
    st.caption("A training photo: the model has seen it with its labels.")
    if view.data is not None and (view.data.table["photo_id"] == name).any():
        tagging.of_photo(view.data.root, name)
    selection.lead_on(name, "explore")


def texts(view: ExploreView) -> list[str]:
    """What the pointer shows of each photo."""
    table = view.table
    regions = [view.names.get(region, region) for region in table["region"]]
    errors = _errors(view)
    return [
        f"{name}\n{region}" + (f", {metres(error)} off" if error == error else "")
        for name, region, error in zip(table["filename"], regions, errors, strict=True)
    ]


def _errors(view: ExploreView) -> Floats:
    return np.asarray(view.table["error_m"], np.float64)


def _described_by(view: ExploreView, row: int) -> str:
    one = view.table.iloc[row]
    if not view.is_evaluated[row]:
        return "training photo"
    off_m, off_deg = (float(one[name]) for name in _ERRORS)
    parts = [metres(off_m)] if off_m == off_m else []
    parts += [degrees(off_deg)] if off_deg == off_deg else []
    return f"{', '.join(parts)} off" if parts else "evaluated"


def _training_facts(
    gallery: Gallery, described: Described, card: Card,
    tags: Mapping[str, tuple[str, ...]] | None,
) -> pd.DataFrame:  # fmt: skip
    rows = described.gallery
    facts = pd.DataFrame(
        {
            "photo_id": np.array(gallery.photo_ids, dtype=object)[rows],
            "filename": np.array(gallery.filenames, dtype=object)[rows],
            "region": np.array(region_ids(gallery.region, card.regions), dtype=object)[rows],
            "predicted": "",
            "error_m": np.nan,
            "heading_error_deg": np.nan,
            "heading_deg": gallery.heading_deg[rows],
            "north_m": gallery.position_m[rows, 0],
            "east_m": gallery.position_m[rows, 1],
            "hour": gallery.minute[rows] / 60.0,
            "part": "train",
        }
    )
    if tags:
        facts["tags"] = [tags.get(photo, ()) for photo in facts["photo_id"]]
    return facts


def _completed(every: pd.DataFrame) -> pd.DataFrame:
    """The facts of both kinds of photos, where one of them lacks a column."""
    if "refused" in every:
        every["refused"] = every["refused"].fillna(False).astype(bool)
    if "tags" in every:
        every["tags"] = [tag if isinstance(tag, tuple) else () for tag in every["tags"]]
    for name in ("photo_id", "filename", "region", "predicted", "part"):
        every[name] = every[name].fillna("").astype(str)
    return every


def _is_of(data: Dataset | None, card: Card) -> bool:
    """Whether a data set is of the campus of a model."""
    return data is not None and data.campus.name == card.campus and data.campus.frame == card.frame
