import json
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]


def test_home_says_what_the_model_can_do(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "home")
    labels = [metric.label for metric in app.metric]
    assert {"Photos", "Regions", "Region accuracy", "Median error"} <= set(labels)
    report = json.loads((full_workspace / "checkpoints/tiny/report/report.json").read_text())
    shown = next(metric for metric in app.metric if metric.label == "Median error")
    assert shown.value == f"{report['position']['refined']['median_m']:.1f} m"
