"""The cache of comparisons: half a second a pair, asked for again at every click."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.cached import stamp
from core.evaluation.schema import CompareConfig

if TYPE_CHECKING:
    from core.evaluation.comparison import Compared

_FILES = ("report.json", "crossval.json", "predictions.csv")


def comparison(
    models: Mapping[str, Path], config: CompareConfig, *, pooled: bool = False
) -> "Compared":
    """Models against the first of them, by the photos of their reports; shared, never changed.

    Args:
        models: Folders of reports by name; of cross-validations where `pooled`.
        config: How they are compared.
        pooled: Whether these are cross-validations.

    Raises:
        ConfigError: As `core.evaluation.compare.compare_all`.
    """
    files = stamp(*(folder / name for folder in models.values() for name in _FILES))
    return _comparison(models, config, pooled, (files, tuple(models), config.model_dump_json()))


@st.cache_resource(max_entries=16, show_spinner="Comparing photo by photo …")
def _comparison(
    _models: Mapping[str, Path], _config: CompareConfig, pooled: bool, key: tuple[Any, ...]
) -> "Compared":
    from core.crossval.judged import read_pooled
    from core.evaluation.compare import compare_all
    from core.evaluation.judged import read_judged

    if pooled:
        return compare_all([read_pooled(folder) for folder in _models.values()], _config)
    return compare_all([read_judged(path, name) for name, path in _models.items()], _config)
