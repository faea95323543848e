from pathlib import Path

import numpy as np
import pytest

from core.errors import ImageError
from core.inference.files import find_photos
from core.inference.predictor import Predictor


def test_files_answer_as_decoded_photos_do(predictor: Predictor, photo_files: list[Path]) -> None:
    calls: list[tuple[int, int]] = []
    found = predictor.predict_files(photo_files[:5], lambda *done: calls.append(done))
    decoded = np.stack([predictor.decode(path) for path in photo_files[:5]])
    expected = predictor.predict_photos(decoded)
    np.testing.assert_allclose(found.prediction.position_m, expected.position_m, atol=1e-4)
    assert found.prediction.filenames == tuple(path.name for path in photo_files[:5])
    assert found.failures == ()
    assert calls == [(5, 5)]


def test_unreadable_files_are_named_and_the_rest_goes_on(
    predictor: Predictor, photo_files: list[Path], tmp_path: Path
) -> None:
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(photo_files[0].read_bytes()[:300])
    missing = tmp_path / "missing.png"
    found = predictor.predict_files([torn, photo_files[0], missing])
    assert len(found.prediction) == 1
    assert [failure.path for failure in found.failures] == [torn, missing]
    assert "torn.jpg" in found.failures[0].reason
    assert len(predictor.predict_files([torn]).prediction) == 0


def test_many_chunks_keep_the_order(predictor: Predictor, photo_files: list[Path]) -> None:
    paths = (photo_files * 2)[:70]
    names = predictor.predict_files(paths[:65]).prediction.filenames
    assert names == tuple(path.name for path in paths[:65])


def test_a_folder_gives_its_photos_and_nothing_hidden(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "deep/c.webp", ".bearings/x.jpg", "labels.csv", "d.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    assert found == ["a.png", "b.JPG", "d.heic", "deep/c.webp"]
    assert find_photos(tmp_path / "a.png") == (tmp_path / "a.png",)


def test_nothing_to_predict_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no photo"):
        find_photos(tmp_path)
    with pytest.raises(ImageError, match="no photo or folder"):
        find_photos(tmp_path / "x.jpg")
