import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

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
