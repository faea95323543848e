"""The Explore page: photos by their descriptors, filtered by an area, coloured and paired."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.embedding import MOST_KEPT
from core.evaluation.descriptors import FILE
from core.retrieval.gallery import Gallery
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]


def figure(app: AppTest) -> dict[str, Any]:
    """The chart of photos; arrays stand in it as base64."""
    made: dict[str, Any] = json.loads(app.get("plotly_chart")[0].proto.spec)
    return made


def marks(app: AppTest) -> list[int]:
    """How many marks each trace has."""
    return [len(trace.get("text", ())) for trace in figure(app)["data"]]


def unused(app: AppTest) -> bool:
    """Whether the page says that it cannot use an area of similar photos."""
    notes = [each.value for each in app.caption if "Not used here" in each.value]
    return any("Similar photos" in note for note in notes)


def test_an_area_of_similar_photos_filters_every_view(
    full_workspace: Path, open_page: OpenPage
) -> None:
    app = open_page(full_workspace, "explore")
    assert not app.exception
    training = len(Gallery.load(full_workspace / "checkpoints" / "tiny"))
    everything = sum(marks(app))
    assert everything > training > 0
    assert f"{everything:,} of {everything:,} photos" in said(app)
    # The left half of the plane.
    app = open_page(full_workspace, "explore", pca="-9,-9;-9,9;0,9;0,-9")
    assert not app.exception
    assert "Similar photos (PCA) ✕" in [button.label for button in app.button]
    words = next(each.value for each in app.caption if "Click one to open it" in each.value)
    count = int(words.split(" of ")[0].replace(",", ""))
    assert 0 < count < everything
    # Whatever lies outside stays on the chart, as only other fields make photos faint there.
    assert sum(marks(app)) == everything
    chosen = {"pca": "-9,-9;-9,9;0,9;0,-9"}
    evaluated = open_page(full_workspace, "evaluate", evaluate_section="Positions", **chosen)
    assert not unused(evaluated)
    assert unused(open_page(full_workspace, "data", **chosen))


def test_colours_pairs_and_an_open_photo(full_workspace: Path, open_page: OpenPage) -> None:
    name = Gallery.load(full_workspace / "checkpoints" / "tiny").photo_ids[0]
    app = open_page(full_workspace, "explore", photo=name)
    offered = app.selectbox(key="explore_colour").options
    assert offered == ["Region", "Wrong region", "Position error", "Heading", "Part"]
    for colour in offered[1:]:
        app.selectbox(key="explore_colour").set_value(colour).run()
        assert not app.exception
    assert "A training photo" in said(app)
    assert app.button(key="photo_close")
    app.segmented_control(key="explore_pairs").set_value("in different regions").run()
    assert not app.exception
    pairs = next(table.value for table in app.dataframe if "Similarity" in table.value)
    assert len(pairs)
    assert (pairs["Region"] != pairs["Its region"]).all()
    assert (np.diff(pairs["Similarity"]) <= 0).all()


def test_without_report_descriptors_or_gallery_the_page_says_so(
    workspace_copy: Path, open_page: OpenPage
) -> None:
    checkpoint = workspace_copy / "checkpoints" / "tiny"
    (checkpoint / "report" / FILE).write_bytes(b"torn")
    app = open_page(workspace_copy, "explore")
    assert f"{FILE} is damaged" in app.error[0].value
    (checkpoint / "report" / FILE).unlink()
    app = open_page(workspace_copy, "explore")
    assert "Evaluate the model again" in app.info[0].value
    assert sum(marks(app)) == len(Gallery.load(checkpoint))
    for name in ("gallery.json", "gallery.safetensors"):
        (checkpoint / name).unlink()
    app = open_page(workspace_copy, "explore")
    assert not app.exception
    assert "nothing to explore" in app.info[0].value


def test_similar_photos_are_arranged_once_and_kept(
    workspace_copy: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import embedding

    def arranged(gallery: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.arange(2.0 * (len(gallery) + len(others))).reshape(-1, 2)

    monkeypatch.setattr(embedding, "neighbour_plane", arranged)
    folder = workspace_copy / "layouts"
    folder.mkdir()
    for number in range(MOST_KEPT):
        (folder / f"tsne-{number}.safetensors").touch()
    app = open_page(workspace_copy, "explore")
    app.segmented_control(key="explore_plane").set_value("tsne").run()
    assert not app.exception
    for thread in embedding.threading.enumerate():
        if thread.name == embedding.THREAD:
            thread.join(60)
    files = list(folder.glob("tsne-*.safetensors"))
    assert len(files) == MOST_KEPT
    assert sum(file.stat().st_size > 0 for file in files) == 1
    monkeypatch.setattr(embedding, "neighbour_plane", lambda *_: pytest.fail("computed twice"))
    app = open_page(workspace_copy, "explore")
    app.segmented_control(key="explore_plane").set_value("tsne").run()
    assert not app.exception
    assert "in the background" not in said(app)
    assert "tsne" in figure(app)["layout"]["uirevision"]
