"""The button that joins ticked models into an ensemble."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import cache, links
from app.access import gate, paths
from app.runs.models import Model
from app.widgets import messages, pickers
from app.widgets.forms import FormPlan, config_form
from app.workspace import workspace
from core.ensemble.schema import EnsembleConfig
from core.errors import BearingsError
from core.inference.ensemble_compat import check_compatible
from core.runs import free_folder

_MAKE = "Make the ensemble"
_FIRST = (("out",), ("weights",), ("temperature",), ("agree_m",))
_HIDDEN = (("members",), ("dataset",), ("device",), ("batch_size",), ("allow_missing",))


def offer(chosen: Sequence[Model]) -> None:
    """Let the reader join the ticked models into one; nothing is drawn for fewer than two."""
    if len(chosen) < 2 or not gate.allows("operator"):
        return
    with st.popover("Make an ensemble of these"):
        missing = [model.name for model in chosen if model.card is None]
        if missing:
            st.info(f"No trained model yet: {', '.join(missing)}. Wait for its first epoch.")
            return
        joined = [model.name for model in chosen if model.card and model.card.ensemble]
        if joined:
            names = messages.plain(", ".join(joined))
            st.info(f"{names} is an ensemble already: choose its runs in its place.")
            return
        try:
            check_compatible([(model.name, model.card) for model in chosen if model.card])
        except BearingsError as error:
            st.info(messages.plain_lines(f"These models cannot form an ensemble: {error}."))
            return
        _form(tuple(model.home for model in chosen))


def _form(members: tuple[Path, ...]) -> None:
    place = workspace()
    st.caption(
        f"The answers of {len(members)} networks are combined, which is often more accurate and "
        f"always {len(members)} times as slow. Weights are fitted on validation photos; test "
        "photos stay unseen. The networks are copied, so the runs may be deleted later."
    )
    free = place.label(free_folder(place.root / "checkpoints", "ensemble"))
    plan = FormPlan(
        # A form keeps its answers, so each offered name needs a form of its own.
        Path(free).name,
        _FIRST,
        (_MAKE,),
        start={("members",): members, ("out",): free},
        labels={("out",): "Folder", ("agree_m",): "Agree (m)"},
        hidden=_HIDDEN,
    )
    answer = config_form(EnsembleConfig, plan)
    if answer is None:
        return
    with messages.mendable():
        folder = _make(answer.config.model_copy(update={"out": place.root / answer.config.out}))
    pickers.hand_over_checkpoint(folder)
    links.go("evaluate")


def _make(config: EnsembleConfig) -> Path:
    gate.need("operator")
    paths.check_options(config)
    cache.settle_imports()
    from core.ensemble.make import make_ensemble

    bar = st.progress(0.0, "Reading labels and photos …")

    def show(done: int, of: int) -> None:
        bar.progress(done / max(of, 1), f"{done:,} of {of:,} photos")

    return make_ensemble(config, show).folder
