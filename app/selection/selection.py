"""What a reader chose on a page: a photo, or rows of a table.

A choice is kept by name, never by row number: rows move when a table is sorted or filtered, and
row 0 is another photo after the next upload. The state key of a widget about one photo contains the
photo's digest (`scope`), so that no photo inherits the state of another.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import pydeck as pdk
import streamlit as st

from app import links
from app.selection import address
from app.wording import metres

MAP_HEIGHT_PX = 540
UNKNOWN = "–"
"""What an empty cell of a table shows."""
PHOTO = "photo"
"""The pages of labelled photos share the one that is open; also the parameter of the address."""


def scope(*parts: object) -> str:
    """A short key of what some state belongs to: photos' digests, a model's folder."""
    text = "\n".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def chosen(
    page: str,
    options: Callable[[str], int | None],
    *,
    linked: bool = True,
    within: object = None,
) -> int | None:
    """Row of the chosen photo, or None.

    Args:
        page: Short name of the page.
        options: Finds the row of a photo by name; None where it is not there (any more).
        linked: Keep the photo in the address of the page, so that a link leads back to it.
        within: What names of photos are unique in, such as a data set: a photo chosen in one is
            not the photo of that name in another.
    """
    key, home, state = _key(page), f"{page}_within", st.session_state
    arrived = address.arrived(key, (PHOTO,)) if linked else None
    if arrived is not None:
        state[key] = next(iter(arrived.get(PHOTO, ())), None)
    elif key not in state or state.get(home) != within:
        state[key] = None
    state[home] = within
    name = state[key]
    row = options(name) if name else None
    if linked:
        address.write(key, (PHOTO,), {PHOTO: [name]} if row is not None else {})
    return row


def linked(key: str, photos: pd.Series) -> str | None:
    """The photo of a picker that follows the address; call it before the picker is drawn.

    Args:
        key: State key of the picker.
        photos: The names that there are.

    Returns:
        The name; None if nothing is picked, or it is not among the photos.
    """
    query = address.arrived(key, (PHOTO,))
    name = next(iter(query.get(PHOTO, ())), None) if query else None
    if name is not None and (photos == name).any():
        st.session_state[key] = name
    held = st.session_state.get(key)
    return held if isinstance(held, str) and (photos == held).any() else None


def link(key: str, name: str | None) -> None:
    """Put the photo of a picker into the address, once it is drawn."""
    address.write(key, (PHOTO,), {PHOTO: [name]} if name else {})


def held(page: str = PHOTO) -> str | None:
    """The name of the chosen photo as the session holds it, whether or not the page has it."""
    name: str | None = st.session_state.get(_key(page))
    return name


def choose(page: str, name: str | None) -> None:
    """Choose a photo by name; for callbacks of buttons."""
    st.session_state[_key(page)] = name
    address.changed(_key(page))


def stepper(
    page: str, names: Sequence[str], name: str, take: Callable[[str], None] | None = None
) -> None:
    """Draw buttons to the photos before and after the chosen one, and one that closes it.

    The arrow keys press them.

    Args:
        page: Short name of the page.
        names: The photos that are shown, in their order.
        name: The chosen photo; if it is not among them, the first and the last are next to it.
        take: Opens a photo on a page that keeps the open one itself, and always has one; by
            default the page's photo is chosen or closed.
    """
    place = names.index(name) if name in names else None
    with st.container(horizontal=True, vertical_alignment="center"):
        for title, shortcut, step in (("Previous", "Left", -1), ("Next", "Right", 1)):
            to = (0 if step > 0 else len(names) - 1) if place is None else place + step
            there = 0 <= to < len(names)
            st.button(
                title, key=f"{page}_{title.lower()}", shortcut=shortcut, disabled=not there,
                on_click=take or partial(choose, page), args=(names[to] if there else "",),
            )  # fmt: skip
        if take is None:
            st.button("Close", key=f"{page}_close", shortcut="Esc", on_click=choose,
                      args=(page, None))  # fmt: skip
        if place is not None:
            st.caption(f"{place + 1:,} of {len(names):,}")


def lead_on(name: str, page: str) -> None:
    """Draw links to what else the app knows of a photo of a data set.

    Args:
        name: The photo.
        page: Short name of the page that draws them.
    """
    titles = {
        "predict": "Predict", "explain": "Explain", "map": "On the map", "evaluate": "Evaluate",
        "data": "Label row", "explore": "Similar photos",
    }  # fmt: skip
    with st.container(horizontal=True):
        for to, title in titles.items():
            if to != page:
                links.to(to, title, {PHOTO: [name]})


def clickable_map(
    page: str,
    deck: pdk.Deck,
    names: Callable[[int], str],
    alt: str,
    *,
    key: str = "",
    height_px: int = MAP_HEIGHT_PX,
) -> None:
    """Draw a map whose dots choose a photo.

    Args:
        page: Short name of the page.
        deck: Its dots carry the row as `i`.
        names: Name of a row's photo.
        alt: What the map shows, for readers who cannot see it.
        key: The map's own; another one where it shows other things. By default the page's.
        height_px: Height of the map.
    """
    key = f"{key or page}_map"

    def clicked() -> None:
        objects = st.session_state[key].selection.objects
        rows = [entry["i"] for layer in objects.values() for entry in layer if "i" in entry]
        choose(page, names(int(rows[0])) if rows else None)

    st.pydeck_chart(deck, key=key, on_select=clicked, height=height_px, alt=alt)


def clickable_table(
    page: str, table: pd.DataFrame, names: Sequence[str], columns: Mapping[Any, Any] | None = None
) -> None:
    """Draw a table whose rows choose a photo.

    Args:
        page: Short name of the page.
        table: What to draw.
        names: The photo of each row.
        columns: As `st.dataframe` takes `column_config`.
    """
    key = f"{page}_table_{scope(*names)}"

    def clicked() -> None:
        rows = st.session_state[key].selection.rows
        choose(page, names[rows[0]] if rows and rows[0] < len(names) else None)

    held = st.session_state.get(_key(page))
    st.dataframe(
        table, key=key, hide_index=True, on_select=clicked, selection_mode="single-row", height=280,
        column_config=columns, placeholder=UNKNOWN,
        selection_default={"selection": {"rows": [names.index(held)] if held in names else []}},
    )  # fmt: skip


def far_list(page: str, away_m: Mapping[str, float]) -> None:
    """List the photos that arrows at the border of the map point to; a row chooses one.

    Args:
        page: Short name of the page.
        away_m: Metres from the middle of the map by photo.
    """
    if not away_m:
        return
    count = f"{len(away_m):,} photos lie" if len(away_m) > 1 else "1 photo lies"
    with st.expander(f"{count} far outside the map, where the arrows at its border point"):
        far = pd.DataFrame({"Photo": list(away_m), "From the middle": map(metres, away_m.values())})
        clickable_table(page, far, list(away_m))


def ticked(
    key: str,
    table: pd.DataFrame,
    names: Sequence[str],
    *,
    multi: bool = False,
    first: bool = False,
    column_config: Mapping[Any, Any] | None = None,
) -> list[str]:
    """Draw a table with boxes to tick; a tick stays with its name wherever the row moves.

    Args:
        key: Short name of the table.
        table: What to draw.
        names: Unique names of its rows.
        multi: Whether several rows can be ticked.
        first: Whether the first row is ticked until the reader ticks another.
        column_config: As `st.dataframe` takes it.

    Returns:
        The names of the ticked rows, from the top. Ticks of rows that are not shown are kept.
    """
    names, kept = list(names), f"{key}_ticked"
    # A widget's rows are numbers: they mean something for these names in this order only.
    drawn = f"{key}_table_{scope(*names)}"
    held: list[str] = st.session_state.setdefault(kept, names[:1] if first else [])

    def keep(rows: Sequence[int]) -> list[str]:
        shown = [names[row] for row in sorted(rows) if row < len(names)]
        hidden = [name for name in st.session_state[kept] if name not in names]
        st.session_state[kept] = [*hidden, *shown] if multi else shown or hidden
        return shown

    def changed() -> None:
        # By the order that was clicked in; when the page is drawn again, it may be another.
        keep(st.session_state[drawn].selection.rows)

    event = st.dataframe(
        table,
        key=drawn,
        hide_index=True,
        on_select=changed,
        selection_mode="multi-row" if multi else "single-row",
        selection_default={
            "selection": {"rows": [row for row, name in enumerate(names) if name in held]},
        },
        column_config=column_config,
        placeholder=UNKNOWN,
    )
    return keep(event["selection"]["rows"])


def _key(page: str) -> str:
    return f"{page}_chosen"
