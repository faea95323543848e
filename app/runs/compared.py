"""Comparisons of models, cached by the files that they are made from."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import cache
from core.evaluation.schema import CompareConfig
from core.runs import report_folders

if TYPE_CHECKING:
    from core.comparison.common_photos import CommonPhotos
    from core.comparison.compare import Compared

_FILES = ("report.json", "crossval.json", "predictions.csv")
_JUDGED_BY = ("card.json", "split.json", "gallery.json")


def comparison(
    models: Mapping[str, Path], config: CompareConfig, *, pooled: bool = False
) -> "Compared":
    """Models against the first of them, by the photos of their reports; shared, never changed.

    Args:
        models: Folders of reports by name; of cross-validations where `pooled`.
        config: How they are compared.
        pooled: Whether these are cross-validations.

    Raises:
        ConfigError: As `core.comparison.compare.compare_all`.
    """
    files = cache.stamp(*(folder / name for folder in models.values() for name in _FILES))
    return _comparison(models, config, pooled, (files, tuple(models), config.model_dump_json()))


def common_photos(checkpoints: Mapping[str, Path], source: Path) -> "CommonPhotos":
    """The photos of a data set that may judge several models, and which models lack a report.

    Raises:
        LabelError, FrameError: As `dataset`.
        CheckpointError, SplitError: As `core.comparison.common_photos.common_photos`.
    """
    files = [folder / name for folder in checkpoints.values() for name in _JUDGED_BY]
    reports = [
        folder / name
        for checkpoint in checkpoints.values()
        for folder in report_folders(checkpoint)
        for name in _FILES
    ]
    key = (cache.state(source), cache.stamp(*files, *reports), tuple(checkpoints))
    return _common_photos(dict(checkpoints), source, key)


@st.cache_resource(max_entries=16, show_spinner="Looking for photos that may judge all …")
def _common_photos(
    _checkpoints: Mapping[str, Path], source: Path, key: tuple[Any, ...]
) -> "CommonPhotos":
    from core.comparison.common_photos import common_photos

    return common_photos(_checkpoints, cache.dataset(source))


def common_comparison(common: "CommonPhotos", config: CompareConfig) -> "Compared":
    """Models on the photos that may judge all of them; the first is the reference.

    Raises:
        ConfigError: As `core.comparison.common_photos.models_on_common_photos`.
    """
    files = cache.stamp(*(folder / name for folder in common.reports.values() for name in _FILES))
    key = (files, tuple(common.checkpoints), common.photo_ids, config.model_dump_json())
    return _common_comparison(common, config, key)


@st.cache_resource(max_entries=16, show_spinner="Comparing photo by photo …")
def _common_comparison(
    _common: "CommonPhotos", _config: CompareConfig, key: tuple[Any, ...]
) -> "Compared":
    from core.comparison.common_photos import models_on_common_photos
    from core.comparison.compare import compare_all

    return compare_all(models_on_common_photos(_common), _config)


@st.cache_resource(max_entries=16, show_spinner="Comparing photo by photo …")
def _comparison(
    _models: Mapping[str, Path], _config: CompareConfig, pooled: bool, key: tuple[Any, ...]
) -> "Compared":
    from core.comparison.compare import compare_all
    from core.crossval.report import read_pooled
    from core.evaluation.stored_reports import read_evaluated_model

    if pooled:
        return compare_all([read_pooled(folder) for folder in _models.values()], _config)
    return compare_all(
        [read_evaluated_model(path, name) for name, path in _models.items()], _config
    )
