import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]


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


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "a" * 3000])
@pytest.mark.parametrize("page", ["home", "data", "predict"])
def test_a_path_that_cannot_be_is_a_sentence(
    full_workspace: Path, open_page: OpenPage, page: str, path: str
) -> None:
    app = open_page(full_workspace, page, dataset=path)
    assert not app.exception
    assert app.error or page == "predict"


def test_a_picked_model_stays_picked_on_another_page(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    shutil.copytree(workspace_copy / "checkpoints/tiny", workspace_copy / "checkpoints/other")
    app = open_page(workspace_copy, "home")
    app.selectbox(key="checkpoint").set_value("checkpoints/tiny").run()
    app.switch_page("../pages/predict.py").run()
    assert app.selectbox(key="checkpoint").value == "checkpoints/tiny"
