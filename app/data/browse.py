"""A data set on the Data page: its figures, its split, a grid of photos and one photo's labels."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import streamlit as st

from app import cache, wording
from app.selection import filters, photo_facts, selection, tagging
from app.selection.filter_fields import PhotoFacts
from app.selection.photo_filter import PhotoFilter
from app.widgets import messages, pickers, tiles
from core.amounts import counted
from core.dataset.labels import Dataset
from core.dataset.look import Look, described
from core.errors import BearingsError, ImageError
from core.geo import off_campus
from core.labels import LABELS
from core.runs import report_folders
from core.splits.leak import leak_shares
from core.splits.parts import PARTS
from core.splits.split import Split

SIDE_PX = 224


@dataclass(frozen=True, eq=False)
class DataView:
    """The photos of a data set under the reader's filter.

    Attributes:
        data: The data set.
        facts: Of all its photos.
        wanted: What the page can apply of the filter.
    """

    data: Dataset
    facts: PhotoFacts
    wanted: PhotoFilter

    @property
    def shown(self) -> pd.DataFrame:
        """Rows of the data set that pass."""
        return self.data.table.loc[self.wanted.apply(self.facts).index]

    def beside(self, field: str) -> pd.DataFrame:
        """Rows that pass all fields but one: what the chart that sets this field shows."""
        return self.data.table.loc[self.wanted.without(field).apply(self.facts).index]


@dataclass(frozen=True)
class SplitFacts:
    """A split in figures.

    Attributes:
        counts: Part -> region (display name) -> photos.
        sizes: Part -> photos; with the buffer, where the split has one.
        leak: Radius in words -> share of test photos with a training photo that near; empty if no
            test photo or no training photo has a position.
    """

    counts: dict[str, dict[str, int]]
    sizes: dict[str, int]
    leak: dict[str, float]


def region_names(data: Dataset) -> dict[str, str]:
    """Display name of every region, its id where it has none."""
    return {region: data.campus.region_names.get(region, region) for region in data.regions}


def facts(data: Dataset) -> dict[str, str]:
    """The first figures of a data set, in words."""
    found = {"Photos": f"{len(data):,}", "Left out": f"{len(data.excluded):,}"}
    if "region" in data.labels:
        found["Regions"] = f"{len(data.regions)}"
    if "position" in data.labels:
        found["Extent"] = _extent(data)
        found["Coordinates"] = data.campus.frame.kind.replace("_", " ")
    return found


def figures(data: Dataset) -> None:
    """Draw the first figures of a data set."""
    with st.container(horizontal=True):
        for name, value in facts(data).items():
            st.metric(name, value, border=True)


def split_facts(data: Dataset, split: Split) -> SplitFacts:
    """Count a split's parts and measure how near its test photos are to training photos."""
    rows = {part: split.rows(data, part) for part in PARTS}
    rows = {part: inside for part, inside in rows.items() if len(inside)}
    names = region_names(data)
    named = data.table["region"].map(names)
    counts = {
        str(part): {name: int((named.iloc[inside] == name).sum()) for name in names.values()}
        for part, inside in rows.items()
    }
    shares = _leak_shares(data, rows["test"], rows["train"])
    leak = {key.removeprefix("within_").replace("m", " m"): share for key, share in shares.items()}
    sizes = {str(part): len(inside) for part, inside in rows.items()}
    left_out = len(split.rows(data, "buffer"))
    return SplitFacts(counts, sizes | ({"left out": left_out} if left_out else {}), leak)


def _leak_shares(data: Dataset, test: np.ndarray, train: np.ndarray) -> dict[str, float]:
    placed = data.labelled("position")
    if not placed[test].any() or not placed[train].any():
        return {}
    metres = data.local_frame().to_metres(data.positions)
    return leak_shares(metres[test], metres[train])


def open_view(data: Dataset) -> DataView:
    """Draw the filter of a data set, and return its photos.

    Errors are those of the newest report of the picked model, if it is about these photos.
    """
    checkpoint, split, outcomes = pickers.checkpoint_path(), None, None
    if checkpoint is not None:
        with suppress(BearingsError):
            split = cache.checkpoint_split(checkpoint)
            outcomes = _evaluated(data, checkpoint)
    facts = photo_facts.of_dataset(
        data, split, tagging.tags_of(data.root), outcomes, raw=filters.current().raw
    )
    return DataView(data, facts, filters.bar("data", facts, region_names(data)))


def _evaluated(data: Dataset, checkpoint: Path) -> pd.DataFrame | None:
    for folder in report_folders(checkpoint):
        about = cache.report(folder).dataset
        if about is not None and about.campus == data.campus.name:
            return cache.predictions(folder)
    return None


def _extent(data: Dataset) -> str:
    """Metres north and east that the photos cover, but for those far off."""
    metres = data.local_frame().to_metres(data.positions[data.labelled("position")])
    # As the map: one label with a lost digit is no part of the campus.
    low, high = np.quantile(metres[~off_campus(metres)], [0.01, 0.99], axis=0)
    north, east = high - low
    return f"{north:,.0f} m × {east:,.0f} m"


def show_look(seen: Look) -> None:
    """Show what was understood of the label files, closed at first, with its warnings."""
    count = len(seen.warnings)
    notes = f", {counted(count, 'note')}" if count else ""
    with st.expander(f"How the labels were read: {messages.plain(', '.join(seen.files))}{notes}"):
        look_lines(seen)


def look_lines(seen: Look) -> None:
    """What was understood of the label files, a line for each subject and warning."""
    lines = [
        f"- **{subject.capitalize()}:** {messages.plain(text)}"
        for subject, text in described(seen).items()
    ]
    lines += [f"- **Note:** {messages.plain(warning)}" for warning in seen.warnings]
    st.markdown("\n".join(lines))


def rows_left_out(data: Dataset) -> None:
    """Show the rows that were left out, each with its reason."""
    st.subheader("Rows left out")
    if len(data.excluded):
        st.dataframe(
            data.excluded, hide_index=True, column_config={"photo_id": "Photo", "reason": "Reason"}
        )
    else:
        st.caption("None.")


def row_of(data: Dataset, photo_id: str) -> int | None:
    """Row of a photo, or None."""
    rows = data.table.index[data.table["photo_id"] == photo_id]
    return int(rows[0]) if len(rows) else None


def grid(view: DataView, chosen: str | None, columns: int = tiles.COLUMNS) -> None:
    """Show the photos that pass the filter; a click opens one."""
    shown = view.shown
    if shown.empty:
        st.info("No photo matches. Clear a filter above.")
        return
    names, table = region_names(view.data), shown.set_index("photo_id")

    def tile(name: str) -> tiles.Tile:
        photo = table.loc[name]
        region = messages.plain(names.get(photo["region"], photo["region"]))
        try:
            picture = cache.thumbnail(Path(photo["path"]), SIDE_PX)
        except ImageError:
            picture = None
        title = PurePosixPath(str(photo["filename"])).name
        return tiles.Tile(name, title, f"  \n{region}" if region else "", picture)

    tiles.grid("data", list(table.index), tile, partial(selection.choose, selection.PHOTO),
               chosen=chosen, columns=columns, page_size=4 * columns)  # fmt: skip


def label_rows(view: DataView) -> None:
    """Show the labels of the photos that pass the filter as a table, whose rows filter."""
    shown = view.shown
    data, st_columns = view.data, st.column_config
    table = pd.DataFrame({"Photo": shown["photo_id"]})
    if "region" in data.labels:
        table["Region"] = shown["region"].map(region_names(data))
    if "position" in data.labels:
        table["Latitude"], table["Longitude"] = data.positions[shown.index].T
    if "heading" in data.labels:
        table["Heading"] = shown["heading_deg"]
    if (shown["timestamp"] != "").any():
        table["Taken at"] = shown["timestamp"]
    if tags := tagging.tags_of(data.root):
        table["Tags"] = [", ".join(tags.get(photo, ())) for photo in shown["photo_id"]]
    digits = wording.DECIMALS[data.campus.frame.kind]
    number = st_columns.NumberColumn(format=f"%.{digits}f")
    columns = {"Latitude": number, "Longitude": number,
               "Heading": st_columns.NumberColumn("Heading (°)", format="%.0f")}  # fmt: skip
    st.subheader("Label rows")
    st.caption(f"{len(shown):,} of {len(data):,} photos. Tick one to open it, several to filter.")
    filters.rows(selection.PHOTO, table, shown["photo_id"].tolist(), columns)
    tagging.of_shown("data", data.root, shown["photo_id"].tolist())


def card(data: Dataset, row: int) -> None:
    """One photo with its labels."""
    photo = data.table.loc[row]
    name = data.campus.region_names.get(photo["region"], photo["region"])
    _picture(Path(photo["path"]), 640)
    has = {label: bool(data.labelled(label)[row]) for label in LABELS}
    title = [f"**{messages.plain(name)}**"] if has["region"] else []
    title += [f"facing {wording.heading(photo['heading_deg'])}"] if has["heading"] else []
    st.markdown(", ".join(title))
    facts = [messages.code(photo["photo_id"])]
    if has["position"]:
        facts.append(wording.position(data.positions[row], data.campus.frame))
    facts += [f"no {label}" for label in data.labels if not has[label]]
    if photo["timestamp"]:
        facts.append(f"taken at {messages.plain(photo['timestamp'])}")
    st.caption("  \n".join(facts))


def _picture(path: Path, side: int) -> None:
    try:
        st.image(cache.thumbnail(path, side), width="stretch", alt=path.name)
    except ImageError as error:
        messages.show_error(error)
