"""Photos to predict: uploaded, or test photos of the loaded data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import cache
from app.photo import Photo
from app.predict.prediction_map import Truth
from app.widgets import address, messages, selection
from app.widgets.photo_source import PhotoSource
from core.dataset.decode import FORMATS_TEXT, PHOTO_SUFFIXES
from core.dataset.labels import Dataset
from core.errors import ImageError
from core.model.card import Card

TYPES = list(PHOTO_SUFFIXES)
LARGEST_MB, MOST_PHOTOS, EXAMPLES = 20, 100, 6
_FORM, _UPLOADS = "predict_form", "predict_uploads"
_EXAMPLE, _PAGE, _LINKED = "predict_example", "predict_examples_page", "predict_linked"


@dataclass(frozen=True)
class Subject:
    """Photos to predict, and the ground truth of a labelled example (one photo then)."""

    photos: tuple[Photo, ...]
    truth: Truth | None = None

    @property
    def digest(self) -> str:
        """Equal digests are the same photos."""
        return selection.scope(*(photo.digest for photo in self.photos))


def choose_photos(folder: Path, card: Card, data: Dataset | None) -> Subject | None:
    """Let the reader upload photos or pick an example of the data set; None if neither.

    The form closes once something is chosen, so that the answer is on the screen.
    """
    _follow_link(data)
    with st.expander("Choose photos", expanded=True, key=_FORM, on_change="rerun"):
        files = st.file_uploader(
            f"Drop photos here: {FORMATS_TEXT}, at most {LARGEST_MB} MB each and {MOST_PHOTOS} "
            "at once. They stay on this machine, in memory only.",
            type=TYPES, accept_multiple_files=True, max_upload_size=LARGEST_MB, key=_UPLOADS,
            on_change=_close,
        )  # fmt: skip
        example = _example(folder, card, data)
    if not files:
        root, photo_id = st.session_state.get(_EXAMPLE, (None, None))
        if example is None and data is not None and root == data.root:
            st.info(f"{messages.plain(str(photo_id))} is no test photo of this model. To predict "
                    "it all the same, drop its file above.")  # fmt: skip
        return example
    if len(files) > MOST_PHOTOS:
        st.warning(f"Only the first {MOST_PHOTOS} of {len(files)} photos are predicted.")
    return Subject(tuple(Photo(file.name, file.getvalue()) for file in files[:MOST_PHOTOS]))


def _follow_link(data: Dataset | None) -> None:
    """Take the photo that the address names, if it is one of the data set."""
    query = address.arrived(_LINKED, (selection.PHOTO,))
    if query is None or data is None:
        return
    name = next(iter(query.get(selection.PHOTO, ())), None)
    if name is None:
        st.session_state.pop(_EXAMPLE, None)
    elif (data.table["photo_id"] == name).any():
        _take(data.root, name)


def _close() -> None:
    st.session_state[_FORM] = False


def _example(folder: Path, card: Card, data: Dataset | None) -> Subject | None:
    if data is None:
        return None
    table = _unseen(folder, PhotoSource.of(card, data), data)
    if table.empty:
        return None
    st.caption("Or try a labelled photo that the model was not trained on:")
    pages = -(-len(table) // EXAMPLES)
    with st.container(horizontal=True, vertical_alignment="center"):
        number = st.pagination(pages, key=_PAGE, max_visible_pages=5) if pages > 1 else 1
    shown = table.iloc[(number - 1) * EXAMPLES : number * EXAMPLES]
    for cell, photo in zip(st.columns(EXAMPLES), shown.itertuples(), strict=False):
        with cell:
            _offer(data, photo.photo_id, photo.filename, Path(photo.path))
    # Only among photos that this model never saw, and of this data set.
    root, photo_id = st.session_state.get(_EXAMPLE, (None, None))
    chosen = table[table["photo_id"] == photo_id] if root == data.root else table.iloc[:0]
    selection.link(_LINKED, photo_id if len(chosen) else None)
    return _labelled(card, data, int(chosen.index[0])) if len(chosen) else None


def _unseen(folder: Path, shelf: PhotoSource, data: Dataset) -> pd.DataFrame:
    """Test photos of the checkpoint's own split, regions taking turns."""
    split = cache.checkpoint_split(folder)
    if split is None or data.campus.frame != shelf.frame.frame:
        return data.table.iloc[:0]
    tested = data.table[data.table["photo_id"].map(split.parts.get) == "test"]
    return tested.assign(turn=tested.groupby("region").cumcount()).sort_values(
        ["turn", "region"], kind="stable"
    )


def _offer(data: Dataset, photo_id: str, filename: str, path: Path) -> None:
    try:
        st.image(cache.thumbnail(path, 224), width="stretch")
    except ImageError as error:
        messages.show_error(error)
        return
    st.button(messages.plain(filename), key=f"predict_{photo_id}", type="tertiary", on_click=_take,
              args=(data.root, photo_id), help="Predict this photo")  # fmt: skip


def _take(root: Path, photo_id: str) -> None:
    st.session_state[_EXAMPLE] = (root, photo_id)
    _close()


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
    return Subject((Photo(photo["filename"], content),), truth)
