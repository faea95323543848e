"""Names of regions, photos and models are text in every figure, never plotly's markup."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from app.figures import (
    agreement,
    comparison,
    confusion,
    coverage,
    curves,
    embedding,
    errors,
    parallel,
    plan,
    regions,
    tuning,
)
from app.theme import LIGHT
from app.widgets.figure_files import table_of
from core.evaluation.report import Report
from tests.evaluation.test_report import stored

NAME = "<b>Gate</b> %{x} &amp; <a href='x'>more</a>"
SHOWN = "&lt;b&gt;Gate&lt;/b&gt; %&#123;x} &amp;amp; &lt;a href='x'&gt;more&lt;/a&gt;"
ROWS = pd.DataFrame(
    {
        "true_region": ["1", "1", "2"],
        "region": ["1", "2", "2"],
        "error_m": [1.0, 2.0, 3.0],
        "error_refined_m": [1.0, 2.0, 3.0],
    }
)
NAMES = {"1": NAME, "2": "Lake"}


def _coverage() -> go.Figure:
    report = Report.from_json(stored("report_version_before.json"))
    assert report.coverage is not None
    first = next(iter(report.coverage.per_region))
    return coverage.coverage_regions(report.coverage, {first: NAME}, LIGHT)


def _embedding() -> go.Figure:
    colouring = embedding.Colouring(np.zeros(1), "Viridis", (0.0, 1.0))
    yes = np.ones(1, bool)
    return embedding.embedding(
        np.zeros((1, 2)), colouring, [NAME], LIGHT, large=yes, shown=yes
    ).figure


FIGURES: dict[str, Callable[[], go.Figure]] = {
    "confusion": lambda: confusion.confusion_matrix(
        confusion.confusion_counts(ROWS, ["1", "2"]), NAMES, LIGHT
    ),
    "coverage": _coverage,
    "errors by region": lambda: errors.error_by_region(
        ROWS, "error_m", "error_refined_m", "m", LIGHT, names=NAMES
    ),
    "photos by region": lambda: regions.region_counts({"photos": {NAME: 3}}, LIGHT, {NAME: "1"}),
    "probabilities": lambda: regions.region_probabilities([0.7, 0.3], [NAME, "Lake"], LIGHT),
    "curves": lambda: curves.curve(
        pd.DataFrame({"series": [NAME], "epoch": [1], "value": [0.5]}), "title", "share", LIGHT
    ),
    "plan": lambda: plan.photo_plan([[0.0, 0.0]], None, [NAME], LIGHT),
    "agreement": lambda: agreement.predicted_against_actual(
        [0.0], [1.0], ["a"], [NAME], "north", LIGHT, refined=True
    ),
    "embedding": _embedding,
    "importances": lambda: tuning.importances({NAME: 0.5}, LIGHT),
    "baselines": lambda: comparison.baseline_bars(
        pd.DataFrame({"name": [NAME], "kind": ["baseline"], "given_truth": [False], "m": [1.0]}),
        "m", "m", LIGHT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_a_name_is_no_markup(name: str) -> None:
    figure = FIGURES[name]()
    drawn = _texts(figure.to_plotly_json())
    assert any(SHOWN in text for text in drawn)
    assert not any("<b>" in text or "<a href" in text or "%{x} &" in text for text in drawn)


def test_the_label_of_an_axis_of_parallel_coordinates_is_no_markup() -> None:
    axis = parallel.axis_of(parallel.broken(NAME), [NAME, "Lake"])
    figure = parallel.lines([axis], [0.0, 1.0], "share", True, LIGHT)
    label = figure.data[0].dimensions[0].label
    assert label.replace("<br>", " ").startswith("&lt;b&gt;Gate&lt;/b&gt; %&#123;x}")
    assert label.count("<") == label.count("<br>") == 1
    # plotly writes the steps of such an axis as plain text.
    assert NAME in figure.data[0].dimensions[0].ticktext


def test_the_saved_data_have_the_name_as_it_is() -> None:
    table = table_of(FIGURES["photos by region"]())
    assert table["x"].tolist() == [NAME.replace("%{", "%{")]


def test_shares_are_written_with_a_blank_before_the_sign() -> None:
    folder = Path(regions.__file__).parent
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(f".{digits}%" in text for digits in range(3)), path.name


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list | tuple | np.ndarray):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []
