import io
from dataclasses import replace

import pytest
from PIL import Image

from app import cache
from app.photo import Photo
from app.predict.photo_file import file_says
from core.geo import CoordinateFrame, LocalFrame
from core.inference.export_files import FORMATS, written
from core.inference.prediction import Prediction
from tests.confidence.answers import predicted, trust
from tests.phone_photos import phone_photo

UNUSED = " Not used for the answer, and in no download."


@pytest.fixture
def answer() -> Prediction:
    """The answer that a photo was taken at 17.44, 78.35, facing 3 degrees."""
    frame = LocalFrame(CoordinateFrame("degrees"), (17.44, 78.35))
    return replace(predicted(trust()), local_frame=frame)


def said(answer: Prediction, **exif: object) -> str | None:
    content = phone_photo(**({"latitude": 17.4402, "longitude": 78.35} | exif))  # type: ignore[arg-type]
    return file_says(Photo("a.jpg", content), answer, 0)


def test_the_position_and_heading_of_the_file_are_compared_with_the_answer(
    answer: Prediction,
) -> None:
    # 0.0002 degrees north are 22 m.
    assert said(answer, direction=15.0) == (
        f"The file says: 22 m from here (its GPS: ± 5.0 m), 12° apart.{UNUSED}"
    )
    assert said(answer, direction=None, accuracy=None) == f"The file says: 22 m from here.{UNUSED}"
    assert said(answer, latitude=None, direction=350.0) == f"The file says: 13° apart.{UNUSED}"
    assert "12° apart (it counts from magnetic north)" in str(
        said(answer, direction=15.0, reference="M")
    )
    far = said(answer, latitude=48.0, longitude=11.0)
    assert "6,9" in str(far)
    assert "km from here" in str(far)


def test_nothing_is_said_where_there_is_nothing_to_compare(answer: Prediction) -> None:
    assert said(answer, latitude=None, direction=None) is None
    planar = replace(answer, local_frame=LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0)))
    assert said(planar, direction=None) is None
    assert said(predicted(trust(), labels=("region",))) is None
    assert file_says(Photo("a.jpg", b"no photo"), answer, 0) is None


def test_metadata_of_the_file_leaves_with_nothing(answer: Prediction) -> None:
    photo = Photo("a.jpg", phone_photo())
    shown = cache.picture(photo, 320)
    with Image.open(io.BytesIO(shown)) as opened:
        assert not opened.getexif()
    assert b"secret" not in shown
    for form in FORMATS:
        text = written(answer, None, form)
        assert "secret" not in text
        assert "17.445" not in text, "the position of the file"
