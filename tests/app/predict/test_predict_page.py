import hashlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import core.inference.matches
from app.predict.evidence import best_match
from app.predict.results import answers
from app.widgets.matches import sentence
from core.dataset.decode import Pixels
from core.dataset.decode_worker import DecodeWorker
from core.inference.matches import match_keypoints
from core.inference.prediction import joined
from core.inference.predictor import Predictor
from core.splits.split import Split
from tests.app.conftest import HOME
from tests.app.page_text import said
from tests.confidence.answers import TWO_PLACES, predicted, trust

OpenPage = Callable[..., AppTest]

# A worker whose decoder ends its process for one photo.
CRASHING = """
import os
from core.dataset import decode_worker
genuine = decode_worker.decode_photo
def planted(content, *, size, name):
    if content == b"crash":
        os.abort()
    return genuine(content, size=size, name=name)
decode_worker.decode_photo = planted
decode_worker.main()
"""


def decks(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.json) for element in app.get("deck_gl_json_chart")]


def click_text(app: AppTest, text: str) -> AppTest:
    button = next(button for button in app.button if text in button.label)
    return button.click().run()


def test_damaged_weights_are_named_when_a_photo_is_asked(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    next((workspace_copy / "checkpoints" / "tiny").glob("model-*.safetensors")).write_bytes(b"no")
    app = click_text(open_page(workspace_copy, "predict"), "img_")
    assert not app.exception
    assert "damaged" in app.error[0].value


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
    assert any(metric.label == "Facing" for metric in app.metric)
    position = app.code[0].value
    assert re.fullmatch(r"17\.44\d{4}, 78\.3\d{5}", position), "whole, and to be copied"
    latitude, longitude = position.split(", ")
    [link] = app.get("link_button")
    assert link.proto.url == (
        f"https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}"
        f"#map=19/{latitude}/{longitude}"
    )
    first = next(each.value for each in app.markdown)
    assert first.endswith("confidence unknown\\: this model is not calibrated")
    assert app.session_state["predict_form"] is False, "the form makes way for the answer"
    charts, answers = [], []
    for button in app.get("download_button"):
        (charts if "figure" in button.key else answers).append(button.label)
    assert charts == ["HTML", "Data (CSV)"]
    assert len(answers) == 7, "also of one photo"


def test_a_photo_that_crashes_its_decoder_loses_only_its_own_answer(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = DecodeWorker([sys.executable, "-c", CRASHING])
    monkeypatch.setattr("app.photo.worker", lambda: planted)
    page = open_page(full_workspace, "predict")
    photos = full_workspace / "data/tiny/images"
    for name, content in (
        ("first.jpg", (photos / "img_0003.jpg").read_bytes()),
        ("evil.jpg", b"crash"),
        ("last.jpg", (photos / "img_0004.jpg").read_bytes()),
    ):
        page.file_uploader[0].upload(name, content, "image/jpeg")
    page.run()
    planted.close()
    assert not page.exception
    assert [error.value for error in page.error] == [
        "evil.jpg cannot be read\\: its decoder crashed on it; save it again as JPEG"
    ]
    assert page.dataframe[0].value["Photo"].tolist() == ["first.jpg", "last.jpg"]


def test_a_training_photo_is_compared_with_lines_between_matched_keypoints(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, ...]] = []

    def counted(predictor: Predictor, photo: Pixels, rows: tuple[int, ...]) -> Any:  # noqa: ANN401
        calls.append(rows)
        return match_keypoints(predictor, photo, rows)

    monkeypatch.setattr(core.inference.matches, "match_keypoints", counted)
    app = open_page(full_workspace, "predict")
    photo = (full_workspace / "data/tiny/images/img_0003.jpg").read_bytes()
    app.file_uploader[0].upload("mine.jpg", photo, "image/jpeg")
    app.run()
    counts = [re.search(r"(\d+) matched keypoints", each.value) for each in app.caption]
    inliers = [int(count[1]) for count in counts if count]
    assert not any(inliers), "so none is compared before it is chosen"
    app.button(key="open_predict_evidence_0").click().run()
    assert compared(app).startswith("Left: your photo mine.jpg. Right: ")
    assert compared(app).endswith(sentence(inliers[0]))
    app.button(key="open_predict_evidence_1").click().run()
    assert not app.exception
    assert compared(app).endswith(sentence(inliers[1])), "the lines are those that were counted"
    app.run()
    assert len(calls) == 2, "a pair is matched once, not at every rerun"
    assert any(re.match(r"Headings: yours \d+°, the training photo's \d+°, ", each.value)
               for each in app.caption)  # fmt: skip


def compared(app: AppTest) -> str:
    """The caption of the two photos side by side."""
    [caption] = (text for image in app.image for text in image.captions if "Left:" in text)
    return str(caption)


def test_the_photo_with_the_most_matched_keypoints_is_compared_at_once() -> None:
    points = np.array([[3, 12, 0, 20]])
    none = np.zeros((1, 4))
    found = replace(predicted(), inliers=points, neighbours=points, similarity=none, weight=none)
    assert best_match(found, 0, 4) == 3
    assert best_match(found, 0, 3) == 1, "only among those that are shown"
    assert best_match(replace(found, inliers=np.full((1, 4), -1)), 0, 4) is None
    assert best_match(predicted(), 0, 4) is None


def test_matched_keypoints_are_put_into_words() -> None:
    assert sentence(0).startswith("No keypoints match")
    assert sentence(1) == "1 keypoint lies in the same arrangement in both photos."
    assert sentence(23) == "23 keypoints lie in the same arrangement in both photos."


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
    table = app.dataframe[0].value
    assert table["Photo"].tolist() == ["1.jpg", "2.jpg"]
    assert list(table) == [
        "Photo", "Region", "Within (m)", "Heading (°)", "± (°)", "Confidence", "Position",
    ]  # fmt: skip
    assert re.fullmatch(r"17\.44\d{4}°, 78\.3\d{5}°", table["Position"][0])
    assert len(app.get("download_button")) == 7


def test_a_photo_of_several_is_opened_by_its_picture_and_left_again(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "predict")
    images = full_workspace / "data/tiny/images"
    for number in (1, 2, 3):
        content = (images / f"img_000{number}.jpg").read_bytes()
        app.file_uploader[0].upload(f"{number}.jpg", content, "image/jpeg")
    app.run()
    click_text(app, "2.jpg")
    assert not app.exception
    assert not app.dataframe, "the photo has the page for itself"
    assert "facing" in " ".join(each.value for each in app.markdown)
    assert "2 of 3" in [caption.value for caption in app.caption]
    app = click_text(app, "Next")
    assert "3 of 3" in [caption.value for caption in app.caption]
    assert hashlib.sha256(content).hexdigest() in app.query_params["photo"]
    app = click_text(app, "Close")
    assert len(app.dataframe) == 1


def test_uploads_survive_a_reload_until_they_are_removed(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "predict")
    content = (full_workspace / "data/tiny/images/img_0003.jpg").read_bytes()
    app.file_uploader[0].upload("mine.jpg", content, "image/jpeg")
    app.file_uploader[0].upload("notes.txt", b"hello", "text/plain")
    app.run()
    answer = next(each.value for each in app.markdown)
    assert "notes.txt" in app.warning[0].value
    [token] = np.atleast_1d(app.query_params["uploads"])
    assert content not in token.encode()

    def reloaded(token: str) -> AppTest:
        # A reload is another session, with the address of the one before.
        new = AppTest.from_file(str(HOME), default_timeout=60)
        new.switch_page("../pages/predict.py")
        new.query_params["uploads"] = token
        return new.run()

    again = reloaded(token)
    assert not again.exception
    assert next(each.value for each in again.markdown) == answer
    assert "not kept any more" in reloaded("x" * 32).info[0].value


def test_the_address_names_an_example(full_workspace: Path, open_page: OpenPage) -> None:
    app = click_text(open_page(full_workspace, "predict"), "img_")
    name = app.query_params["photo"]
    answer = next(each.value for each in app.markdown)
    again = open_page(full_workspace, "predict")
    again.query_params["photo"] = name
    again.run()
    assert next(each.value for each in again.markdown) == answer


def test_the_table_of_answers_says_what_is_refused_and_what_is_ambiguous() -> None:
    several = [
        predicted(trust()),
        predicted(trust(places=TWO_PLACES)),
        predicted(trust(np.nan)),
        predicted(trust(refused=True)),
    ]
    table = answers(joined(several))
    assert table["Confidence"].tolist() == [
        "90 %", "ambiguous: 2 places", "unknown", "refused: not this campus",
    ]  # fmt: skip
    assert table["Region"].fillna("").tolist() == ["Main Gate"] * 3 + [""]
    assert table["Position"].fillna("").tolist() == ["0.0 m, 0.0 m"] * 3 + [""]
    only = answers(predicted(trust(), labels=("region",)))
    assert list(only) == ["Photo", "Region", "Confidence"]
    assert only["Confidence"].tolist() == ["96 %"]


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
    assert "choose the data set of the training" in said(app)


def test_an_example_steps_to_the_next(full_workspace: Path, open_page: OpenPage) -> None:
    split = Split.read(full_workspace / "checkpoints" / "tiny" / "split.json")
    assert split is not None
    tested = {photo for photo, part in split.parts.items() if part == "test"}
    app = open_page(full_workspace, "predict", photo=min(tested))
    steps = {one.label: one for one in app.button if one.label in ("Previous", "Next")}
    forwards = not steps["Next"].disabled
    steps["Next" if forwards else "Previous"].click().run()
    assert not app.exception
    opened = app.query_params["photo"]
    other = opened[0] if isinstance(opened, list) else opened
    assert other in tested - {min(tested)}
