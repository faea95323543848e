"""Every page over a workspace that holds everything, nothing, or a broken checkpoint."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.page_text import said

OpenPage = Callable[..., AppTest]
PAGES = (
    "home", "predict", "play", "data", "train", "tune", "runs", "evaluate", "map", "explore",
    "explain",
)  # fmt: skip
# Labels and training need no checkpoint at all.
NEED_NO_CHECKPOINT = ("data", "train", "tune")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_on_everything(full_workspace: Path, open_page: OpenPage, page: str) -> None:
    app = open_page(full_workspace, page)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_a_page_explains_an_empty_workspace(tmp_path: Path, open_page: OpenPage, page: str) -> None:
    app = open_page(tmp_path, page)
    assert not app.exception
    assert not app.error
    assert app.info


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_a_broken_checkpoint(
    workspace_copy: Path, open_page: OpenPage, page: str
) -> None:
    (workspace_copy / "checkpoints" / "tiny" / "card.json").write_text("{", encoding="utf-8")
    app = open_page(workspace_copy, page)
    assert not app.exception
    assert ("card.json" in said(app)) == (page not in NEED_NO_CHECKPOINT)
    if page == "data":
        assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_only_a_page_that_computes_names_broken_weights(
    workspace_copy: Path, open_page: OpenPage, page: str
) -> None:
    weights = next((workspace_copy / "checkpoints" / "tiny").glob("model-*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    app = open_page(workspace_copy, page)
    assert not app.exception
    # Predict loads them once it has a photo.
    assert any(weights.name in each.value for each in app.error) == (page == "explain")
