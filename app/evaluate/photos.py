"""The photos of an evaluation as one view: the filter, the open photo, a grid and a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import cache, embedding
from app.evaluate import outcomes
from app.evaluate.outcomes import Method
from app.figures.plan import photo_plan
from app.selection import filters, photo_facts, selection, tagging
from app.selection.filter_fields import PhotoFacts
from app.selection.photo_filter import PhotoFilter
from app.theme import Palette
from app.widgets import messages, pickers, tiles
from app.widgets.photo_source import PhotoSource
from app.wording import degrees, metres
from core.dataset.labels import Dataset
from core.evaluation.report import Report

_MOST_NEIGHBOURS = 6


@dataclass(frozen=True, eq=False)
class EvaluationView:
    """The photos of an evaluation under the reader's filter.

    Attributes:
        page: Short name of the page.
        table: `predictions.csv`.
        names: Display name by region id.
        facts: Of all photos.
        wanted: What the page can apply of the filter.
        method: Which prediction.
        shelf: Where pictures are.
        data: The evaluated data set, if it is the loaded one.
    """

    page: str
    table: pd.DataFrame
    names: Mapping[str, str]
    facts: PhotoFacts
    wanted: PhotoFilter
    method: Method
    shelf: PhotoSource
    data: Dataset | None

    @property
    def shown(self) -> pd.DataFrame:
        """Rows of the table that pass, largest position error first, unknown errors last."""
        return outcomes.by_error(self.table.loc[self.wanted.apply(self.facts).index], self.method)

    def beside(self, field: str) -> pd.DataFrame:
        """Rows that pass all fields but one: what the chart that sets this field shows."""
        return self.table.loc[self.wanted.without(field).apply(self.facts).index]

    @property
    def refined(self) -> bool:
        """Whether refined predictions are shown."""
        return self.method == "refined"

    def days(self, rows: pd.DataFrame) -> pd.Series | None:
        """Day of each row, with its time as a fraction; None if no photo has a date."""
        if "day" not in self.facts.table or not self.facts.table["day"].notna().any():
            return None
        return self.facts.table["day"].loc[rows.index]

    def hours(self, rows: pd.DataFrame) -> pd.Series | None:
        """Hour of the day of each row; None if no photo has a time."""
        if "hour" not in self.facts.table or not self.facts.table["hour"].notna().any():
            return None
        return self.facts.table["hour"].loc[rows.index]


def open_view(
    page: str, checkpoint: Path, folder: Path, report: Report, table: pd.DataFrame
) -> EvaluationView:
    """Draw the filter of an evaluation, and return its photos.

    Args:
        page: Short name of the page.
        checkpoint: The evaluated model.
        folder: Folder of its report.
        report: The report.
        table: `predictions.csv` of the report.
    """
    card = cache.card(checkpoint)
    loaded = pickers.dataset_if_readable()
    shelf = PhotoSource.judged(card, report, loaded)
    data = loaded if _is_evaluated(loaded, report, shelf) else None
    filters.current()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Only positions, and headings beside them, are refined.
        method: Method = outcomes.pick_method() if outcomes.placed(table).any() else "refined"
    split = cache.checkpoint_split(checkpoint) if report.split.part == "all" else None
    facts = photo_facts.of_outcomes(
        table, card.local_frame, raw=method == "raw", data=data, split=split,
        tags=None if data is None else tagging.tags_of(data.root),
    )  # fmt: skip
    facts = _on_planes(facts, checkpoint, folder)
    wanted = filters.bar(page, facts, card.region_names)
    return EvaluationView(page, table, card.region_names, facts, wanted, method, shelf, data)


def gallery(view: EvaluationView, report: Report, *, beside: bool = True) -> None:
    """Draw the photos of a view: the open one, a grid, and a table whose rows filter.

    Args:
        view: The photos.
        report: Their report.
        beside: Whether to draw the open photo, beside the grid.
    """
    shown = view.shown
    st.subheader("Photos")
    order = ", largest error first" if report.position is not None else ""
    st.caption(f"{len(shown):,} of {len(view.table):,} photos{order}. Click one to open it.")
    name = opened(view, report)
    if shown.empty:
        st.info("No photo matches. Clear a filter above.")
        return
    if name is None or not beside:
        _grid(view, shown, name, columns=tiles.COLUMNS)
    else:
        left, right = st.columns([3, 2])
        with left:
            _grid(view, shown, name, columns=4)
        with right:
            panel(view, shown, name)
    outcomes.listing(shown, view.names)
    if view.data is not None:
        tagging.of_shown(view.page, view.data.root, shown["photo_id"].tolist())


def plan(view: EvaluationView, palette: Palette) -> go.Figure:
    """Draw the labelled positions; a lasso or a box around some of them filters."""
    rows = view.beside("area").dropna(subset=["true_north_m", "true_east_m"])
    frame = view.facts.frame
    assert frame is not None
    around_m = frame.to_metres(np.asarray(view.wanted.area)) if view.wanted.area else ()
    errors_m = outcomes.error_m(rows, view.method)
    texts = [f"{name}: {metres(off)}" for name, off in zip(rows["filename"], errors_m, strict=True)]
    figure = photo_plan(outcomes.truth_m(rows), errors_m, texts, palette, around_m=around_m)
    filters.chart(
        figure, f"{view.page}_plan", "area", partial(filters.area_of, frame=frame),
        alt="Photos at their labelled positions, coloured by error", modes=("lasso", "box"),
    )  # fmt: skip
    st.caption("Draw a lasso or a box around photos to filter them.")
    return figure


def opened(view: EvaluationView, report: Report) -> str | None:
    """The open photo; None if there is none, or it is not in this evaluation."""
    within = None if report.dataset is None else report.dataset.campus
    row = selection.chosen(selection.PHOTO, partial(outcomes.row_of, view.table), within=within)
    return None if row is None else str(view.table.at[row, "photo_id"])


def panel(view: EvaluationView, shown: pd.DataFrame, name: str) -> None:
    """Draw one photo: steps to the next, truth beside prediction, links, training photos.

    Args:
        view: The evaluation.
        shown: The photos to step through, in their order.
        name: The open photo.
    """
    row = outcomes.row_of(view.table, name)
    if row is None:
        return
    selection.stepper(selection.PHOTO, shown["photo_id"].tolist(), name)
    outcomes.outcome_card(view.table, row, view.shelf, dict(view.names), view.method)
    if view.data is not None:
        tagging.of_photo(view.data.root, name)
    selection.lead_on(name, view.page)
    neighbours = str(view.table.at[row, "neighbours"]) if "neighbours" in view.table else ""
    if neighbours and neighbours != "nan":
        with st.expander("Most similar training photos"):
            _neighbours(view, neighbours.split(";")[:_MOST_NEIGHBOURS])


def _grid(view: EvaluationView, shown: pd.DataFrame, name: str | None, *, columns: int) -> None:
    by_name = shown.set_index("photo_id")

    def tile(photo: str) -> tiles.Tile:
        one = by_name.loc[photo]
        off_m, off_deg = (
            float(errors[0])
            for errors in (
                outcomes.error_m(by_name.loc[[photo]], view.method),
                outcomes.heading_error_deg(by_name.loc[[photo]], view.method),
            )
        )
        parts = [metres(off_m)] if off_m == off_m else []
        parts += [degrees(off_deg)] if off_deg == off_deg else []
        caption = f"  \n{', '.join(parts)} off" if parts else ""
        place = one[["true_north_m", "true_east_m"]].astype(float).to_numpy()
        picture = view.shelf.picture(str(one["filename"]), place)
        return tiles.Tile(photo, PurePosixPath(str(one["filename"])).stem, caption, picture)

    tiles.grid(
        view.page, shown["photo_id"].tolist(), tile, partial(selection.choose, selection.PHOTO),
        chosen=name, columns=columns, page_size=4 * columns,
    )  # fmt: skip


def _neighbours(view: EvaluationView, names: list[str]) -> None:
    if view.data is None:
        st.write(", ".join(map(messages.code, names)))
        return
    data = view.data.table.set_index("photo_id")
    there = [name for name in names if name in data.index]
    for start in range(0, len(there), 3):
        for cell, name in zip(st.columns(3), there[start : start + 3], strict=False):
            title = PurePosixPath(name).stem
            with cell:
                st.image(cache.thumbnail(Path(data.at[name, "path"]), 224), width="stretch",
                         caption=messages.plain(title), alt=title)  # fmt: skip


def _on_planes(facts: PhotoFacts, checkpoint: Path, folder: Path) -> PhotoFacts:
    """The facts with places among similar photos, if an area of these is selected on Explore."""
    areas = [plane for plane in embedding.PLANES if getattr(filters.held(), plane)]
    photos = embedding.described(checkpoint, folder) if areas else None
    if photos is None or not len(photos.evaluated):
        return facts
    for plane, place in embedding.places_on(photos, areas).items():
        facts = photo_facts.on_plane(facts, plane, place[len(photos.gallery) :])
    return facts


def _is_evaluated(data: Dataset | None, report: Report, shelf: PhotoSource) -> bool:
    about = report.dataset
    if data is None or about is None:
        return False
    return data.campus.name == about.campus and data.campus.frame == shelf.frame.frame
