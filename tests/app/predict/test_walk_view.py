import io
import json

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.photo import Photo
from app.predict.walk_view import moments_of, sentence, steps, walk_deck
from app.theme import LIGHT
from core.walk.walk import Walk, make_walk
from tests.walk.walks import straight, walk_prediction


def photo(name: str, taken: str = "") -> Photo:
    stream, exif = io.BytesIO(), Image.Exif()
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    Image.new("RGB", (32, 32)).save(stream, "JPEG", exif=exif)
    return Photo(name, stream.getvalue())


@pytest.fixture(scope="module")
def walk() -> Walk:
    """Three photos by their EXIF, the first taken last; the second points elsewhere."""
    truth = straight(3, 5.0)
    elsewhere = np.array([90.0, 160.0])
    centre = np.stack([truth, np.tile(elsewhere, (3, 1))], axis=1)
    weight = np.array([[1.0, 0.0], [0.4, 0.6], [1.0, 0.0]])
    photos = tuple(
        photo(f"{name}.jpg", f"2024:03:05 10:00:{second}")
        for name, second in (("a", "50"), ("b", "30"), ("c", "10"))
    )
    return make_walk(walk_prediction(centre, weight), moments_of(photos), truth)


def test_photos_are_in_the_order_of_their_exif(walk: Walk) -> None:
    assert walk.rows.tolist() == [2, 1, 0]
    assert sentence(walk).startswith("3 of 3 photos on the track, typically within ")
    assert "1 overruled by the photos before and after" in sentence(walk)
    table = steps(walk)
    assert table["Time"].tolist()[0] == "2024-03-05 10:00:10"
    assert "the photos before and after it decided" in table["Note"].tolist()[1]
    assert moments_of((photo("a"), photo("b"))).seconds.tolist() == [0.0, 30.0]


def test_the_map_draws_the_track_and_what_each_photo_said(walk: Walk) -> None:
    drawn = json.loads(walk_deck(walk, None, LIGHT, online=False).to_json())
    counts = {layer["id"]: len(layer["data"]) for layer in drawn["layers"] if "data" in layer}
    assert counts["steps"] == 3
    assert counts["track"] == 2
    assert "mapProvider" not in drawn or drawn["mapProvider"] is None


def test_the_page_shows_a_walk_only_when_asked() -> None:
    def page() -> None:
        from types import SimpleNamespace
        from typing import Any, cast

        import numpy as np

        from app.photo import Photo
        from app.predict import walk_view
        from tests.walk.walks import straight, walk_prediction

        predictor = cast("Any", SimpleNamespace(gallery=None, fingerprint="x"))
        prediction = walk_prediction(straight(3, 5.0)[:, None], np.ones((3, 1)))
        photos = tuple(Photo(f"{name}.jpg", b"") for name in "abc")
        walk_view.show(predictor, prediction, photos, "photos")

    app = AppTest.from_function(page).run(timeout=60)
    assert not app.exception
    assert len(app.dataframe) == 0
    app.toggle[0].set_value(True).run(timeout=60)
    assert not app.exception
    assert len(app.dataframe[0].value) == 3
    assert any("in the order of the list, 30 s apart" in each.value for each in app.caption)
