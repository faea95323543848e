"""The chosen models on labelled photos: on the same photos with one click, else in groups."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from app.access import gate
from app.evaluate.evaluation import evaluate_here
from app.runs import compared, comparison, models
from app.runs.models import Model
from app.widgets import messages, pickers
from app.workspace import Workspace
from core.comparison.common_photos import CommonPhotos
from core.errors import BearingsError
from core.evaluation.schema import EvaluateConfig
from core.runs import home_of


def show(place: Workspace, chosen: Sequence[Model]) -> None:
    """The models' figures on labelled photos, ranked only on the same photos."""
    groups = models.groups(chosen)
    missing = [model for model in chosen if not model.reports]
    common = _common(chosen) if len(chosen) > 1 and (missing or len(groups) > 1) else None
    if common is not None:
        _judge(place, common)
        if groups:
            with st.expander("Each on its own photos"):
                _groups(groups)
        return
    if missing:
        _unevaluated(place, missing, alone=len(chosen) == 1)
    if len(groups) > 1:
        st.warning(
            "These models were evaluated on different photos. Their figures are shown but not "
            "ranked, because a smaller error may only mean easier photos."
        )
    _groups(groups)


def _groups(groups: Sequence[models.Group]) -> None:
    for number, group in enumerate(groups):
        comparison.show_group(group, number)


def _unevaluated(place: Workspace, missing: Sequence[Model], *, alone: bool) -> None:
    names = messages.plain(", ".join(model.name for model in missing))
    step = "Press **Evaluate**." if alone else "Tick one alone, then press **Evaluate**."
    st.info(f"Not evaluated yet: {names}. {step}")
    with st.expander("The same from the command line"):
        commands = [f"python -m core evaluate {place.label(model.home)}" for model in missing]
        st.code("\n".join(commands), language="bash")


def _common(chosen: Sequence[Model]) -> CommonPhotos | None:
    """What judging the models on the picked data set needs; None, with a sentence, if it cannot."""
    untrained = [model.name for model in chosen if model.checkpoint is None]
    if untrained:
        names = messages.plain(", ".join(untrained))
        st.info(f"No trained model yet: {names}. Wait for its first epoch.")
        return None
    dataset = pickers.dataset_path()
    if dataset is None:
        st.info(
            "To judge these models on the same photos, choose a data set in the sidebar "
            "(» opens it)."
        )
        return None
    checkpoints = {model.name: model.checkpoint for model in chosen if model.checkpoint}
    try:
        found = compared.common_photos(checkpoints, dataset)
    except BearingsError as error:
        messages.show_error(error)
        return None
    if found.refusal is not None:
        said = found.refusal.replace(str(found.dataset), found.dataset.name)
        st.warning(messages.plain_lines(f"Not judged on the same photos: {said}."))
        return None
    return found


def _judge(place: Workspace, common: CommonPhotos) -> None:
    """Show the comparison on the common photos, or offer to evaluate what it lacks."""
    count, names = len(common.photo_ids), list(common.checkpoints)
    every = "both" if len(names) == 2 else f"all {len(names)}"
    photos = f"{count:,} photo{'s' * (count > 1)} of `{place.label(common.dataset)}`"
    are = "is a test photo" if count == 1 else "are test photos"
    sentence = f"{photos} {are} of {every}: no model was trained, validated or calibrated on them."
    if not common.missing:
        st.markdown(f"**Judged on the same photos.** {sentence}")
        comparison.show_common(common)
        return
    st.markdown(sentence)
    if st.button(
        f"Judge {every} on the same photos",
        type="primary",
        key="runs_judge",
        disabled=not gate.allows("operator"),
    ):
        for name in common.missing:
            part = common.held_out[name].part
            config = EvaluateConfig(
                run=common.checkpoints[name], dataset=common.dataset, split=part
            )
            evaluate_here(config, common.dataset, f"{name}: ")
        st.rerun()
    waiting = messages.plain(", ".join(common.missing))
    st.caption(
        f"Evaluates first: {waiting}. A few hundred photos and a small backbone take seconds on a "
        "CPU, thousands of photos take minutes. Keep this page open meanwhile."
    )
    with st.expander("The same from the command line"):
        words = " ".join(place.label(folder) for folder in _homes(common.checkpoints))
        command = f"python -m core compare {words} --on {place.label(common.dataset)}"
        st.code(command, language="bash", wrap_lines=True)


def _homes(checkpoints: Mapping[str, Path]) -> list[Path]:
    return [home_of(folder) for folder in checkpoints.values()]
