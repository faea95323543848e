import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

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


def test_damaged_weights_are_named_when_a_photo_is_asked(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    next((workspace_copy / "checkpoints" / "tiny").glob("model-*.safetensors")).write_bytes(b"no")
    app = click_text(open_page(workspace_copy, "predict"), "img_")
    assert not app.exception
    assert "damaged" in app.error[0].value


def test_home_says_what_the_model_can_do(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "home")
    labels = [metric.label for metric in app.metric]
    assert {"Photos", "Regions", "Right region", "Median error"} <= set(labels)
    report = json.loads((full_workspace / "checkpoints/tiny/report/report.json").read_text())
    shown = next(metric for metric in app.metric if metric.label == "Median error")
    assert shown.value == f"{report['position']['refined']['median_m']:.1f} m"


def test_an_uploaded_photo_gets_a_pin_and_evidence(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "predict")
    photo = (full_workspace / "data/tiny/images/img_0003.jpg").read_bytes()
    app.file_uploader[0].upload("../../evil.jpg", photo, "image/jpeg")
    app.run()
    assert not app.exception
    assert not app.error
    ids = {layer["id"] for layer in decks(app)[0]["layers"]}
    assert {"refined", "refined-arrow", "raw", "evidence"} <= ids
    assert "truth" not in ids
    assert any("m from the pin" in caption.value for caption in app.caption)
    assert any("matched keypoints" in caption.value for caption in app.caption)
    assert {metric.label for metric in app.metric} >= {"Position", "Facing"}


def test_several_photos_get_a_table_and_an_unreadable_one_is_named(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "predict")
    images = full_workspace / "data/tiny/images"
    files = [(f"{n}.jpg", (images / f"img_000{n}.jpg").read_bytes()) for n in (1, 2)]
    for name, content in [*files, ("torn.jpg", files[0][1][:300])]:
        app.file_uploader[0].upload(name, content, "image/jpeg")
    app.run()
    assert not app.exception
    assert "torn.jpg" in app.error[0].value
    assert app.dataframe[0].value["filename"].tolist() == ["1.jpg", "2.jpg"]
    assert len(app.get("download_button")) == 3


def test_an_example_is_a_test_photo_and_shows_its_truth(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "predict")
    split = json.loads((full_workspace / "checkpoints/tiny/split.json").read_text())
    offered = {button.label for button in app.button if button.label.startswith("img_")}
    assert offered
    assert {f"images/{name}" for name in offered} <= set(split["parts"]["test"])
    app = click_text(app, "img_")
    assert "truth" in {layer["id"] for layer in decks(app)[0]["layers"]}


def test_another_data_set_of_the_same_names_is_no_evidence(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    labels = workspace_copy / "data" / "tiny" / "labels.csv"
    text = labels.read_text(encoding="utf-8").replace("17.44", "17.46")
    labels.write_text(text, encoding="utf-8")
    app = open_page(workspace_copy, "predict")
    photo = (workspace_copy / "data/tiny/images/img_0003.jpg").read_bytes()
    app.file_uploader[0].upload("a.jpg", photo, "image/jpeg")
    app.run()
    assert "load the data set that the model was trained on" in said(app)


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
    assert shown["Test photos within 10 m of a training photo"] == "0%"
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


def test_map_filters_and_regions(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "map")
    everything = len(app.dataframe[0].value)
    app.toggle(key="outcomes_wrong").set_value(True).run()
    assert 0 < len(app.dataframe[0].value) < everything or everything == 0
    app.segmented_control(key="map_section").set_value("Regions").run()
    assert not app.exception
    assert len(decks(app)) == 1


def test_a_report_of_another_version_is_named(workspace_copy: Path, open_page: OpenPage) -> None:
    path = workspace_copy / "checkpoints" / "tiny" / "report" / "predictions.csv"
    path.write_text("filename,error_m\na.jpg,3\n", encoding="utf-8")
    app = open_page(workspace_copy, "map")
    assert not app.exception
    assert "evaluate again" in app.error[0].value


def test_a_data_set_and_a_model_that_appear_are_picked(
    full_workspace: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    app = open_page(tmp_path, "home")
    assert app.selectbox(key="dataset").value is None
    for name in ("data", "checkpoints"):
        shutil.copytree(full_workspace / name, tmp_path / name)
    app.run()
    assert app.selectbox(key="dataset").value == "data/tiny"
    assert app.selectbox(key="checkpoint").value == "checkpoints/tiny"


def test_a_typed_path_that_is_not_there_is_named(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "data", dataset="/nowhere/at/all")
    assert not app.exception
    assert "/nowhere/at/all" in app.error[0].value


def test_a_picked_model_stays_picked_on_another_page(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    shutil.copytree(workspace_copy / "checkpoints/tiny", workspace_copy / "checkpoints/other")
    app = open_page(workspace_copy, "home")
    app.selectbox(key="checkpoint").set_value("checkpoints/tiny").run()
    app.switch_page("../pages/predict.py").run()
    assert app.selectbox(key="checkpoint").value == "checkpoints/tiny"


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
