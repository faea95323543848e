"""One model answers the same on every way to it: command line, torch, ONNX Runtime, batch, threads.

It is what `make matrix` runs with every Python and with the lowest and the newest packages.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.__main__ import main
from core.bundle import export_model, import_model
from core.geo import heading_error_deg
from core.inference.export import records
from core.inference.loading import load_predictor
from core.inference.onnx_network import OnnxNetwork
from core.inference.prediction import Prediction
from core.inference.predictor import Predictor

# Rounding of float32 sums, in another order.
CENTIMETRE, DEGREE, SHARE = 0.01, 0.1, 1e-4
COUNT = 20


@pytest.fixture(scope="module")
def model(exported: Path, calibrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated checkpoint with its network as ONNX; read only."""
    folder = tmp_path_factory.mktemp("same") / "model"
    shutil.copytree(exported, folder)
    shutil.copy(calibrated / "calibration.json", folder)
    return folder


@pytest.fixture(scope="module")
def photos(shared_campus: Path) -> list[Path]:
    return sorted((shared_campus / "images").iterdir())[:COUNT]


@pytest.fixture(scope="module")
def answers(model: Path, photos: list[Path]) -> Prediction:
    """One photo at a time, by torch."""
    return answered(load_predictor(model, exported=False), photos, 1)


def answered(predictor: Predictor, photos: list[Path], batch_size: int) -> Prediction:
    pixels = np.stack([predictor.decode(path) for path in photos])
    return predictor.predict_photos(pixels, [path.name for path in photos], batch_size=batch_size)


def assert_same(one: Prediction, other: Prediction) -> None:
    np.testing.assert_allclose(
        one.position_refined_m, other.position_refined_m, atol=CENTIMETRE, rtol=0
    )
    assert heading_error_deg(one.heading_refined_deg, other.heading_refined_deg).max() < DEGREE
    np.testing.assert_allclose(
        one.region_probabilities, other.region_probabilities, atol=SHARE, rtol=0
    )
    assert one.confidence is not None
    assert other.confidence is not None
    np.testing.assert_array_equal(one.confidence.refused, other.confidence.refused)
    np.testing.assert_allclose(one.confidence.radius_m, other.confidence.radius_m, rtol=0.01)


@pytest.mark.parametrize("batch_size", [2, 7, 64])
@pytest.mark.parametrize("by_onnx", [False, True], ids=["torch", "onnx"])
def test_photos_are_answered_alike_in_any_batch(
    model: Path, photos: list[Path], answers: Prediction, batch_size: int, by_onnx: bool
) -> None:
    predictor = load_predictor(model, exported=by_onnx)
    assert isinstance(predictor.network, OnnxNetwork) == by_onnx
    assert_same(answered(predictor, photos, batch_size), answers)


@pytest.mark.parametrize("by_onnx", [False, True], ids=["torch", "onnx"])
def test_two_threads_answer_as_one(
    model: Path, photos: list[Path], answers: Prediction, by_onnx: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before = torch.get_num_threads()
    monkeypatch.setattr("core.inference.onnx_network._threads", lambda: count)
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            predictor = load_predictor(model, exported=by_onnx)
            assert_same(answered(predictor, photos, 64), answers)
    finally:
        torch.set_num_threads(before)


def test_a_model_answers_alike_after_export_and_import(
    model: Path, photos: list[Path], answers: Prediction, tmp_path: Path
) -> None:
    export_model(model, tmp_path / "model.zip")
    copy = import_model(tmp_path / "model.zip", tmp_path / "copy")
    assert_same(answered(load_predictor(copy), photos, 64), answers)


def test_the_command_line_answers_alike(
    model: Path, photos: list[Path], answers: Prediction, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for photo in photos:
        shutil.copy(photo, tmp_path / "photos")
    out = tmp_path / "answers.json"
    words = ["predict", str(model), str(tmp_path / "photos"), "--keep-refused"]
    assert main([*words, "--out", str(out)]) == 0
    expected = [*records(answers, keep_refused=True)]
    found = json.loads(out.read_text(encoding="utf-8"))
    assert len(found) == COUNT
    for one, other in zip(found, expected, strict=True):
        for name in ("filename", "region", "refused"):
            assert one[name] == other[name]
        for name, within in (("latitude", 1e-6), ("longitude", 1e-6), ("angle", DEGREE)):
            assert one[name] == pytest.approx(other[name], abs=within)


def test_another_model_is_told_apart(model: Path, photos: list[Path], answers: Prediction) -> None:
    predictor = load_predictor(model)
    refine = {"method": "none", "k": 1, "heading_k": 1}
    card = predictor.card.model_copy(update={"refine": refine})
    other = replace(predictor, loaded=replace(predictor.loaded, card=card))
    with pytest.raises(AssertionError):
        assert_same(answered(other, photos, 64), answers)
