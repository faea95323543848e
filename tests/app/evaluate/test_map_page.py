import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest

from app.evaluate.playback import STEPS, WIDTH, window

OpenPage = Callable[..., AppTest]


def decks(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.json) for element in app.get("deck_gl_json_chart")]


def test_map_filters_and_regions(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "map")
    everything = len(app.dataframe[0].value)
    app.toggle(key="map_wrong").set_value(True).run()
    assert app.query_params["wrong"] == "yes"
    assert 0 < len(app.dataframe[0].value) < everything or everything == 0
    app.segmented_control(key="map_section").set_value("Regions").run()
    assert not app.exception
    assert len(decks(app)) == 1
    app.segmented_control(key="map_section").set_value("Next photos").run()
    assert not app.exception
    need, stops = (
        next(layer for layer in decks(app)[0]["layers"] if layer["id"] == name)["data"]
        for name in ("need", "stops")
    )
    assert len(stops) == len(app.dataframe[0].value) <= len(need)
    assert "training photo" in stops[0]["t"]
    assert len(app.get("download_button")) == 1


def test_a_report_of_another_version_is_named(workspace_copy: Path, open_page: OpenPage) -> None:
    path = workspace_copy / "checkpoints" / "tiny" / "report" / "predictions.csv"
    path.write_text("filename,error_m\na.jpg,3\n", encoding="utf-8")
    app = open_page(workspace_copy, "map")
    assert not app.exception
    assert "evaluate again" in app.error[0].value


def dots(app: AppTest) -> int:
    """How many photos have a dot at their true position."""
    layers = decks(app)[0]["layers"]
    return sum(len(one["data"]) for one in layers if one["id"].startswith("outcomes-"))


def test_the_time_of_day_filters_and_is_played(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "map")
    everything = dots(app)
    low, high = app.slider(key="map_time").value
    app.slider(key="map_time").set_value((low, (low + high) // 0.5 * 0.25)).run()
    assert "hours" in app.query_params
    some = dots(app)
    assert 0 < some < everything
    app.slider(key="map_time").set_value((low, high)).run()
    assert "hours" not in app.query_params
    next(button for button in app.button if button.label == "Play").click().run()
    assert not app.exception
    # The first hours only, and the filter is as it was.
    assert dots(app) < everything
    assert "hours" not in app.query_params
    next(button for button in app.button if button.label == "Stop").click().run()
    assert not app.exception
    assert "hours" in app.query_params


def test_playback_ends_with_the_last_photo() -> None:
    steps = [window((8.0, 20.0), step) for step in range(STEPS - WIDTH + 1)]
    assert steps[0] == (8.0, 9.0)
    assert steps[-1] == (19.0, 20.0)


def test_photos_without_times_have_no_slider(workspace_copy: Path, open_page: OpenPage) -> None:
    for table in (workspace_copy / "data" / "tiny").glob("*.csv"):
        labels = pd.read_csv(table, dtype=str)
        labels.drop(columns="timestamp", errors="ignore").to_csv(table, index=False)
    app = open_page(workspace_copy, "map")
    assert not app.exception
    assert not [each for each in app.slider if each.key == "map_time"]
    assert "Play" not in [button.label for button in app.button]
