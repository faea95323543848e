from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from core.model.card import read_card, write_card
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]


def button(app: AppTest, words: str) -> Button:
    return next(one for one in app.button if words in one.label)


def test_explain_says_why_an_untrained_checkpoint_has_no_maps(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    folder = workspace_copy / "checkpoints" / "tiny"
    write_card(folder, read_card(folder).model_copy(update={"trained": False}))
    app = open_page(workspace_copy, "explain")
    assert not app.exception
    assert "was not trained" in said(app)
    assert not [one for one in app.selectbox if one.label == "Output to explain"]
    assert any("match this photo" in box.label for box in app.expander)


def test_a_photo_of_the_data_set_is_explained_and_compared(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "explain")
    app.selectbox(key="explain_target").set_value("heading").run()
    app.toggle(key="explain_compare").set_value(True).run()
    button(app, "Explain with Grad-CAM").click()
    app.run()
    app.number_input(key="explain_1_integrated_gradients_n_steps").set_value(8)
    button(app, "Explain with Integrated gradients").click()
    app.run()
    assert not app.exception
    assert not app.error
    assert "The network's own answer: **facing" in said(app)
    assert "add up to the difference" in said(app)
    assert len(app.get("download_button")) == 2
    app.selectbox(key="explain_target").set_value("north_m").run()
    assert "add up to the difference" not in said(app), "a map must not stay beside another target"


def test_an_uploaded_photo_is_explained_and_a_torn_one_refused(
    full_workspace: Path, open_page: OpenPage
) -> None:
    photo = (full_workspace / "data/tiny/images/img_0003.jpg").read_bytes()
    app = open_page(full_workspace, "explain")
    app.file_uploader[0].upload("mine.jpg", photo, "image/jpeg")
    app.run()
    button(app, "Explain with Grad-CAM").click()
    app.run()
    assert not app.exception
    assert len(app.get("download_button")) == 1
    torn = open_page(full_workspace, "explain")
    torn.file_uploader[0].upload("torn.jpg", photo[:300], "image/jpeg")
    torn.run()
    assert not torn.exception
    assert "torn.jpg" in torn.error[0].value
