"""Photos that say, by labels or by EXIF, that they are not of the model's campus."""

from pathlib import Path

import pandas as pd
import pytest

from core.__main__ import main
from core.calibration.calibrate import calibrate
from core.calibration.schema import CalibrateConfig
from core.errors import ConfigError, SplitError
from core.evaluation.place import other_place_note
from core.inference.predictor import Predictor
from tests.phone_photos import phone_photo

FAR = "By their labels these photos stand 3,3"


@pytest.fixture
def far_campus(small_campus: Path) -> Path:
    """The shared campus, 30 degrees farther north."""
    labels = pd.read_csv(small_campus / "labels.csv")
    labels["latitude"] += 30.0
    labels.to_csv(small_campus / "labels.csv", index=False)
    return small_campus


@pytest.mark.trap(name="a data set of another place")
def test_a_calibration_on_another_place_is_refused_unless_asked_for(
    checkpoint: Path, far_campus: Path
) -> None:
    config = CalibrateConfig(run=checkpoint, dataset=far_campus, split="val", device="cpu")
    with pytest.raises(ConfigError, match=r"stand 3,3\d\d km from the training photos"):
        calibrate(config)
    # It goes on, to the check that the photos are those of the split.
    with pytest.raises(SplitError, match="another dataset"):
        calibrate(config.model_copy(update={"other_place": True}))


def test_predictions_of_labelled_photos_of_another_place_carry_a_note(
    checkpoint: Path, far_campus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out.json"), "--device", "cpu"]
    for source in (far_campus, far_campus / "images"):
        assert main(["predict", str(checkpoint), str(source), *out]) == 0
        assert FAR in capsys.readouterr().err


def test_photos_of_the_campus_carry_none(
    predictor: Predictor, shared_campus: Path, tmp_path: Path
) -> None:
    photos = sorted((shared_campus / "images").glob("*.jpg"))
    for source in (shared_campus, shared_campus / "images", photos[0]):
        assert other_place_note(predictor.card, predictor.gallery, source, photos) == ()
    here = predictor.card.local_frame.to_degrees([[10.0, 10.0]])[0]
    near = _phone(tmp_path, "near.jpg", *here)
    none = _phone(tmp_path, "none.jpg", None, None)
    assert other_place_note(predictor.card, predictor.gallery, tmp_path, [near, none]) == ()


def test_exif_of_another_place_is_said(predictor: Predictor, tmp_path: Path) -> None:
    far = _phone(tmp_path, "far.jpg", -33.0, 151.0)
    (note,) = other_place_note(predictor.card, predictor.gallery, far, [far])
    assert note.startswith("By their EXIF these photos stand")
    regions = predictor.card.model_copy(update={"labels": ("region",)})
    assert other_place_note(regions, predictor.gallery, far, [far]) == ()
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(b"no photo")
    assert other_place_note(predictor.card, predictor.gallery, tmp_path, [torn]) == ()


def _phone(folder: Path, name: str, latitude: float | None, longitude: float | None) -> Path:
    path = folder / name
    path.write_bytes(phone_photo(latitude=latitude, longitude=longitude))
    return path
