import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.calibration.calibrate import calibrate
from core.calibration.schema import CalibrateConfig
from core.confidence.files import FILE, read_calibration
from core.errors import BearingsError, CheckpointError, SplitError
from core.inference.export_files import to_csv, to_geojson, to_json
from core.inference.loading import load_predictor
from core.inference.prediction import Prediction, joined
from core.inference.predictor import Predictor
from core.model.card import read_card
from core.splits.split import Split
from tests.conftest import CampusMaker
from tests.tiny_checkpoint import make_checkpoint

PART = "calibrate"


@pytest.fixture(scope="module")
def campus(make_campus: CampusMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough to set a threshold."""
    return make_campus(tmp_path_factory.mktemp("town") / "campus", spots=24)


@pytest.fixture(scope="module")
def checkpoint(campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_checkpoint(
        tmp_path_factory.mktemp("calibrated") / "checkpoint", campus, calibrate_spots=24
    )
    calibrate(CalibrateConfig(run=folder, dataset=campus, device="cpu"))
    return folder


@pytest.fixture(scope="module")
def predictor(checkpoint: Path) -> Predictor:
    return load_predictor(checkpoint)


@pytest.fixture(scope="module")
def refused(predictor: Predictor) -> Prediction:
    """One photo of the campus, and one of nothing, which the model refuses."""
    side = predictor.store_size
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1, side, side, 3), np.uint8)
    black = np.zeros((1, side, side, 3), np.uint8)
    photos = [*noise, *black, *np.full((1, side, side, 3), 255, np.uint8)]
    return joined([predictor.predict_photos(photo[None], [f"{i}.jpg"])
                   for i, photo in enumerate(photos)])  # fmt: skip


def split_of(folder: Path) -> Split:
    return Split.from_json(json.loads((folder / "split.json").read_text()))


def test_a_calibration_says_what_it_was_fitted_on(checkpoint: Path) -> None:
    found = read_calibration(checkpoint, read_card(checkpoint))
    assert found is not None
    parts = split_of(checkpoint).parts
    assert found.part == PART
    assert found.photos == sum(part == PART for part in parts.values())
    assert found.split_hash == split_of(checkpoint).hash
    assert found.refusal is not None


@pytest.mark.trap(
    name="certainty calibrated on photos that were trained on, or promised from too few"
)
def test_test_labels_and_photos_have_no_say(checkpoint: Path, campus: Path, tmp_path: Path) -> None:
    changed = tmp_path / "campus"
    shutil.copytree(campus, changed, ignore=shutil.ignore_patterns(".bearings"))
    labels = pd.read_csv(changed / "labels.csv")
    parts = split_of(checkpoint).parts
    tested = labels["filename"].map(lambda name: parts[f"images/{name}"] == "test")
    assert tested.any()
    labels.loc[tested, "latitude"] += 0.0005
    labels.loc[tested, "angle"] = (labels.loc[tested, "angle"] + 90) % 360
    labels.to_csv(changed / "labels.csv", index=False)
    for name in labels.loc[tested, "filename"]:
        shutil.copy(campus / "images" / "img_0000.jpg", changed / "images" / name)
    before = (checkpoint / FILE).read_bytes()
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    calibrate(CalibrateConfig(run=copy, dataset=changed, device="cpu"))
    assert (copy / FILE).read_bytes() == before
    # The photos that it is fitted on do have a say.
    fitted = labels["filename"].map(lambda name: parts[f"images/{name}"] == PART)
    labels.loc[fitted, "latitude"] += 0.0001 * np.arange(fitted.sum())
    labels.to_csv(changed / "labels.csv", index=False)
    calibrate(CalibrateConfig(run=copy, dataset=changed, device="cpu"))
    assert (copy / FILE).read_bytes() != before


def test_predictions_carry_trust(predictor: Predictor, campus: Path) -> None:
    photos = sorted((campus / "images").iterdir())[:3]
    found = predictor.predict_files(photos).prediction
    assert found.confidence is not None
    assert (found.confidence.radius_m > 0).all()
    record = json.loads(to_json(found, predictor.gallery))[0]
    assert 0 < record["radius_50_m"] < record["radius_90_m"]
    assert 0 < record["wedge_50_deg"] <= record["wedge_90_deg"] <= 180
    shares = record["region_probabilities_calibrated"]
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-5)
    ring = record["region_90"]["coordinates"][0][0]
    assert ring[0] == ring[-1]
    assert ring[0][0] == pytest.approx(78.35, abs=0.05)  # longitude first
    assert record["moved_m"] == pytest.approx(float(found.moved_m[0]), abs=1e-3)
    assert "note" not in "".join(found.notes)


@pytest.mark.trap(name="a refusal tuned on out-of-distribution photos")
def test_a_refused_photo_has_no_pin_in_any_output(
    predictor: Predictor, refused: Prediction
) -> None:
    assert refused.refused.any()
    row = int(np.flatnonzero(refused.refused)[0])
    record = json.loads(to_json(refused, predictor.gallery))[row]
    assert record["refused"] is True
    assert "not this campus" in record["reason"]
    told = {key for key, value in record.items() if value not in (None, [])}
    assert told == {"filename", "calibrated", "refused", "refusal_score", "reason"}
    feature = json.loads(to_geojson(refused, predictor.gallery))["features"][row]
    assert feature["geometry"] is None
    assert feature["properties"]["latitude_refined"] is None
    line = to_csv(refused, predictor.gallery).splitlines()[row + 1]
    assert "78.3" not in line
    assert "17.4" not in line


def test_a_refused_photo_is_answered_when_it_is_asked_for(
    predictor: Predictor, refused: Prediction
) -> None:
    row = int(np.flatnonzero(refused.refused)[0])
    record = json.loads(to_json(refused, predictor.gallery, keep_refused=True))[row]
    assert record["refused"] is True
    assert record["latitude_refined"] is not None
    found = json.loads(to_geojson(refused, predictor.gallery, keep_refused=True))
    assert found["features"][row]["geometry"]["type"] == "Point"


def test_a_checkpoint_without_calibration_answers_and_says_so(
    checkpoint: Path, campus: Path
) -> None:
    plain = load_predictor(checkpoint, calibrated=False)
    found = plain.predict_files(sorted((campus / "images").iterdir())[:1]).prediction
    assert found.confidence is None
    assert any("not calibrated" in note for note in found.notes)
    record = json.loads(to_json(found))[0]
    assert record["calibrated"] is False
    assert record["refused"] is False
    assert "radius_90_m" not in record


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema_version": 99}, "schema version 99"),
        ({"answers": "others"}, "another split, network, gallery or refinement"),
        ({"split_hash": "others"}, "another split, network, gallery or refinement"),
        ({"photos": "many"}, "damaged (photos"),
        ({"unheard": 1}, "damaged (unheard"),
        (None, "is damaged"),
    ],
)
def test_a_calibration_that_does_not_fit_is_refused(
    checkpoint: Path, tmp_path: Path, change: dict[str, object] | None, says: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(checkpoint, folder)
    content = json.loads((folder / FILE).read_text())
    text = "{" if change is None else json.dumps(content | change)
    (folder / FILE).write_text(text)
    with pytest.raises(CheckpointError) as error:
        load_predictor(folder)
    assert says in str(error.value)
    assert "core calibrate" in str(error.value)


def test_the_test_part_is_no_choice(checkpoint: Path, campus: Path) -> None:
    with pytest.raises(ValueError, match="split"):
        CalibrateConfig.model_validate({"run": checkpoint, "split": "test"})


def test_too_few_photos_are_refused(shared_campus: Path, tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "checkpoint", shared_campus)
    with pytest.raises(SplitError, match="needed to calibrate"):
        calibrate(CalibrateConfig(run=folder, dataset=shared_campus, device="cpu"))
    assert not (folder / FILE).exists()
    assert issubclass(SplitError, BearingsError)
