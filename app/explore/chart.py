"""The chart of the Explore page: photos by their descriptors, coloured, selected and paired."""

from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app.embedding import Described
from app.explore.photos import ExploreView, texts
from app.figures.embedding import Colouring, discrete, embedding
from app.maps.backdrop import region_colours
from app.selection import filters, selection
from app.theme import RAMP, SERIES, Palette
from app.widgets import figure_files, messages
from app.wording import metres
from core.geo import distance_m
from core.retrieval.embedding import AlikePairs, alike_pairs
from core.splits.parts import PART_NAMES

Colour = Literal["Region", "Wrong region", "Position error", "Heading", "Part"]
COLOURS: tuple[Colour, ...] = get_args(Colour)
APART_M = 50.0
OTHER_REGION, FAR_APART = "in different regions", f"over {APART_M:.0f} m apart"
MOST_PAIRS = 200
_PLAIN = 6
"""Regions that have colours of their own."""


def offered_colours(view: ExploreView) -> list[Colour]:
    """What photos can be coloured by."""
    table, found = view.table, []
    has = {
        "Region": (table["region"] != "").any(),
        "Wrong region": (table["predicted"] != "").any(),
        "Position error": table["error_m"].notna().any(),
        "Heading": table["heading_deg"].notna().any(),
        "Part": view.is_evaluated.any(),
    }
    found = [colour for colour in COLOURS if has[colour]]
    return found or ["Part"]


def colouring(view: ExploreView, colour: Colour, palette: Palette) -> Colouring:
    """Colours of the photos, and their legend below the chart."""
    table, evaluated = view.table, view.is_evaluated
    if colour == "Region":
        order = filters.region_order(table["region"])
        number = {region: index for index, region in enumerate(order)}
        classes = table["region"].map(number).fillna(-1).to_numpy(np.int64)
        return discrete(np.where(classes < 0, -1, classes % _PLAIN), SERIES[:_PLAIN])
    if colour == "Wrong region":
        known = (table["region"] != "") & (table["predicted"] != "")
        wrong = (known & (table["region"] != table["predicted"])).to_numpy()
        return discrete(
            np.where(~known, -1, np.where(wrong, 1, 0)), (palette.refined, palette.prediction)
        )
    if colour == "Part":
        return discrete(evaluated.astype(np.int64), (palette.faint, palette.prediction))
    if colour == "Heading":
        bar = {"title": {"text": "heading"}, "tickvals": [0, 90, 180, 270, 360],
               "ticktext": ["N", "E", "S", "W", "N"]}  # fmt: skip
        return Colouring(table["heading_deg"].to_numpy(np.float64), "Phase", (0.0, 360.0), bar)
    errors = table["error_m"].to_numpy(np.float64)
    ticks = [1, 3, 10, 30, 100, 300]
    words = ["≤ 1", *map(str, ticks[1:-1]), "≥ 300"]
    bar = {"title": {"text": "error (m)"}, "tickvals": np.log10(ticks).tolist(), "ticktext": words}
    return Colouring(np.log10(np.clip(errors, 1.0, 300.0)), RAMP, (0.0, float(np.log10(300))), bar)


def legend(view: ExploreView, colour: Colour, palette: Palette) -> None:
    """Write what the colours mean, if no bar beside the chart does."""
    training, evaluated = int((~view.is_evaluated).sum()), int(view.is_evaluated.sum())
    part = "" if view.report is None else PART_NAMES.get(view.report.split.part, "evaluated")
    if colour == "Region":
        order = filters.region_order(view.table["region"])
        if len(order) <= 2 * _PLAIN + 4:
            colours = region_colours(order)
            messages.legend(
                {view.names.get(one, one): "#{:02X}{:02X}{:02X}".format(*colours[one])
                 for one in order}
            )  # fmt: skip
    elif colour == "Wrong region":
        messages.legend({"right region": palette.refined, "wrong region": palette.prediction,
                         "training photos": palette.faint})  # fmt: skip
    elif colour == "Part":
        messages.legend({f"{training:,} training photos": palette.faint,
                         f"{evaluated:,} {part} photos": palette.prediction})  # fmt: skip
    if evaluated:
        st.caption(f"Small dots: {training:,} training photos. Large dots: {evaluated:,} {part} "
                   "photos.")  # fmt: skip


def chart(
    view: ExploreView, colour: Colour, palette: Palette, *, chosen: str | None,
    lines: NDArray[np.int64] | None = None,
) -> None:  # fmt: skip
    """Draw the photos: a click opens one, a lasso or a box filters.

    Args:
        view: The photos.
        colour: What they are coloured by.
        palette: Colours of the theme.
        chosen: The open photo.
        lines: Pairs of rows `(k, 2)` that are joined.
    """
    field, wanted = view.plane, view.wanted
    beside = np.zeros(len(view.table), bool)
    beside[wanted.without(field).apply(view.facts).index] = True
    row = None if chosen is None else view.row_of(chosen)
    drawn = embedding(
        view.place, colouring(view, colour, palette), texts(view), palette,
        large=view.is_evaluated, shown=beside, chosen=row, around=getattr(wanted, field),
        lines=lines, keep=f"{view.plane} {view.described.key}",
    )  # fmt: skip

    def selected(event: Any) -> None:  # noqa: ANN401 - as Streamlit reports it
        area = filters.plane_of(event)
        if area is not None:
            filters.keep_field(field, area)
        elif event["points"]:
            clicked = drawn.row_of(event["points"][0])
            if clicked is not None:
                name = str(view.table.at[clicked, "photo_id"])
                selection.choose(selection.PHOTO, name)

    filters.clickable_chart(
        drawn.figure, f"explore_{view.plane}", (field,), selected,
        alt="Photos by their descriptors: similar ones lie together",
        modes=("points", "box", "lasso"),
    )  # fmt: skip
    figure_files.offer("explore", {"Photos by their descriptors": drawn.figure})


def pick_pairs(view: ExploreView) -> tuple[str | None, AlikePairs | None]:
    """Let the reader choose which pairs of similar photos are shown; None for no pairs."""
    has_position = view.table["north_m"].notna().any()
    has_region = (view.table["region"] != "").any()
    options = [*([OTHER_REGION] if has_region else []), *([FAR_APART] if has_position else [])]
    kind = st.segmented_control(
        "Pairs that look alike", options, key="explore_pairs",
        help="Each photo with the most similar one of another place: what the model may confuse, "
        "and labels that may be wrong.",
    ) if options else None  # fmt: skip
    if kind is None:
        return None, None
    found = _pairs(view.described, view.table, kind, f"{view.described.key} {kind}")
    both = view.shown[found.rows].any(axis=1)
    return kind, AlikePairs(found.rows[both], found.similarity[both])


@st.cache_resource(max_entries=8, show_spinner="Comparing the photos …")
def _pairs(_photos: Described, _table: pd.DataFrame, kind: str, key: str) -> AlikePairs:
    if kind == FAR_APART:
        places = _table[["north_m", "east_m"]].to_numpy(np.float64)
        return alike_pairs(_photos.features, places, apart_m=APART_M, most=MOST_PAIRS)
    codes = pd.Categorical(_table["region"].replace("", np.nan)).codes.astype(np.int64)
    return alike_pairs(_photos.features, region=codes, most=MOST_PAIRS)


def pairs(view: ExploreView, kind: str, found: AlikePairs) -> None:
    """Draw the list of pairs, and the two photos of the chosen one side by side."""
    st.subheader(f"Pairs that look alike, {kind}")
    if not len(found.rows):
        st.info("There is no such pair among the photos that are shown.")
        return
    first, second = (view.table.iloc[found.rows[:, side]] for side in (0, 1))
    places = view.table[["north_m", "east_m"]].to_numpy(np.float64)
    apart = distance_m(places[found.rows[:, 0]], places[found.rows[:, 1]])
    shown = pd.DataFrame(
        {
            "Similarity": found.similarity.round(3),
            "Apart": [metres(one) if one == one else None for one in apart],
            "One": first["filename"].tolist(),
            "Region": [view.names.get(one, one) for one in first["region"]],
            "Other": second["filename"].tolist(),
            "Its region": [view.names.get(one, one) for one in second["region"]],
        }
    )
    left, right = st.columns([3, 2])
    with left:
        picked = st.dataframe(
            shown, key=f"explore_pairs_{selection.scope(kind, *first['photo_id'])}",
            hide_index=True, on_select="rerun", selection_mode="single-row", height=330,
            placeholder=selection.UNKNOWN,
        )  # fmt: skip
    rows = picked["selection"]["rows"]
    number = rows[0] if rows and rows[0] < len(shown) else 0
    with right:
        st.caption(f"Pair {number + 1} of {len(shown):,}. Click a row to see another one.")
        for cell, row in zip(st.columns(2), found.rows[number], strict=True):
            with cell:
                _one_of_pair(view, int(row))


def _one_of_pair(view: ExploreView, row: int) -> None:
    one, picture = view.table.iloc[row], view.picture(row)
    if picture is None:
        st.caption("Photo not found.")
    else:
        st.image(picture, width="stretch", alt=str(one["filename"]))
    region = view.names.get(str(one["region"]), str(one["region"]))
    st.caption(messages.plain(f"{one['filename']}: {region}"))
    st.button("Open", key=f"explore_pair_{row}", on_click=selection.choose,
              args=(selection.PHOTO, str(one["photo_id"])))  # fmt: skip
