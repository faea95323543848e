"""One finding with its photo, its place on the map, and the buttons that decide about it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from app import cache, theme
from app.access import gate
from app.data.review import actions
from app.data.review.actions import known_regions
from app.data.review.queue import WHOLE_PHOTO, after
from app.data.review.scene import Scene, own_colours, review_deck, row_of, scene_of
from app.widgets import base_layer, messages, pickers
from app.widgets.messages import legend
from core.areas import Area
from core.audit.findings import Finding
from core.audit.review import Reviewed
from core.audit.rows import LabelRows
from core.audit.run import all_kinds
from core.dataset.repairs import Key
from core.errors import ImageError

PHOTO_PX, MAP_PX = 720, 440
HINTS = {
    "angle": "Degrees clockwise from north, 0 to 360",
    "position": "Latitude and longitude in the units of the label file, separated by a space",
    "timestamp": "Such as 15:03",
    "Region_ID": "One of the regions of the label file",
}
# Streamlit keeps R for itself.
ACCEPT, REJECT, NEXT, UNDO = "A", "X", "N", "U"


def show(queue: Sequence[Reviewed], place: int, rows: LabelRows, *, undoable: bool) -> None:
    """Draw the finding at a place of the queue.

    Args:
        queue: Findings without a decision.
        place: Which of them.
        rows: The label rows of the data set.
        undoable: Whether there is a decision to take back.
    """
    finding = queue[place].finding
    st.caption(f"Finding {place + 1:,} of {len(queue):,} undecided, highest score first")
    row, following = row_of(rows, finding), after(queue, place)
    left, right = st.columns(2, gap="medium")
    with left:
        _words(finding)
    with right:
        new = str(_field(rows, finding) or "").strip()
        with st.container(horizontal=True, key="review_buttons"):
            _decide_buttons(rows, row, finding, new, following)
            st.button(
                "Next", key="review_next", shortcut=NEXT, on_click=actions.go_to,
                args=(following,), disabled=following is None, help="Decide about this one later",
            )  # fmt: skip
            undo_button(rows.root, undoable)
        if not finding.labels:
            st.caption(
                "This finding is not about a single row, so there is no value to replace. Correct "
                "the files, or reject it."
            )
    left, right = st.columns(2, gap="medium")
    with left:
        _photo(rows, row, finding)
    with right:
        _map(scene_of(rows, finding, new), _areas(finding))


def _decide_buttons(
    rows: LabelRows, row: int | None, finding: Finding, new: str, following: Key | None
) -> None:
    reader, may = _reader(finding), gate.allows("operator")
    st.button(
        "Accept" if new else "Leave the photo out", key="review_accept", type="primary",
        shortcut=ACCEPT, on_click=actions.settle, disabled=not finding.labels or not may,
        args=(rows.root, finding, "accepted", following, reader, (rows, row)),
    )  # fmt: skip
    st.button(
        "Reject", key="review_reject", shortcut=REJECT, on_click=actions.settle,
        args=(rows.root, finding, "rejected", following, reader, (rows, row)),
        help="The label is right: keep it", disabled=not may,
    )  # fmt: skip


def undo_button(folder: Path, undoable: bool) -> None:
    """Draw the button that takes the last decision back; it stays when the queue is empty."""
    st.button(
        "Undo", key="review_undo", shortcut=UNDO, on_click=actions.undo, args=(folder,),
        disabled=not undoable or not gate.allows("operator"), help="Undo the last decision",
    )  # fmt: skip


def _words(finding: Finding) -> None:
    meaning = all_kinds().get(finding.finding, "")
    st.markdown(f"**{finding.finding}**, score {finding.score:.2f}: {meaning}")
    st.text(finding.evidence)
    where = messages.code(finding.filename)
    where += f" in {messages.code(finding.labels)}" if finding.labels else ""
    st.caption(where)
    if finding.column:
        st.markdown(f"{messages.plain(finding.column)} in the file: {messages.code(finding.value)}")


def _field(rows: LabelRows, finding: Finding) -> str | None:
    """Draw the field for the new value, at first the proposal; return its value."""
    if finding.column in WHOLE_PHOTO or not finding.labels:
        return finding.proposal
    key = _key(finding)
    helping = "If empty, Accept leaves the photo out."
    if finding.column == "Region_ID":
        known = list(known_regions(rows))
        index = known.index(finding.proposal) if finding.proposal in known else None
        return st.selectbox("New value", known, index, key=key, placeholder="Leave the photo out",
                            help=helping)  # fmt: skip
    hint = HINTS.get(finding.column, "A number, as the label file writes it")
    return st.text_input("New value", finding.proposal, key=key, placeholder=hint, help=helping)


def _reader(finding: Finding) -> Callable[[], str]:
    """Return a reader of the field, whose value may be newer than the page."""
    key = _key(finding)
    return lambda: str(st.session_state.get(key, finding.proposal) or "")


def _key(finding: Finding) -> str:
    about = (finding.labels, finding.filename, finding.finding, finding.column, finding.value)
    return "review_new_" + "\t".join(about)


def _photo(rows: LabelRows, row: int | None, finding: Finding) -> None:
    path = str(rows.text["path"].iat[row]) if row is not None else ""
    if not path and finding.photo_id and (rows.root / finding.photo_id).is_file():
        path = str(rows.root / finding.photo_id)
    if not path:
        name = messages.plain(finding.filename)
        st.info(f"The photo {name} is missing, so only its label can be checked.")
        return
    try:
        st.image(cache.thumbnail(Path(path), PHOTO_PX), width="stretch", alt=finding.filename)
    except ImageError as error:
        st.warning(messages.plain_lines(str(error)))


def _areas(finding: Finding) -> Sequence[Area]:
    """The areas of the data set where a finding is about them."""
    data = pickers.dataset_if_readable() if finding.finding == "region_area" else None
    return () if data is None else data.areas


def _map(scene: Scene | None, areas: Sequence[Area]) -> None:
    if scene is None:
        st.caption("No map: the position or the unit of the coordinates is unknown.")
        return
    palette = theme.palette()
    st.pydeck_chart(
        review_deck(
            scene, palette, online=pickers.online_tiles(), areas=areas,
            base=base_layer.of(pickers.dataset_path()),
        ),
        height=MAP_PX,
        alt="The position in the label, the proposed one, and the photos around",
    )  # fmt: skip
    entries = {}
    if scene.old_m is not None:
        entries["label in the file"] = palette.prediction
    if scene.new_m is not None or scene.new_deg is not None:
        entries["new value"] = palette.truth
    own = own_colours(scene, palette).items()
    entries |= {f"photos of region {region}": colour for region, colour in own}
    legend(entries | {"photos of other regions": palette.faint})
    if scene.off_map:
        st.caption(scene.off_map)
