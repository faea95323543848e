"""One filter for all pages: from the address, into it, through controls, chips and charts."""

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import cache
from app.selection import filters
from core.dataset.tags import read_tags
from core.errors import ConfigError
from core.geo import CoordinateFrame, LocalFrame
from core.views import change_views, read_views
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]


def event(*data: object, **shapes: object) -> dict[str, object]:
    """A selection of a chart, as Streamlit reports it."""
    return {"points": [{"customdata": one} for one in data], "box": [], "lasso": [], **shapes}


def test_a_selection_of_a_chart_becomes_a_value_of_its_field() -> None:
    assert filters.cell_of(event(["1", "2"])) == ("1", "2")
    assert filters.span_of(event([10, 25], [5, 10])) == (5.0, 25.0)
    assert filters.span_of(event([100, 250], [250, -1])) == (100.0, inf)
    assert filters.span_of_sector(event([345.0, 375.0, 7])) == (345.0, 15.0)
    assert filters.regions_of(event(["2"], ["1"], ["2"])) == ("2", "1")
    for value_of in (filters.cell_of, filters.span_of, filters.span_of_sector, filters.regions_of):
        assert value_of(event()) is None


@pytest.mark.parametrize(
    "shapes",
    [
        {"box": [{"x": [-10.0, 30.0], "y": [50.0, -20.0]}]},
        {"lasso": [{"x": [-10.0, 30.0, 30.0, -10.0], "y": [50.0, 50.0, -20.0, -20.0]}]},
    ],
)
def test_a_shape_on_a_plan_becomes_an_area_in_label_units(shapes: dict[str, object]) -> None:
    frame = LocalFrame(CoordinateFrame("degrees"), (17.445, 78.349))
    area = filters.area_of(event(**shapes), frame)
    corners_m = frame.to_metres(np.array(area))
    assert sorted(corners_m.round().tolist()) == [[-20, -10], [-20, 30], [50, -10], [50, 30]]
    assert filters.area_of(event(), frame) is None


def shown(app: AppTest) -> int:
    """How many photos the page says that it shows."""
    caption = next(box.value for box in app.caption if "photos, largest error first" in box.value)
    return int(caption.split(" of ")[0])


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if label in button.label).click().run()


def test_an_address_opens_the_same_view_on_every_page(
    full_workspace: Path, open_page: OpenPage
) -> None:
    parameters = {"region": "1", "facing": "270..90", "evaluate_section": "Positions"}
    app = open_page(full_workspace, "evaluate", **parameters)
    assert not app.exception
    count = shown(app)
    assert 0 < count < 40
    assert [button.label for button in app.button if "✕" in button.label] == [
        "Region\\: Gate ✕", "Facing 270° to 90° (N) ✕",
    ]  # fmt: skip
    app = app.switch_page("../pages/map.py").run()
    assert shown(app) == count
    assert app.query_params["facing"] == "270..90"
    app = click(app, "Region")
    assert "region" not in app.query_params
    assert shown(app) > count
    app = click(app, "Clear all")
    assert "facing" not in app.query_params
    assert not [button for button in app.button if "✕" in button.label]


def _script() -> None:
    import plotly.graph_objects as go
    import streamlit as st

    from app.selection import filters

    st.write(str(filters.current().error_m))
    filters.chart(go.Figure(), "errors", "error_m", filters.span_of, alt="Errors")
    st.button("Clear", on_click=filters.keep_field, args=("error_m", None))


def test_a_click_on_a_chart_filters_and_the_same_click_clears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = []

    def clickable(_figure: object, *, key: str, on_select: Callable[[], None], **_: object) -> None:
        filters.st.session_state[key] = SimpleNamespace(selection=event([0, 1], [1, 2.5]))
        filters.st.button("Select", on_click=on_select)
        keys.append(key)

    monkeypatch.setattr(filters.st, "plotly_chart", clickable)
    app = click(AppTest.from_function(_script).run(), "Select")
    assert app.markdown[0].value == "(0.0, 2.5)"
    assert app.query_params["error"] == "0..2.5"
    app = click(app, "Select")
    assert app.markdown[0].value == "None"
    app = click(click(app, "Select"), "Clear")
    assert app.markdown[0].value == "None"
    assert "error" not in app.query_params
    # A chart that was clicked would not report the same click again.
    assert len(set(keys)) == len(keys)


def test_back_returns_to_the_filter_of_the_address_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters.st, "plotly_chart", lambda *_, **__: None)
    app = AppTest.from_function(_script)
    app.query_params["error"] = "5.."
    assert app.run().markdown[0].value == "(5.0, inf)"
    app.query_params["error"] = "1..2"
    assert app.run().markdown[0].value == "(1.0, 2.0)"
    del app.query_params["error"]
    assert app.run().markdown[0].value == "None"


def test_hostile_addresses_are_sentences_and_never_markup(
    full_workspace: Path, open_page: OpenPage
) -> None:
    hostile = {
        "region": "![x](http://a/x.png) <b>", "error": "nan..1e999", "facing": "9..9999",
        "area": "1,2;3,4;" * 5_000, "hours": "-1..5", "name": "*x* $1", "raw": "maybe",
        "evaluate_section": "Regions",
    }  # fmt: skip
    app = open_page(full_workspace, "evaluate", **hostile)
    assert not app.exception
    assert not app.error
    text = said(app)
    for title in ("Error", "Facing", "Area on the map", "Time of day", "Prediction"):
        assert f"Ignored, because the address writes it in an unknown way\\: {title}." in text
    words = [box.value for box in [*app.markdown, *app.caption]] + [b.label for b in app.button]
    assert any("no photo has it" in each for each in words)
    assert not any("![" in each or "<b>" in each or " *x" in each for each in words)
    assert "No photo matches" in text


def test_a_photo_leads_on_to_every_page(full_workspace: Path, open_page: OpenPage) -> None:
    split = cache.checkpoint_split(full_workspace / "checkpoints" / "tiny")
    assert split is not None
    photo = next(name for name, part in split.parts.items() if part == "test")
    app = open_page(full_workspace, "evaluate", evaluate_section="Regions", photo=photo)
    assert {"Next", "Previous", "Close"} <= {button.label for button in app.button}
    for page in ("map", "data", "explain", "predict"):
        app = open_page(full_workspace, page, photo=photo)
        assert not app.exception
        assert app.query_params["photo"] == photo, page
    trained = next(name for name, part in split.parts.items() if part == "train")
    app = open_page(full_workspace, "predict", photo=trained)
    assert "this very photo" in said(app), "the model was trained on it"
    app = open_page(full_workspace, "predict", photo="gone.jpg")
    assert "photo" not in app.query_params


def test_the_errors_of_a_model_filter_the_photos_of_its_data_set(
    full_workspace: Path, open_page: OpenPage
) -> None:
    count = shown(open_page(full_workspace, "map", error="5.."))
    app = open_page(full_workspace, "data", error="5..", data_section="Labels")
    assert not app.exception
    assert len(app.dataframe[0].value) == count > 0


def test_tags_and_named_views_are_kept_and_filter(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    data = workspace_copy / "data" / "tiny"
    app = open_page(workspace_copy, "data", region="1", data_section="Labels")
    listed = app.dataframe[0].value["Photo"].tolist()
    app.text_input(key="data_tag").set_value("near the gate").run()
    app = click(app, "Add to all")
    assert not app.error
    assert read_tags(data) == dict.fromkeys(listed, ("near the gate",))
    app.text_input(key="data_view_new").set_value("Gate, all of it").run()
    app = click(app, "Save")
    app = click(app, "Clear all")
    assert len(app.dataframe[0].value) == 48
    app.multiselect(key="data_filter_tags").select("near the gate").run()
    assert app.dataframe[0].value["Photo"].tolist() == listed
    assert app.query_params["tag"] == "near the gate"
    app = open_page(workspace_copy, "data", data_section="Labels")
    app.selectbox(key="data_view_name").select("Gate, all of it").run()
    app = click(app, "Open")
    assert app.query_params["region"] == "1"
    assert app.dataframe[0].value["Photo"].tolist() == listed
    app = open_page(workspace_copy, "data", photo=listed[0])
    box = next(box for box in app.multiselect if box.label == "Tags")
    assert box.value == ["near the gate"]
    box.unselect("near the gate").run()
    assert listed[0] not in read_tags(data)
    app.selectbox(key="data_view_name").select("Gate, all of it").run()
    app = next(one for one in app.button if one.label == "Delete").click().run()
    assert read_views(workspace_copy) == {}


def test_two_writers_lose_no_view(tmp_path: Path) -> None:
    names = [f"view {number}" for number in range(8)]
    with ThreadPoolExecutor(2) as writers:
        list(writers.map(lambda name: change_views(tmp_path, {name: {"region": ["1"]}}), names))
    assert sorted(read_views(tmp_path)) == sorted(names)
    with ThreadPoolExecutor(2) as writers:
        list(writers.map(lambda name: change_views(tmp_path, {name: None}), names[1:]))
    assert list(read_views(tmp_path)) == names[:1]


def test_a_full_disk_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("core.views.write_json", full)
    with pytest.raises(ConfigError, match=r"views.json cannot be written .*: free some space"):
        change_views(tmp_path, {"north": {"region": ["1"]}})


def test_a_damaged_file_of_views_is_named(workspace_copy: Path, open_page: OpenPage) -> None:
    (workspace_copy / "views.json").write_text('{"views": 3}')
    app = open_page(workspace_copy, "data")
    assert not app.exception
    assert "views.json is damaged" in app.error[0].value
