"""An evaluation that is made while the page waits."""

from pathlib import Path

import streamlit as st

from app import cache
from app.access import gate, paths
from core.evaluation.schema import EvaluateConfig


def evaluate_here(config: EvaluateConfig, dataset: Path, before: str = "") -> None:
    """Evaluate with a progress bar on the page.

    Args:
        config: What is evaluated on what.
        dataset: The data set, for labels that its audit doubts.
        before: Text before the progress.

    Raises:
        AccessError: The person may not, or one of the folders is not opened.
        BearingsError: As `core.evaluation.evaluate.evaluate`.
    """
    gate.need("operator")
    paths.check_options(config)
    cache.settle_imports()
    from core.audit.review import doubts
    from core.evaluation.evaluate import evaluate

    bar = st.progress(0.0, f"{before}Reading labels and photos …")

    def show(done: int, of: int) -> None:
        bar.progress(done / max(of, 1), f"{before}{done:,} of {of:,} photos")

    evaluate(config, show, doubts(dataset))
