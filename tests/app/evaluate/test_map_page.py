import json
from collections.abc import Callable
from datetime import date, time
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
    assert "map_regions" not in app.session_state, "the map of regions alone is called so"
    app.toggle(key="map_filter_wrong").set_value(True).run()
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
    slider = app.slider(key="map_time_hours")
    low, high = slider.value
    middle = (low.hour + high.hour) // 2
    slider.set_value((low, time(middle, 30))).run()
    assert "hours" in app.query_params
    some = dots(app)
    assert 0 < some < everything
    app.slider(key="map_time_hours").set_value((low, high)).run()
    assert "hours" not in app.query_params
    next(button for button in app.button if button.label == "Play").click().run()
    assert not app.exception
    # The first hours only, and the filter is as it was.
    assert dots(app) < everything
    assert "hours" not in app.query_params
    next(button for button in app.button if button.label == "Stop").click().run()
    assert not app.exception
    assert "hours" in app.query_params


def test_photos_of_several_days_are_played_by_date(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    for table in (workspace_copy / "data" / "tiny").glob("*.csv"):
        labels = pd.read_csv(table, dtype=str)
        # Every other photo is of the first day.
        day = (labels.index % 2 * 3 + 5).map("2024-03-{:02d} ".format)
        labels.assign(timestamp=day + labels["timestamp"]).to_csv(table, index=False)
    app = open_page(workspace_copy, "map")
    everything = dots(app)
    slider = app.slider(key="map_time_days")
    assert slider.value == (date(2024, 3, 5), date(2024, 3, 8))
    slider.set_value((date(2024, 3, 5), date(2024, 3, 5))).run()
    assert not app.exception
    assert app.query_params["days"] == "2024-03-05..2024-03-05"
    assert 0 < dots(app) < everything
    app.segmented_control(key="map_time_by").set_value("Time of day").run()
    assert not app.exception
    assert isinstance(app.slider(key="map_time_hours").value[0], time)


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
    assert not [each for each in app.slider if (each.key or "").startswith("map_time")]
    assert "Play" not in [button.label for button in app.button]
