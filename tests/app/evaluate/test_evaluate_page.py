import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from tests.app.page_text import said

OpenPage = Callable[..., AppTest]


def button(app: AppTest, words: str) -> Button:
    return next(one for one in app.button if words in one.label)


def test_a_checkpoint_without_a_report_is_offered_one_and_gets_it(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    folder = workspace_copy / "checkpoints" / "tiny"
    (folder / "report" / "report.json").unlink()
    app = open_page(workspace_copy, "evaluate")
    assert "not been evaluated" in app.info[0].value
    assert "python -m core evaluate checkpoints/tiny data/tiny --part test" in said(app)
    button(app, "Evaluate now").click().run()
    assert not app.exception
    assert not app.error
    report = json.loads((folder / "reports" / "tiny-test" / "report.json").read_text())
    shown = {metric.label: metric for metric in app.metric}
    refined = report["position"]["refined"]["median_m"]
    assert shown["Median error"].value == f"{refined:.1f} m"
    low, high = report["intervals"]["refined"]["median_m"]
    assert shown["Median error"].delta == f"{low:.1f} to {high:.1f}"
    assert "of a training photo; the others are too few" in said(app)
    assert "No label of these photos is suspect according to the label checks." in said(app)
    assert shown["Leak within 5 m"].value == f"{100 * report['leak']['within_5m']:.1f} %"


def test_the_overview_marks_who_was_told_the_truth(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "evaluate")
    table = app.dataframe[1].value.set_index("name")
    assert table.loc["centre of the true region", "given"] == "in part"
    assert table.loc["true region and time of day, no pixels", "given"] == "in part"
    assert table.loc["network alone", "given"] == "no"


@pytest.mark.parametrize(
    ("section", "charts"),
    [("Regions", 1), ("Positions", 7), ("Headings", 4), ("Retrieval", 2), ("Files", 0)],
)
def test_sections_of_evaluate(
    full_workspace: Path, open_page: OpenPage, section: str, charts: int
) -> None:
    app = open_page(full_workspace, "evaluate", evaluate_section=section)
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == charts
    assert len(app.get("download_button")) == (4 if section == "Files" else 2)


def test_the_page_says_if_calibration_made_probabilities_worse(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    path = workspace_copy / "checkpoints" / "tiny" / "report" / "report.json"
    stored = json.loads(
        (Path(__file__).parents[2] / "evaluation/stored/report_version_before.json").read_text()
    )
    path.write_text(json.dumps(stored))
    app = open_page(workspace_copy, "evaluate", evaluate_section="Trust")
    assert not app.exception
    warning = next(box.value for box in app.warning if "worse" in box.value)
    assert "calibration error 0.024 to 0.030, Brier score 0.069 to 0.072" in warning
    assert "log loss better" in warning
