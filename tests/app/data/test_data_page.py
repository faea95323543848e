import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.widgets import messages
from core.dataset import look as look_module
from core.dataset.tags import change_tags
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]


def decks(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.json) for element in app.get("deck_gl_json_chart")]


def click_text(app: AppTest, text: str) -> AppTest:
    button = next(button for button in app.button if text in button.label)
    return button.click().run()


@pytest.mark.parametrize("page", ["home", "data"])
def test_a_page_names_a_broken_data_set(
    workspace_copy: Path, open_page: OpenPage, page: str
) -> None:
    labels = workspace_copy / "data" / "tiny" / "labels.csv"
    labels.write_text("filename,latitude\na.jpg,1\n", encoding="utf-8")
    app = open_page(workspace_copy, page)
    assert not app.exception
    assert "longitude" in app.error[0].value


def test_the_page_says_how_the_labels_were_read(
    workspace_copy: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = workspace_copy / "data" / "tiny" / "labels.csv"
    table = pd.read_csv(labels, dtype=str)
    table["Bäume"] = "Lärche"
    labels.write_bytes(table.to_csv(index=False, sep=";").encode("cp1252"))
    made = []
    real = look_module.look
    monkeypatch.setattr(look_module, "look", lambda data: made.append(data) or real(data))
    app = open_page(workspace_copy, "data")
    assert not app.exception
    assert not app.error
    box = next(box for box in app.expander if box.label.startswith("How the labels were read"))
    shown = box.markdown[0].value
    assert "labels.csv (CSV, cp1252, separated by semicolon)" in shown
    assert f"{len(table)} in degrees (WGS 84)" in shown.replace("\\", "")
    # What the files say is no markup.
    assert "Region_ID" in shown
    assert "**Note:** labels.csv\\: it is not UTF-8" in shown
    app.segmented_control(key="data_section").set_value("Labels").run()
    assert len(made) == 1


def test_labels_without_headings_are_shown_and_described(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    labels = workspace_copy / "data" / "tiny" / "labels.csv"
    pd.read_csv(labels).drop(columns="angle").to_csv(labels, index=False)
    app = open_page(workspace_copy, "data")
    assert not app.exception
    assert not app.error
    assert len(decks(app)) == 1
    assert "**Headings:** none" in app.expander[0].markdown[0].value


def test_a_table_that_cannot_be_read_names_the_near_columns(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    labels = workspace_copy / "data" / "tiny" / "labels.csv"
    table = pd.read_csv(labels).rename(columns={"latitude": "latitudde"})
    table.to_csv(labels, index=False)
    app = open_page(workspace_copy, "data")
    assert not app.exception
    assert "latitudde" in app.error[0].value


def test_text_of_files_is_shown_without_markup() -> None:
    text = "_a_ b_c *c* `d` [e](f) <g> $h$\n:red[i] &amp;"
    shown = messages.plain(text)
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(text.split())
    assert not re.search(r"(?<!\\)[*`<$:&\[]|(?<!\\)\b_|(?<![\w\\])_", shown)


def test_data_sections(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "data")
    assert len(decks(app)) == 1
    app.segmented_control(key="data_section").set_value("Labels").run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2
    app.segmented_control(key="data_section").set_value("Split and leak").run()
    assert not app.exception
    assert "Test photos within 5 m of a training photo" in {metric.label for metric in app.metric}


def test_a_split_by_visits_says_what_it_assumed(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "data")
    app.segmented_control(key="data_section").set_value("Split and leak").run()
    app.selectbox(key="split").set_value("visit").run()
    assert not app.error
    assert any("hold no date" in caption.value for caption in app.caption)


def test_a_split_by_blocks_shows_its_buffer_and_no_leak(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "data")
    app.segmented_control(key="data_section").set_value("Split and leak").run()
    app.selectbox(key="split").set_value("block").run()
    assert not app.error
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Test photos within 10 m of a training photo"] == "0.0 %"
    assert any("test or validation photo of another part" in each.value for each in app.caption)


def test_a_split_that_does_not_fit_is_a_sentence(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "data")
    app.segmented_control(key="data_section").set_value("Split and leak").run()
    app.selectbox(key="split").set_value("official").run()
    assert not app.exception
    assert "no official split" in app.error[0].value


def test_a_name_in_the_grid_chooses_the_photo(full_workspace: Path, open_page: OpenPage) -> None:
    app = click_text(open_page(full_workspace, "data"), "img_0005")
    assert "images/img_0005.jpg" in said(app)
    assert "chosen" in {layer["id"] for layer in decks(app)[0]["layers"]}
    assert app.query_params["photo"] == "images/img_0005.jpg"


def test_planar_positions_are_drawn_on_a_plane(workspace_copy: Path, open_page: OpenPage) -> None:
    root = workspace_copy / "data" / "tiny"
    table = pd.read_csv(root / "labels.csv")
    table["latitude"] = (table["latitude"] - 17.445) * 111_000
    table["longitude"] = (table["longitude"] - 78.349) * 106_000
    table.to_csv(root / "labels.csv", index=False)
    (root / "campus.toml").write_text('[frame]\nkind = "planar_metres"\n', encoding="utf-8")
    app = open_page(workspace_copy, "data")
    assert not app.exception
    assert decks(app)[0]["views"][0]["@@type"] == "OrthographicView"
    # The model knows degrees: the page about it must not mistake these photos for its own.
    app.switch_page("../pages/predict.py").run()
    assert not app.exception
    assert not [button for button in app.button if button.label.startswith("img_")]


def test_far_photos_are_listed_and_marked_at_the_border(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    labels = workspace_copy / "data" / "tiny" / "labels.csv"
    table = pd.read_csv(labels)
    table["latitude"] = table["latitude"].astype(float)
    table.loc[[3, 8], "latitude"] += [0.1, -0.3]
    table.to_csv(labels, index=False)
    app = open_page(workspace_copy, "data")
    assert not app.exception
    layers = {layer["id"]: layer for layer in decks(app)[0]["layers"]}
    assert sorted(mark["i"] for mark in layers["far"]["data"]) == [3, 8]
    box = next(box for box in app.expander if "far outside the map" in box.label)
    assert box.label.startswith("2 photos")
    listed = box.dataframe[0].value
    assert listed["Photo"].tolist() == ["images/img_0008.jpg", "images/img_0003.jpg"]
    assert listed["From the middle"].iloc[1].startswith("11,")
    extent = next(metric.value for metric in app.metric if metric.label == "Extent")
    assert max(int(side.replace(",", "")) for side in re.findall(r"([\d,]+) m", extent)) < 1_000


def test_names_of_files_and_regions_are_shown_as_they_are(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    root = workspace_copy / "data" / "tiny"
    table = pd.read_csv(root / "labels.csv", dtype=str)
    table.loc[0, "filename"] = "![x](http___a) $1 <b>*y*_.jpg"
    (root / "images" / "img_0000.jpg").rename(root / "images" / table["filename"][0])
    table.loc[0, "timestamp"] = "![t](http://a/t.png) 12:00"
    table["Region_ID"] = "![r](http://a/r.png) $x$ " + table["Region_ID"]
    table.to_csv(root / "labels.csv", index=False)
    (root / "campus.toml").write_text('name = "![c](http://a/c.png) <b>x</b>"\n', encoding="utf-8")
    app = open_page(workspace_copy, "home")
    app.switch_page("../pages/data.py").run()
    app = click_text(app, "y")
    assert not app.exception
    words = [*(box.value for box in [*app.markdown, *app.caption]), *(b.label for b in app.button)]
    assert any("y" in each and "12" in each for each in words)
    for shown in [*words, said(open_page(workspace_copy, "home"))]:
        plain = re.sub(r"`[^`]*`", "", shown)
        assert not re.search(r"(?<!\\)!?\[[a-z]\]|(?<!\\)<b>|(?<!\\)\$", plain), shown


def test_what_was_made_of_a_data_set_is_deleted_after_it_is_named(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    campus = workspace_copy / "data" / "tiny"
    change_tags(campus, ["images/img_0000.jpg"], add="tree")
    report = workspace_copy / "checkpoints" / "tiny" / "report" / "report.json"
    content = json.loads(report.read_text())
    report.write_text(json.dumps(content | {"dataset": content["dataset"] | {"root": str(campus)}}))
    app = open_page(workspace_copy, "data")
    _press(app, "Delete …")
    assert not app.exception
    assert messages.plain("1 report with predictions: tiny/report") in said(app)
    assert "Photos, labels and decisions" in said(app)
    assert (campus / "tags.csv").is_file()
    _press(app, "Delete this")
    assert not app.exception
    assert not (campus / "tags.csv").exists()
    assert not report.parent.exists()
    assert len(list((campus / "images").iterdir())) == 48


def test_photos_are_deleted_only_by_the_name_of_their_folder(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    shutil.copytree(workspace_copy / "data" / "tiny", workspace_copy / "data" / "other")
    app = open_page(workspace_copy, "data", dataset="data/tiny")
    _press(app, "Delete …")
    app.checkbox(key="data_with_photos").check().run()
    label = "Delete photos, labels and all of this"
    assert "48 photos, of which Bearings keeps no copy" in said(app)
    assert next(one for one in app.button if one.label == label).disabled
    app.text_input(key="data_typed").set_value("tiny").run()
    _press(app, label)
    assert not app.exception
    assert not (workspace_copy / "data" / "tiny").exists()
    assert app.selectbox(key="dataset").value == "data/other"


def _press(app: AppTest, label: str) -> None:
    next(one for one in app.button if one.label == label).click().run()
