"""Averaging over crops: headings turned back, places by mode, the gallery seen the same way."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from core.geo import heading_error_deg, heading_from_unit, heading_unit
from core.inference import network as crops_module
from core.inference.known import KnownMetadata
from core.inference.loading import load_predictor
from core.inference.network import WHOLE, Network, NetworkOutputs, crops_of, merge, run_in_crops
from core.inference.predictor import Predictor
from core.model.card import TtaCard, read_card
from core.model.schema import TtaConfig
from tests.tiny_checkpoint import make_checkpoint

HFOV_DEG = 67.0
SIDE = 0.8
ALL = np.array([1.0, 1.0])


def _answers(position: list[list[float]], heading_deg: list[float]) -> NetworkOutputs:
    n = len(position)
    given = np.full((n, 2), 0.5), np.array(position, np.float64), heading_unit(heading_deg)
    features = np.ones((n, 3), np.float32)
    return NetworkOutputs(*given, features, features, np.empty((n, 0)), np.empty((n, 0)))


def test_crops_come_in_pairs_and_lie_inside_the_photo() -> None:
    assert crops_of(None) == crops_of(TtaCard(views=1, hfov_deg=60.0)) == (WHOLE,)
    five = crops_of(TtaCard(views=5, side=SIDE, hfov_deg=60.0))
    assert five[0] == WHOLE
    assert [crop.right for crop in five[1:]] == pytest.approx([-0.1, 0.1, -0.05, 0.05])
    with pytest.raises(ValueError, match="views must be odd"):
        TtaConfig(views=2)


def _panorama(heading_deg: float, landmark_deg: float, size: int = 400) -> np.ndarray:
    """A level photo of one bright post in a grey world, by an ideal pinhole."""
    half = np.tan(np.deg2rad(HFOV_DEG) / 2.0)
    across = 0.5 + np.tan(np.deg2rad(landmark_deg - heading_deg)) / (2.0 * half)
    columns = (np.arange(size) + 0.5) / size
    glow = 200.0 * np.exp(-(((columns - across) / 0.01) ** 2)) + 20.0
    return np.broadcast_to(glow[None, :, None], (size, size, 3)).astype(np.uint8)


@pytest.mark.parametrize("right", [-0.1, 0.1])
def test_a_crop_turned_back_gives_the_heading_of_the_whole_photo(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, right: float
) -> None:
    """An observer who knows the post's bearing reads its own heading off each view."""
    tta = TtaCard(views=3, side=SIDE, hfov_deg=HFOV_DEG)
    crop = next(crop for crop in crops_of(tta) if crop.right == pytest.approx(right))
    seen: list[np.ndarray] = []

    def observe(photos: np.ndarray, known: KnownMetadata) -> NetworkOutputs:
        share = 1.0 if not seen else SIDE
        seen.append(known.heading_deg)
        half = share * np.tan(np.deg2rad(HFOV_DEG) / 2.0)
        bright = photos[:, photos.shape[1] // 2, :, 0].astype(np.float64) - 20.0
        columns = (np.arange(bright.shape[1]) + 0.5) / bright.shape[1]
        across = (bright * columns).sum(axis=1) / bright.sum(axis=1)
        off = np.rad2deg(np.arctan(2.0 * (across - 0.5) * half))
        return _answers([[0.0, 0.0]] * len(photos), list(40.0 - off))

    monkeypatch.setattr(crops_module, "crops_of", lambda _: (WHOLE, crop))
    card = predictor.card.model_copy(update={"tta": tta})
    photos = np.stack([_panorama(35.0, 40.0), _panorama(44.0, 40.0)])
    known = KnownMetadata.of(2, card.labels, card.regions, None, [35.0, None])
    observer = cast(Network, SimpleNamespace(run=observe))
    found = run_in_crops(card, observer, photos, known)
    assert heading_error_deg(heading_from_unit(found.heading), [35.0, 44.0]).max() < 0.7
    # Agreeing unit vectors have a mean of length 1: no view was turned the wrong way.
    assert np.hypot(*found.heading.T) == pytest.approx(1.0, abs=2e-4)
    # A known heading is the whole photo's, and turns with the crop.
    turn = crop.heading_shift_deg(HFOV_DEG)
    assert abs(turn) > 5.0
    assert seen[1] - seen[0] == pytest.approx([turn, np.nan], nan_ok=True)


def test_far_places_are_not_averaged_and_cancelling_headings_neither() -> None:
    whole = _answers([[0.0, 0.0], [5.0, 5.0]], [10.0, 90.0])
    left = _answers([[0.0, 2.0], [5.0, 9.0]], [10.0, 270.0])
    right = _answers([[400.0, 0.0], [5.0, 7.0]], [340.0, 90.0])
    found = merge([whole, left, right], np.zeros(3), ALL)
    assert found.position[0].tolist() == pytest.approx([0.0, 1.0])
    assert found.position[1].tolist() == pytest.approx([5.0, 7.0])
    assert heading_error_deg(heading_from_unit(found.heading)[0], 0.1) < 0.5
    opposite = merge([whole, _answers([[0.0, 0.0]] * 2, [190.0, 270.0])], np.zeros(2), ALL)
    assert heading_from_unit(opposite.heading) == pytest.approx([10.0, 90.0])


def test_metres_decide_what_is_far() -> None:
    answers = [_answers([[x, 0.0]], [0.0]) for x in (0.0, 0.1, 1.0)]
    assert merge(answers, np.zeros(3), np.array([100.0, 100.0])).position[0, 0] == pytest.approx(
        0.05
    )
    assert merge(answers, np.zeros(3), np.array([10.0, 10.0])).position[0, 0] == pytest.approx(
        1.1 / 3
    )


def test_a_card_without_crops_says_nothing_of_them(checkpoint: Path) -> None:
    assert "tta" not in json.loads((checkpoint / "card.json").read_text())
    assert read_card(checkpoint).tta is None


def test_a_predictor_asks_in_the_crops_that_its_card_names(
    shared_campus: Path, tmp_path: Path
) -> None:
    folder = make_checkpoint(tmp_path / "plain", shared_campus, refine=None)
    photos = np.random.default_rng(0).integers(0, 255, (3, 72, 72, 3), np.uint8)
    plain = load_predictor(folder).predict_photos(photos)
    card = json.loads((folder / "card.json").read_text())
    card["tta"] = {"views": 3, "side": 0.8, "hfov_deg": 60.0}
    (folder / "card.json").write_text(json.dumps(card))
    averaged = load_predictor(folder).predict_photos(photos)
    assert averaged.descriptor.shape == plain.descriptor.shape
    assert not np.allclose(averaged.descriptor, plain.descriptor)
    assert averaged.region_probabilities.sum(axis=1) == pytest.approx(1.0)
