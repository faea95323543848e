"""A data set on the Data page: its figures, its split, a grid of photos and one photo's labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import cache, wording
from app.widgets import messages, selection
from core.dataset.labels import Dataset
from core.dataset.leak import leak_shares
from core.dataset.look import Look, described
from core.dataset.splits import PARTS, Split
from core.errors import ImageError
from core.geo import off_campus
from core.labels import LABELS

COLUMNS, PAGE_SIZE, SIDE_PX = 6, 24, 224


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


def region_sizes(data: Dataset) -> dict[str, dict[str, int]]:
    """Photos of each region by display name, as one part, in the regions' stable order."""
    counts = data.table["region"].value_counts()
    return {"photos": {name: int(counts[one]) for one, name in region_names(data).items()}}


def facts(data: Dataset) -> dict[str, str]:
    """The first figures of a data set, in words."""
    found = {"Photos": f"{len(data):,}", "Left out": f"{len(data.excluded):,}"}
    if "region" in data.labels:
        found["Regions"] = f"{len(data.regions)}"
    if "position" in data.labels:
        found["Extent"] = _extent(data)
        found["Coordinates"] = data.campus.frame.kind.replace("_", " ")
    return found


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


def photo_rows(data: Dataset, region: str | None, text: str) -> pd.DataFrame:
    """Photos of a region (None: of all) whose file name contains `text`."""
    table = data.table
    if region is not None:
        table = table[table["region"] == region]
    if text:
        table = table[table["photo_id"].str.contains(text, case=False, regex=False)]
    return table


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
    notes = f", {count} {'note' if count == 1 else 'notes'}" if count else ""
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


def grid(page: str, table: pd.DataFrame) -> None:
    """Show photos in pages of 24; the name below a photo chooses it."""
    if table.empty:
        st.info("No photo matches: choose all regions or a shorter name.")
        return
    pages = -(-len(table) // PAGE_SIZE)
    number = st.pagination(pages, key=f"{page}_page") if pages > 1 else 1
    shown = table.iloc[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    for start in range(0, len(shown), COLUMNS):
        for cell, photo in zip(
            st.columns(COLUMNS), shown.iloc[start : start + COLUMNS].itertuples(), strict=False
        ):
            with cell:
                _cell(page, photo.photo_id, photo.filename, Path(photo.path))


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


def _cell(page: str, photo_id: str, filename: str, path: Path) -> None:
    _picture(path, SIDE_PX)
    st.button(
        messages.plain(filename), key=f"{page}_{photo_id}", type="tertiary",
        on_click=selection.choose, args=(page, photo_id), help="Show this photo on the map",
    )  # fmt: skip


def _picture(path: Path, side: int) -> None:
    try:
        st.image(cache.thumbnail(path, side), width="stretch")
    except ImageError as error:
        messages.show_error(error)
