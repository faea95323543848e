"""A data set that cannot be read opens in a view that makes it readable."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.data.columns import ROLES
from core.dataset.labels import read_dataset
from tests.app.page_text import said
from tests.tables.folders import campus_rows, folder

OpenPage = Callable[..., AppTest]
ROWS = campus_rows()
NAMES = {
    "filename": "Bildname", "timestamp": "Wann", "latitude": "Y_Wert", "longitude": "X_Wert",
    "angle": "Kamera", "Region_ID": "Abschnitt",
}  # fmt: skip
CAMPUS = "# seen in spring\nname = 'Garten'\n"


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    """A workspace with a folder whose columns have unknown names, and headings in radians."""
    rows = ROWS.assign(angle=[f"{np.deg2rad(float(value)):.6f}" for value in ROWS["angle"]])
    folder(
        tmp_path / "data" / "garten", rows.rename(columns=NAMES), separator=";",
        name="standorte.csv", campus=CAMPUS,
    )  # fmt: skip
    return tmp_path


def choose(app: AppTest, label: str, value: object) -> AppTest:
    box = next(box for box in app.selectbox if box.label == label)
    return box.select(value).run()


def decks(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.json) for element in app.get("deck_gl_json_chart")]


def map_rows(app: AppTest) -> list[dict[str, Any]]:
    layers = {layer["id"]: layer for layer in decks(app)[0]["layers"]}
    return list(layers["columns-rows"]["data"])


def fill(app: AppTest) -> AppTest:
    for role, title in (
        ("filename", "Bildname"), ("latitude", "Y_Wert"), ("longitude", "X_Wert"),
        ("heading", "Kamera"), ("region", "Abschnitt"), ("timestamp", "Wann"),
    ):  # fmt: skip
        app = choose(app, ROLES[role], title)
    return app


def test_columns_are_chosen_seen_on_a_map_and_saved(garden: Path, open_page: OpenPage) -> None:
    root = garden / "data" / "garten"
    app = open_page(garden, "data")
    assert not app.exception
    assert app.dataframe[0].value.columns.tolist() == list(NAMES.values())
    assert not decks(app)
    assert app.button(key="columns_save").disabled
    app = fill(app)
    # The points are there before the unit of the headings is known, and nothing is written.
    assert len(map_rows(app)) == len(ROWS)
    assert "look like radians" in said(app)
    assert (root / "campus.toml").read_text(encoding="utf-8") == CAMPUS
    app = choose(app, "Heading unit", "radians")
    assert [box.value for box in app.success] == [f"{len(ROWS)} photos can be used."]
    app.button(key="columns_save").click().run()
    assert not app.exception
    assert not app.error
    assert (root / "campus.toml").read_text(encoding="utf-8").startswith(CAMPUS)
    data = read_dataset(root)
    np.testing.assert_allclose(data.headings_deg, ROWS["angle"].astype(float), atol=1e-3)
    assert {metric.label: metric.value for metric in app.metric}["Photos"] == f"{len(ROWS)}"


def test_a_table_that_is_read_is_mended_in_its_section(garden: Path, open_page: OpenPage) -> None:
    root = garden / "data" / "plain"
    folder(root, ROWS, name="labels.csv")
    shutil.rmtree(garden / "data" / "garten")
    app = open_page(garden, "data")
    app.segmented_control(key="data_section").set_value("Columns").run()
    assert not app.exception
    assert "Nothing is changed" in said(app)
    assert app.button(key="columns_save").disabled
    app = choose(app, ROLES["region"], "")
    app.button(key="columns_save").click().run()
    assert not app.exception
    assert (root / "campus.toml").read_text(encoding="utf-8") == '[columns]\nregion = ""\n'


def test_a_write_that_the_system_refuses_is_a_sentence(
    garden: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from core.dataset import mapping

    def refuse(path: Path, content: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    app = choose(fill(open_page(garden, "data")), "Heading unit", "radians")
    monkeypatch.setattr(mapping, "write_text", refuse)
    app.button(key="columns_save").click().run()
    assert not app.exception
    assert any("Read-only file system" in box.value for box in app.error)
    assert (garden / "data/garten/campus.toml").read_text(encoding="utf-8") == CAMPUS


def test_one_table_of_several_is_chosen_and_becomes_the_data_set(
    garden: Path, open_page: OpenPage
) -> None:
    root = garden / "data" / "garten"
    pd.DataFrame({"x": ["1"], "y": ["2"]}).to_csv(root / "anderes.csv", index=False)
    app = open_page(garden, "data")
    app = choose(app, "Label table", root / "standorte.csv")
    app = choose(fill(app), "Heading unit", "radians")
    app.button(key="columns_save").click().run()
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="dataset").value == "data/garten/standorte.csv"
    assert {metric.label: metric.value for metric in app.metric}["Photos"] == f"{len(ROWS)}"


def test_a_broken_campus_toml_is_named(garden: Path, open_page: OpenPage) -> None:
    (garden / "data" / "garten" / "campus.toml").write_text("name = [", encoding="utf-8")
    app = open_page(garden, "data")
    assert not app.exception
    assert "not valid TOML" in app.error[0].value


def test_home_leads_to_the_columns(garden: Path, open_page: OpenPage) -> None:
    app = open_page(garden, "home")
    assert not app.exception
    labels = [link.proto.label for link in app.get("page_link")]
    assert "See how the labels are read" in labels


def test_photos_without_labels_lead_to_predict_and_are_refused_once(
    garden: Path, open_page: OpenPage
) -> None:
    folder = garden / "data" / "new"
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "a.jpg")
    app = open_page(garden, "data", dataset="data/new")
    assert not app.exception
    (refused,) = app.error
    assert "has no label file" in refused.value
    assert [link.proto.label for link in app.main.get("page_link")] == ["Predict"]
    # A link to the page itself would lead nowhere.
    gone = open_page(garden, "data", dataset="data/gone")
    assert [link.proto.label for link in gone.main.get("page_link")] == []
