import json
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app import demo

OpenPage = Callable[..., AppTest]


def test_home_says_what_the_model_can_do(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "home")
    labels = [metric.label for metric in app.metric]
    assert {"Photos", "Regions", "Region accuracy", "Median error"} <= set(labels)
    report = json.loads((full_workspace / "checkpoints/tiny/report/report.json").read_text())
    shown = next(metric for metric in app.metric if metric.label == "Median error")
    assert shown.value == f"{report['position']['refined']['median_m']:.1f} m"


def test_the_tour_is_closed_for_good_and_can_be_opened_again(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    app = open_page(workspace_copy, "home")
    assert "0 of 4 steps done" in [each.value for each in app.caption]
    app.switch_page("../pages/map.py").run()
    app.switch_page("../pages/home.py").run()
    assert "1 of 4 steps done" in [each.value for each in app.caption]
    app.button(key="tour_close").click().run()
    assert json.loads((workspace_copy / "tour.json").read_text()) == {"closed": True}
    again = open_page(workspace_copy, "home")
    assert "1. See a prediction" not in "".join(each.value for each in again.markdown)
    again.button(key="tour_show").click().run()
    assert "1. See a prediction" in "".join(each.value for each in again.markdown)


def test_before_the_first_photo_the_demo_is_not_said_to_stand_at_zero() -> None:
    assert "0 of" not in demo.progress_text(0, 1080)
    assert demo.progress_text(1, 1080).startswith("Rendering the demo campus: 1 of 1,080 photos")
    assert "labels" in demo.progress_text(1080, 1080)


def test_while_the_demo_is_rendered_home_does_not_ask_for_a_folder(
    tmp_path: Path, open_page: OpenPage
) -> None:
    (tmp_path / "data" / "demo" / "images").mkdir(parents=True)
    app = open_page(tmp_path, "home")
    assert "**Data set**: none yet." not in [each.value for each in app.markdown]
    assert any("once all its photos are rendered" in each.value for each in app.markdown)
