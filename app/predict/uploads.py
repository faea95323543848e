"""Photos to predict: files, a folder, an archive, the camera, the clipboard, or an example."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import cache, links
from app.photo import Photo
from app.predict.archives import LARGEST_MB, LARGEST_ZIP_MB, MOST_PHOTOS, ChosenFile, photos_of
from app.predict.prediction_map import Truth
from app.predict.upload_store import UploadStore
from app.selection import address, selection
from app.widgets import messages, tiles
from app.widgets.photo_source import PhotoSource
from core.dataset.decode import FORMATS_TEXT, PHOTO_SUFFIXES
from core.dataset.labels import Dataset
from core.errors import ImageError
from core.model.card import Card

EXAMPLES = 6
TRAINED_ON = (
    "The model was trained on this photo: its answer does not tell how well others are answered."
)
_FORM, _WAY = "predict_form", "predict_way"
_WAYS = ("Files", "Folder", "Camera", "Paste")
_EXAMPLE, _EXAMPLE_PAGE = "predict_example", "predict_examples"
# In the address; the photo of a data set is there too.
_UPLOADS, _LINKED = "uploads", "predict_linked"
_TOKEN, _TAKEN, _NOTES = "predict_token", "predict_taken", "predict_notes"


@dataclass(frozen=True)
class Subject:
    """Photos to predict; for a labelled example (one photo) its ground truth and its key."""

    photos: tuple[Photo, ...]
    truth: Truth | None = None
    photo_id: str | None = None

    @property
    def digest(self) -> str:
        """Equal digests are the same photos."""
        return selection.scope(*(photo.digest for photo in self.photos))


@st.cache_resource(show_spinner=False)
def store() -> UploadStore:
    """The uploaded photos of all sessions, each under its own token."""
    return UploadStore()


def hand_over(files: Sequence[ChosenFile]) -> tuple[str, ...]:
    """Keep photos that were chosen on another page and leave for Predict, which shows them.

    Without a photo among the files, return why, in sentences.
    """
    chosen = photos_of(files)
    if not chosen.photos:
        return chosen.notes
    st.session_state[_NOTES] = chosen.notes
    links.go("predict", {_UPLOADS: store().put(chosen.photos)})


def choose_photos(folder: Path, card: Card, data: Dataset | None) -> Subject | None:
    """Let the reader choose photos or an example of the data set; None if neither.

    The form closes once something is chosen, so that the answer is on the screen. Photos are kept
    for a reload under a token in the address.
    """
    state = st.session_state
    _follow_address()
    something = state.get(_TOKEN) or state.get(_EXAMPLE)
    with st.expander("Choose photos", expanded=not something, key=_FORM, on_change="rerun"):
        _take(_ask())
        examples(_EXAMPLE_PAGE, folder, card, data, _try)
    for note in state.get(_NOTES, ()):
        st.warning(messages.plain(note))
    if state.get(_TOKEN):
        photos = store().get(state[_TOKEN])
        if photos:
            # The address may also name the one of these photos that is open.
            address.write(_LINKED, (_UPLOADS,), {_UPLOADS: [state[_TOKEN]]})
            return Subject(photos)
        _forget()
        st.info("These photos are not kept any more. Choose them again.")
    return _example(folder, card, data)


def _follow_address() -> None:
    """Take the uploads, or the photo of the data set, that the address names."""
    query = address.arrived(_LINKED, (_UPLOADS, selection.PHOTO))
    if query is None:
        return
    st.session_state[_TOKEN] = next(iter(query.get(_UPLOADS, ())), None)
    named = () if _UPLOADS in query else query.get(selection.PHOTO, ())
    st.session_state[_EXAMPLE] = next(iter(named), None)


def _ask() -> Sequence[ChosenFile]:
    """The files that the reader chose now in one of four ways."""
    way = st.segmented_control(
        "Photos from", _WAYS, default=_WAYS[0], required=True, key=_WAY,
        label_visibility="collapsed",
    )  # fmt: skip
    if way == "Camera":
        shot = st.camera_input(
            "Take a photo. It stays on this machine, in memory only.", key="predict_camera",
            on_change=_close, args=("predict_camera",),
        )  # fmt: skip
        return [] if shot is None else [shot]
    if way == "Paste":
        st.caption("Press Ctrl+V in the field, then Enter. Photos stay on this machine.")
        pasted = st.chat_input(
            "Paste a photo here", accept_file="multiple", file_type=list(PHOTO_SUFFIXES),
            key="predict_paste", on_submit=_close,
        )  # fmt: skip
        return [] if pasted is None or isinstance(pasted, str) else pasted.files
    kept = "They stay on this machine, in memory only."
    if way == "Folder":
        return st.file_uploader(
            f"Choose a folder of photos: {FORMATS_TEXT}, at most {LARGEST_MB} MB each and "
            f"{MOST_PHOTOS} at once. {kept}",
            accept_multiple_files="directory", max_upload_size=LARGEST_MB, key="predict_folder",
            on_change=_close, args=("predict_folder",),
        )  # fmt: skip
    return drop_field("predict_uploads", _close)


def drop_field(key: str, changed: Callable[[str], None] | None = None) -> Sequence[ChosenFile]:
    """Draw the field that takes files, and return them.

    Args:
        key: Of the widget.
        changed: Called with the key when the files change.
    """
    # Any type: what is no photo gets a sentence on the page, in place of a mark on its chip.
    return st.file_uploader(
        f"Drop photos here, or a ZIP of them: {FORMATS_TEXT}, at most {LARGEST_MB} MB each "
        f"({LARGEST_ZIP_MB} MB for a ZIP) and {MOST_PHOTOS} at once. They stay on this machine, "
        "in memory only.",
        accept_multiple_files=True, max_upload_size=LARGEST_ZIP_MB, key=key,
        on_change=changed, args=(key,),
    )  # fmt: skip


def _take(files: Sequence[ChosenFile]) -> None:
    """Keep the photos of newly chosen files; forget them if the reader removed the last file."""
    state, way = st.session_state, st.session_state[_WAY]
    mark = (way, *((file.name, file.size, getattr(file, "file_id", "")) for file in files))
    before = state.get(_TAKEN, (way,))
    if mark == before:
        return
    if not files:
        # Pasted photos are there for one run only; another way to choose removes nothing.
        if before[0] == way != "Paste":
            store().drop(state.get(_TOKEN, ""))
            state[_TAKEN] = mark
            _forget()
        return
    state[_TAKEN] = mark
    _forget()
    chosen = photos_of(files)
    state[_NOTES] = chosen.notes
    if chosen.photos:
        state.pop(_EXAMPLE, None)
        st.query_params.pop(selection.PHOTO, None)
        state[_TOKEN] = store().put(chosen.photos)


def _forget() -> None:
    """Show the uploaded photos no longer, and what was said about them."""
    for key in (_TOKEN, _NOTES):
        st.session_state.pop(key, None)


def _close(key: str = "") -> None:
    """Close the form, if the widget of this key holds anything."""
    if not key or st.session_state[key]:
        st.session_state[_FORM] = False


def _unseen(folder: Path, card: Card, data: Dataset | None) -> pd.DataFrame | None:
    """Test photos of the checkpoint's own split, regions taking turns; None if there are none."""
    split = cache.checkpoint_split(folder)
    if data is None or split is None:
        return None
    if data.campus.frame != PhotoSource.of(card, data).frame.frame:
        return None
    tested = data.table[data.table["photo_id"].map(split.parts.get) == "test"]
    if tested.empty:
        return None
    return tested.assign(turn=tested.groupby("region").cumcount()).sort_values(
        ["turn", "region"], kind="stable"
    )


def examples(
    page: str,
    folder: Path,
    card: Card,
    data: Dataset | None,
    choose: Callable[[str], None],
    *,
    most: int | None = None,
) -> None:
    """Draw labelled photos that the model was not trained on, if there are any.

    Args:
        page: Short name of the grid.
        folder: The checkpoint.
        card: Its card.
        data: The loaded data set.
        choose: Called with the key of the clicked photo.
        most: How many to offer; None: all, in pages.
    """
    table = _unseen(folder, card, data)
    if table is None:
        return
    st.caption("Or try a labelled photo that the model was not trained on:")
    rows = table.set_index("photo_id")

    def tile(photo_id: str) -> tiles.Tile:
        photo = rows.loc[photo_id]
        try:
            content = cache.thumbnail(Path(photo["path"]), 224)
        except ImageError:
            content = None
        return tiles.Tile(photo_id, photo["filename"], "", content)

    tiles.grid(page, list(rows.index)[:most], tile, choose, columns=EXAMPLES, page_size=EXAMPLES)


def step(folder: Path, card: Card, data: Dataset | None, photo_id: str) -> None:
    """Draw steps from an example to those before and after it, and links to its other pages."""
    table = _unseen(folder, card, data)
    if table is not None:
        selection.stepper(_EXAMPLE_PAGE, table["photo_id"].tolist(), photo_id, _try)
    selection.lead_on(photo_id, "predict")


def _try(photo_id: str) -> None:
    _forget()
    st.session_state[_EXAMPLE] = photo_id
    address.changed(_LINKED)
    _close()


def _example(folder: Path, card: Card, data: Dataset | None) -> Subject | None:
    """The labelled photo that the reader clicked, or that the address names."""
    photo_id, row = st.session_state.get(_EXAMPLE), None
    if data is not None and data.campus.frame == card.local_frame.frame:
        rows = data.table.index[data.table["photo_id"] == photo_id]
        row = int(rows[0]) if len(rows) else None
    named = {} if row is None else {selection.PHOTO: [str(photo_id)]}
    address.write(_LINKED, (_UPLOADS, selection.PHOTO), named)
    if data is None or row is None:
        return None
    split = cache.checkpoint_split(folder)
    if split is not None and split.parts.get(str(photo_id)) == "train":
        st.warning(TRAINED_ON)
    return _labelled(card, data, row)


def _labelled(card: Card, data: Dataset, row: int) -> Subject | None:
    photo = data.table.loc[row]
    try:
        content = Path(photo["path"]).read_bytes()
    except OSError as error:
        raise ImageError(f"{photo['path']} cannot be read: {error.strerror}") from error
    place, heading = data.positions[row], float(photo["heading_deg"])
    truth = Truth(
        card.local_frame.to_metres(place[None])[0] if np.isfinite(place).all() else None,
        heading if np.isfinite(heading) else None,
        str(photo["region"]),
    )
    return Subject((Photo(photo["filename"], content),), truth, str(photo["photo_id"]))
