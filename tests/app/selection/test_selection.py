"""What a reader chose belongs to the photo or the row it was chosen for, and to no other."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.photo import Photo
from app.predict.uploads import TRAINED_ON
from core.splits.split import Split
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]
SHIPPED = Path(__file__).resolve().parents[3] / "checkpoints" / "demo-campus"


def upload(app: AppTest, *photos: Path) -> AppTest:
    """Replace what was dropped onto the Predict page."""
    files = [(photo.name, photo.read_bytes(), "image/jpeg") for photo in photos]
    app.file_uploader[0].set_value(files)
    return app.run()


def images(app: AppTest) -> list[str]:
    """Captions of the pictures on a page."""
    return [caption for image in app.main.image for caption in image.captions]


def test_an_answer_shown_anyway_stays_refused_for_the_next_photo(
    workspace_copy: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    (workspace_copy / "checkpoints" / "shipped").symlink_to(SHIPPED)
    for name, colour in (("a.jpg", (240, 238, 230)), ("b.jpg", (20, 30, 40))):
        Image.fromarray(np.full((200, 200, 3), colour, np.uint8)).save(tmp_path / name)
    app = upload(
        open_page(workspace_copy, "predict", checkpoint="checkpoints/shipped"),
        tmp_path / "a.jpg",
    )
    assert "Not this campus" in said(app)
    assert not app.get("deck_gl_json_chart")
    opened = next(name for name in app.session_state if name.startswith("predict_anyway"))
    app.session_state[opened] = True
    app.run()
    assert app.get("deck_gl_json_chart")
    app = upload(app, tmp_path / "b.jpg")
    assert "`b.jpg`" in said(app)
    assert not app.get("deck_gl_json_chart")


def test_a_comparison_belongs_to_its_upload(full_workspace: Path, open_page: OpenPage) -> None:
    photos = full_workspace / "data/tiny/images"
    app = upload(open_page(full_workspace, "predict"), photos / "img_0003.jpg")
    app.button(key="open_predict_evidence_2").click().run()
    assert any("your photo img_0003.jpg" in caption for caption in images(app))
    app = upload(app, photos / "img_0007.jpg")
    assert not any("your photo" in caption for caption in images(app))


def test_the_pin_chosen_among_uploads_is_that_photos(
    full_workspace: Path, open_page: OpenPage
) -> None:
    photos = [full_workspace / f"data/tiny/images/img_000{number}.jpg" for number in range(5)]
    app = upload(open_page(full_workspace, "predict"), *photos[:3])
    app.session_state["pins_chosen"] = Photo("", photos[1].read_bytes()).digest
    app.run()
    assert "2 of 3" in said(app)
    assert photos[1].name in images(app)
    app = upload(app, photos[4], photos[0], photos[1])
    assert "Click a row, a pin or a photo" in said(app), "new photos are shown together first"


def test_uploads_are_predicted_together_and_once(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.inference.predictor import Predictor

    asked: list[int] = []
    original = Predictor.predict_photos

    def counted(self: Predictor, photos: Any, *arguments: Any, **words: Any) -> Any:  # noqa: ANN401
        asked.append(len(photos))
        return original(self, photos, *arguments, **words)

    monkeypatch.setattr(Predictor, "predict_photos", counted)
    photos = [full_workspace / f"data/tiny/images/img_000{number}.jpg" for number in range(6)]
    app = upload(open_page(full_workspace, "predict"), *photos[:4])
    assert asked == [4]
    app = upload(app, *photos)
    assert asked == [4, 2]
    assert app.dataframe[0].value["Photo"].tolist() == [photo.name for photo in photos]


def test_what_is_known_of_one_upload_is_not_known_of_the_next(
    full_workspace: Path, open_page: OpenPage
) -> None:
    photos = full_workspace / "data/tiny/images"
    app = upload(open_page(full_workspace, "predict"), photos / "img_0003.jpg")
    known = {box.label: box for box in [*app.selectbox, *app.number_input]}
    known["Known region"].select("2")
    next(box for label, box in known.items() if label.startswith("Known heading")).set_value(90.0)
    app.run()
    app = upload(app, photos / "img_0007.jpg")
    assert {box.label: box.value for box in app.selectbox}["Known region"] is None
    assert [box.value for box in app.number_input if "Known" in box.label] == [None]


def test_the_region_to_explain_belongs_to_the_photo(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "explain")
    box = {one.label: one for one in app.selectbox}
    _, second = box["Or a photo of the loaded data set"].options[:2]
    box["Region"].select("2")
    app.run()
    assert {one.label: one.value for one in app.selectbox}["Region"] == "2"
    next(one for one in app.selectbox if one.label.startswith("Or a photo")).select(second)
    app.run()
    assert {one.label: one.value for one in app.selectbox}["Region"] != "2"


def test_an_example_that_the_next_model_was_trained_on_says_so(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    app = open_page(workspace_copy, "predict")
    offered = next(button for button in app.button if button.label.startswith("img_"))
    app = offered.click().run()
    assert images(app)
    assert TRAINED_ON not in said(app)
    path = workspace_copy / "checkpoints/tiny/split.json"
    split = Split.from_json(json.loads(path.read_text()))
    swapped = {"train": "test", "test": "train"}
    parts = {photo: swapped.get(part, part) for photo, part in split.parts.items()}
    path.write_text(json.dumps(dataclasses.replace(split, parts=parts).to_json()))
    app = app.run()
    assert not app.error
    assert TRAINED_ON in said(app)


def _script() -> None:
    import pandas as pd
    import streamlit as st

    from app.selection import selection

    table = pd.DataFrame({"trial": st.session_state.get("order", ["0", "1", "2"])})
    st.write("/".join(selection.ticked("trials", table, table["trial"].tolist(), multi=True)))


def test_a_ticked_row_stays_itself_where_rows_move() -> None:
    app = AppTest.from_function(_script).run()
    key = next(name for name in app.session_state if name.startswith("trials_table"))
    app.session_state[key] = {"selection": {"rows": [0]}}
    assert app.run().markdown[0].value == "0"
    for order, ticked in ((["2", "0", "1"], "0"), (["3", "2"], ""), (["3", "2", "1", "0"], "0")):
        app.session_state["order"] = order
        assert app.run().markdown[0].value == ticked
