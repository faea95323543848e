"""Making an evaluation report from the page, with progress."""

from pathlib import Path
from typing import get_args

import streamlit as st

from app import cached, controls
from app.workspace import Workspace, run_of
from core.evaluation.schema import EvaluateConfig, Part

_PARTS: dict[Part, str] = {
    "test": "test: photos kept for this",
    "val": "val: photos that chose the best epoch",
    "calibrate": "calibrate: photos that its certainty was fitted to",
    "train": "train: how well it remembers",
    "all": "all: a data set that the model never saw",
}


def offer(place: Workspace, checkpoint: Path, *, first: bool) -> None:
    """Let the reader evaluate the picked model on the picked data set.

    Args:
        place: For the paths in the command.
        checkpoint: The model's folder.
        first: Whether there is no report yet; a later one hides behind a button.
    """
    if first:
        st.info("This model has not been evaluated yet.")
        _form(place, checkpoint)
    else:
        with st.popover("Evaluate again, or on other photos"):
            _form(place, checkpoint)


def _form(place: Workspace, checkpoint: Path) -> None:
    folder = controls.dataset_path()
    if folder is None:
        st.write("Load a labelled data set in the sidebar first.")
        return
    part = st.selectbox("Photos", get_args(Part), format_func=_PARTS.__getitem__, key="judge_part")
    home = run_of(checkpoint) or checkpoint
    command = f"python -m core evaluate {place.label(home)} {place.label(folder)} --part {part}"
    st.caption(
        f"On {place.label(folder)}. Some seconds for a few hundred photos and a small backbone on "
        "a CPU, minutes for thousands; keep this page open, or run the command:"
    )
    st.code(command, language="bash", wrap_lines=True)
    if st.button("Evaluate now", type="primary", key="judge_go"):
        _evaluate(EvaluateConfig(run=checkpoint, dataset=folder, split=part), folder)
        st.rerun()


def _evaluate(config: EvaluateConfig, dataset: Path) -> None:
    cached.settle_imports()
    from core.audit.review import doubts
    from core.evaluation.evaluate import evaluate

    bar = st.progress(0.0, "Reading labels and photos …")

    def show(done: int, of: int) -> None:
        bar.progress(done / max(of, 1), f"{done} of {of} photos")

    evaluate(config, show, doubts(dataset))
