"""The section that says which column of a label table means what, and shows what comes of it.

It opens by itself if a data set cannot be read. Core reads and writes; here it is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pydeck as pdk
import streamlit as st

from app import cache, links, theme
from app.access import gate
from app.data import browse
from app.maps import backdrop, layers
from app.maps.ground import Ground, deck
from app.selection import selection
from app.widgets import messages, pickers
from core.dataset import mapping
from core.dataset.campus import campus_text, read_table_settings
from core.dataset.labels import Dataset
from core.dataset.layout import CAMPUS_FILE, dataset_folder
from core.dataset.look import look
from core.errors import FrameError, LabelError
from core.geo import CoordinateFrame, FrameKind
from core.tables.headings import PER_TURN
from core.tables.raw import SEPARATORS
from core.tables.read import Recognised
from core.tables.settings import Side, TableSettings

SECTION = "Columns"
_ROWS = 5
_ARROW_ROWS = 400
ROLES = {
    "filename": "Photo", "latitude": "Latitude", "longitude": "Longitude",
    "position": "Both coordinates in one", "heading": "Heading", "region": "Region",
    "timestamp": "Time", "date": "Date", "hfov_deg": "Field of view", "walk": "Walk",
    "visit": "Visit", "panorama_id": "Panorama",
}  # fmt: skip
_MAIN = ("filename", "latitude", "longitude", "position", "heading", "region", "timestamp")
_FRAMES: dict[str, str] = {
    "degrees": "Degrees (WGS 84)", "scaled_degrees": "Degrees, scaled and shifted",
    "planar_metres": "Metres north and east",
}  # fmt: skip
_SIDES: tuple[Side, ...] = ("north", "east", "south", "west")
_ENCODINGS = ("utf-8", "utf-16", "cp1252", "cp1250", "cp1251", "mac_roman", "shift_jis", "gb18030")
_DECIMALS = {".": "Point: 12.5", ",": "Comma: 12,5"}


def need_dataset(source: Path) -> Dataset:
    """The picked data set below what was understood of it.

    If it cannot be read, the page says why, lets its reader choose the columns, and ends.
    """
    try:
        browse.show_look(cache.look(source))
        return cache.dataset(source)
    except (LabelError, FrameError) as error:
        messages.show_error(error)
        try:
            mapping.tables_to_read(source)
        except LabelError:
            st.caption("Photos need no labels to be located: drop them on Predict.")
            links.to("predict", "Predict")
            st.stop()
        st.caption(
            "If its columns or units are read wrongly, choose them below. The section Review above "
            "checks labels that cannot be used yet, and labels whose photos are not here."
        )
        show(source, explained=True)
        st.stop()


def show(source: Path, *, explained: bool = False) -> None:
    """Draw the section for a data set.

    Args:
        source: A folder, or one label file.
        explained: Whether the page has said already why it cannot be read.

    Raises:
        LabelError: There is no table, or campus.toml cannot be read.
    """
    st.subheader("How the labels are read")
    table = _pick_table(source)
    source_read = mapping.read_as(source, table)
    folder = dataset_folder(source_read)
    text = campus_text(folder)
    said, frame = read_table_settings(folder, text)
    about = selection.scope(table)
    with st.expander("Text, separator and decimal mark"), st.container(horizontal=True):
        wanted = _ask_dialect(said, about)
    found = cache.recognised(table, wanted)
    _first_rows(found)
    for doubt in found.doubts:
        st.warning(messages.plain_lines(doubt))
    columns = _ask_columns(found, said, about)
    with st.container(horizontal=True):
        wanted = _ask_heading(wanted, columns["heading"] is not None, about)
    frame = _ask_frame(frame, about)
    plain = cache.recognised(table, replace(wanted, columns={}))
    wanted = replace(wanted, columns=mapping.said_columns(columns, plain.columns, said.columns))
    new = mapping.campus_with(text, wanted, frame)
    trial = cache.trial(source_read, new)
    _outcome(trial, explained=explained and new == text)
    _save(_Choice(source, source_read, table, wanted, frame), trial, text, new)


def _pick_table(source: Path) -> Path:
    tables = mapping.tables_to_read(source)
    if len(tables) == 1:
        return tables[0]
    return st.selectbox(
        "Label table", tables, format_func=lambda path: path.name,
        key=f"columns_table_{selection.scope(source)}",
    )  # fmt: skip


def _ask_dialect(said: TableSettings, about: str) -> TableSettings:
    separator = _pick("Separator", SEPARATORS, said.separator, f"columns_sep_{about}")
    encodings = {name: name for name in (*_ENCODINGS, said.encoding) if name}
    encoding = _pick("Encoding", encodings, said.encoding, f"columns_enc_{about}")
    decimal = _pick("Decimal mark", _DECIMALS, said.decimal, f"columns_dec_{about}")
    return replace(said, separator=separator, encoding=encoding, decimal=decimal)


def _pick(label: str, options: Mapping[str, str], now: str, key: str) -> str:
    """A choice that is recognised from the file unless it is made."""
    names = ["", *options]
    return st.selectbox(
        label, names, names.index(now) if now in names else 0, key=key,
        format_func=lambda name: options.get(name, "Recognised"),
    )  # fmt: skip


def _first_rows(found: Recognised) -> None:
    raw = found.raw
    st.caption(f"The first rows of {messages.plain(raw.path.name)}, {len(raw.rows):,} in all")
    shown = raw.rows.head(_ROWS)
    # Two columns may have one name, which a table on a page cannot.
    names = [
        title if raw.header.count(title) == 1 and title else f"{title} ({number + 1})"
        for number, title in enumerate(raw.header)
    ]
    st.dataframe(shown.set_axis(names, axis=1), hide_index=True)


def _ask_columns(found: Recognised, said: TableSettings, about: str) -> dict[str, str | None]:
    """Column by role; None if the table has none."""
    rows = [_MAIN[:4], _MAIN[4:]]
    chosen: dict[str, str | None] = {}
    for roles in rows:
        for cell, role in zip(st.columns(4), roles, strict=False):
            with cell:
                chosen[role] = _ask_column(role, found, said, about)
    with st.expander("More columns"):
        others = [role for role in ROLES if role not in _MAIN]
        for cell, role in zip(st.columns(4), others, strict=False):
            with cell:
                chosen[role] = _ask_column(role, found, said, about)
    if chosen["position"] is not None:
        # A table with both is read by its two columns, so these are set aside.
        chosen |= {"latitude": None, "longitude": None}
    return chosen


def _ask_column(role: str, found: Recognised, said: TableSettings, about: str) -> str | None:
    titles = ["", *dict.fromkeys(title for title in found.raw.header if title)]
    first = {title: number for number, title in reversed(list(enumerate(found.raw.header)))}
    near = found.suggested.get(role, "")
    default = found.columns.get(role, near)
    chosen = st.selectbox(
        ROLES[role], titles, titles.index(default), key=f"columns_{role}_{about}",
        format_func=lambda title: _titled(found, title, first[title]) if title else "None",
    )  # fmt: skip
    if not chosen or chosen != default:
        return chosen or None
    if near:
        st.caption("Suggested: please check.")
    elif role in said.columns:
        st.caption(f"As {CAMPUS_FILE} says.")
    else:
        unit = found.units.get(role, "")
        st.caption(f"Recognised, in {unit}." if unit else "Recognised.")
    return chosen


def _titled(found: Recognised, title: str, number: int) -> str:
    """A column's name with its first value."""
    values = found.raw.rows[number]
    filled = values[values.str.strip() != ""]
    return f"{title} ({filled.iat[0].strip()[:24]})" if len(filled) else title


def _ask_heading(wanted: TableSettings, has_heading: bool, about: str) -> TableSettings:
    if not has_heading:
        return wanted
    units: dict[str, str] = {unit: unit.capitalize() for unit in PER_TURN}
    unit = _pick("Heading unit", units, wanted.heading or "", f"columns_unit_{about}")
    side = st.selectbox(
        "Heading 0 points", _SIDES, _SIDES.index(wanted.heading_from),
        format_func=str.capitalize, key=f"columns_side_{about}",
    )  # fmt: skip
    clockwise = st.selectbox(
        "Headings grow", (True, False), 0 if wanted.heading_clockwise else 1,
        format_func=lambda value: "Clockwise" if value else "Counter-clockwise",
        key=f"columns_turn_{about}",
    )  # fmt: skip
    known = next((name for name in PER_TURN if name == unit), None)
    return replace(wanted, heading=known, heading_from=side, heading_clockwise=clockwise)


def _ask_frame(frame: CoordinateFrame | None, about: str) -> CoordinateFrame | None:
    with st.container(horizontal=True):
        now = frame.kind if frame else ""
        kind = _pick("Coordinates", _FRAMES, now, f"columns_frame_{about}")
        known = next((name for name in get_args(FrameKind) if name == kind), None)
        if known != "scaled_degrees":
            return CoordinateFrame(known) if known else None
        held = frame if frame and frame.kind == kind else CoordinateFrame("scaled_degrees", 1e-6)
        values = [
            st.number_input(label, value=value, format="%.9g", key=f"columns_{name}_{about}")
            for name, label, value in (
                ("scale", "Degrees for each unit", held.scale),
                ("north", "Latitude at 0", held.origin_latitude),
                ("east", "Longitude at 0", held.origin_longitude),
            )
        ]
    return CoordinateFrame("scaled_degrees", *values)


def _outcome(trial: mapping.Trial, *, explained: bool) -> None:
    """What would be read, before anything is written."""
    st.subheader("What comes of it")
    if not trial.fault and trial.dataset is not None:
        st.success(f"{len(trial.dataset):,} photos can be used.")
    elif not explained:
        messages.show_error(trial.fault)
    left, right = st.columns([3, 2])
    with left:
        if trial.points is None:
            st.info("No map: the positions, or what they mean, are unknown yet.")
        else:
            st.pydeck_chart(
                points_deck(trial.points, theme.palette(), online=pickers.online_tiles()),
                key="columns_map", height=selection.MAP_HEIGHT_PX,
                alt="Where the rows of the table lie, and which way their headings point",
            )  # fmt: skip
    with right:
        if trial.dataset is not None:
            browse.look_lines(look(trial.dataset))


@dataclass(frozen=True)
class _Choice:
    source: Path
    source_read: Path
    table: Path
    settings: TableSettings
    frame: CoordinateFrame | None


def _save(choice: _Choice, trial: mapping.Trial, text: str, new: str) -> None:
    changed = new != text or choice.source_read != choice.source
    if not trial.is_read:
        st.caption("What you choose can be saved once the table can be read.")
    elif not changed:
        st.caption("Nothing is changed, so there is nothing to save.")
    else:
        with st.expander(f"{CAMPUS_FILE} as it will be saved"):
            st.code(new, language="toml")
    ready = trial.is_read and changed
    ready = ready and gate.allows("operator")
    if st.button("Save", key="columns_save", type="primary", disabled=not ready):
        gate.need("operator")
        path = mapping.save_reading(choice.source_read, choice.settings, choice.frame)
        messages.later(f"Saved in {path.name}.")
        if mapping.read_as(choice.source, choice.table) != choice.source:
            pickers.hand_over_dataset(choice.table)
        st.rerun()


def points_deck(points: mapping.Points, palette: theme.Palette, *, online: bool) -> pdk.Deck:
    """Rows of a table coloured by region, with arrows of their headings, of very many a part."""
    ground = Ground.around(points.frame, points.position_m)
    order = sorted(set(points.region))
    colours = backdrop.region_colours(order)
    south, _, north, _ = ground.extent_m
    faced = np.flatnonzero(np.isfinite(points.heading_deg))
    faced = faced[:: max(-(-len(faced) // _ARROW_ROWS), 1)]
    drawn = [
        *backdrop.grid(ground, palette),
        layers.arrows(
            ground, "columns-headings", points.position_m[faced], points.heading_deg[faced],
            palette.faint, length_m=0.05 * (north - south), opacity=0.6,
        ),
        layers.coloured_points(
            ground, "columns-rows", points.position_m,
            [colours[region] for region in points.region],
            texts=_texts(points.filename, points.region), rows=range(len(points.region)),
        ),
        *layers.far_marks(
            ground, "columns-far", points.position_m, palette.text, texts=points.filename,
            rows=range(len(points.region)),
        ),
    ]  # fmt: skip
    return deck(ground, drawn, palette, online=online)


def _texts(names: Sequence[str], regions: Sequence[str]) -> list[str]:
    return [
        f"{name}, region {region}" if region else name
        for name, region in zip(names, regions, strict=True)
    ]
