"""A few fixed validation photos of a watched run, with the answer of each epoch."""

from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from app import cache
from app.figures.samples import sample_plan
from app.theme import palette
from app.widgets import figure_files, messages
from app.wording import degrees, metres
from core.dataset.labels import Dataset
from core.errors import BearingsError
from core.training.samples import MOST, PhotoAnswer, read_samples

_SIDE_PX = 320
_KEY = "watch_samples"
# On a phone, columns would stand below one another, a screen for each photo.
_STYLE = f"""@media (max-width: 640px) {{
  .st-key-{_KEY} [data-testid="stHorizontalBlock"] {{ flex-wrap: wrap; gap: .6rem; }}
  .st-key-{_KEY} [data-testid="stColumn"] {{ min-width: 30%; flex: 1 1 30%; }}
}}"""


def show(run: Path, dataset: Path) -> dict[str, go.Figure]:
    """Draw the photos, and where the network placed them up to a chosen epoch; return the plan.

    Nothing is drawn of a run of a version that kept no samples, or before the first epoch.
    """
    samples = read_samples(run)
    charts: dict[str, go.Figure] = {}
    if not samples:
        return charts
    st.markdown("**Validation photos, epoch by epoch**")
    epoch = samples[-1].epoch
    if len(samples) > 1:
        epoch = _pick_epoch(samples[0].epoch, epoch, f"watch_epoch_{run.name}")
    shown = next(sample for sample in reversed(samples) if sample.epoch <= epoch)
    paths, names = _known(dataset)
    st.html(f"<style>{_STYLE}</style>")
    with st.container(key=_KEY):
        for number, (cell, photo) in enumerate(
            zip(st.columns(MOST), shown.photos, strict=False), 1
        ):
            with cell:
                _photo(number, photo, paths, names)
    if any(photo.position_m and photo.true_position_m for photo in shown.photos):
        charts["Validation photos"] = sample_plan(samples, epoch, palette())
        st.plotly_chart(
            charts["Validation photos"], key=f"watch_plan_{run.name}",
            alt="True and predicted places of the validation photos above",
            config=figure_files.config("validation_photos"),
        )  # fmt: skip
    st.caption(
        "The network alone, before training photos refine its answer. The grey path shows its "
        "answers of earlier epochs."
    )
    return charts


def _pick_epoch(first: int, last: int, key: str) -> int:
    """A slider that stays where the reader left it, and at the newest epoch follows the run."""
    held, newest = st.session_state.get(key), st.session_state.get(f"{key}_newest", last)
    st.session_state[f"{key}_newest"] = last
    st.session_state[key] = last if held is None or held >= newest else max(held, first)
    return int(st.slider("Epoch", first, last, key=key))


def _known(dataset: Path) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Paths of the photos, and names of the regions; none if the data set cannot be read."""
    try:
        data: Dataset = cache.dataset(dataset)
    except BearingsError:
        return {}, {}
    return dict(zip(data.table["photo_id"], data.table["path"], strict=True)), (
        data.campus.region_names
    )


def _photo(
    number: int, photo: PhotoAnswer, paths: Mapping[str, str], names: Mapping[str, str]
) -> None:
    path = paths.get(photo.photo_id)
    try:
        picture = None if path is None else cache.thumbnail(Path(path), _SIDE_PX)
    except BearingsError:
        picture = None
    if picture is None:
        st.caption("Photo not found.")
    else:
        st.image(picture, width="stretch", alt=f"Validation photo {number}: {photo.photo_id}")
    st.caption(f"**{number}**: {messages.plain(_words(photo, names))}")


def _words(photo: PhotoAnswer, names: Mapping[str, str]) -> str:
    """How far the answer is from the truth."""
    said = []
    if photo.error_m is not None:
        said.append(f"{metres(photo.error_m)} off")
    if photo.turned_deg is not None:
        said.append(f"heading {degrees(photo.turned_deg)} off")
    if photo.region is not None:
        name = names.get(photo.region, photo.region)
        true = photo.true_region
        wrong = "" if true in (None, photo.region) else f", not {names.get(true or '', true)}"
        said.append(f"{name}{wrong}")
    return ", ".join(said) or "nothing to compare"
