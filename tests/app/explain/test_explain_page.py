import re
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
    app.session_state["explain_compare"] = "Two methods"
    app.run()
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
    button(app, "Check this map").click()
    app.run()
    assert not app.exception
    assert "area under deletion" in said(app) or "the same answer" in app.error[0].value
    assert not [word for word in ("logit", "unit vector", "softmax") if word in said(app)]
    app.selectbox(key="explain_target").set_value("north_m").run()
    assert "add up to the difference" not in said(app), "a map must not stay beside another target"


def test_the_open_photo_steps_to_the_next_and_leads_on(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "explain")
    names = app.selectbox(key="explain_chosen").options
    assert button(app, "Previous").disabled
    button(app, "Next").click().run()
    assert not app.exception
    assert app.selectbox(key="explain_chosen").value == names[1]
    assert app.query_params["photo"] == [names[1]] or app.query_params["photo"] == names[1]
    assert f"2 of {len(names):,}" in said(app)


def test_two_outputs_are_explained_side_by_side(full_workspace: Path, open_page: OpenPage) -> None:
    app = open_page(full_workspace, "explain")
    app.session_state["explain_compare"] = "Two outputs"
    app.run()
    assert app.selectbox(key="explain_target").value == "region"
    assert app.selectbox(key="explain_target_1").value == "position"
    [one, _] = [each for each in app.button if each.label == "Explain with Grad-CAM"]
    one.click()
    app.run()
    assert len(app.get("download_button")) == 1, "each panel has its own map"


def test_the_sentence_names_parts_and_regions_and_belongs_to_its_photo(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "explain")
    assert re.search(r"answers anew: (under|about) \d+ s on this machine", said(app))
    button(app, "Find what the answer rests on").click()
    app.run()
    assert not app.exception
    assert "without" in next(one.value for one in app.markdown if one.value.startswith("#### "))
    assert "Measured on the final answer" in said(app)
    [here] = [one for one in app.selectbox if one.label == "Here"]
    [there] = [one for one in app.selectbox if one.label == "Not there"]
    assert here.value != there.value
    there.set_value(here.value).run()
    assert "Choose two different regions" in said(app)
    app.selectbox(key="explain_chosen").select_index(1).run()
    assert "Measured on the final answer" not in said(app), "another photo has another answer"


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
