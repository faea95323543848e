"""A calibration is read for the answers that it was fitted to, and for no others."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import cache
from app.photo import Photo
from core.calibration.calibrate import calibrate
from core.calibration.schema import CalibrateConfig
from core.confidence.files import FILE
from core.ensemble.make import make_ensemble
from core.ensemble.schema import EnsembleConfig
from core.errors import CheckpointError
from core.inference.loading import load_predictor
from core.inference.prediction import Prediction
from core.model.card import TtaCard, read_card, write_card
from core.retrieval.gallery import Gallery
from tests.conftest import CampusMaker
from tests.tiny_checkpoint import RETRIEVAL, make_checkpoint

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def campus(make_campus: CampusMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough to set a refusal threshold."""
    return make_campus(tmp_path_factory.mktemp("town") / "campus", spots=16)


@pytest.fixture(scope="module")
def originals(campus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A calibrated checkpoint, and a calibrated ensemble of it and another one, with points."""
    root = tmp_path_factory.mktemp("models")
    members = tuple(
        make_checkpoint(root / name, campus, seed=seed, points=20, calibrate_spots=20)
        for seed, name in enumerate("ab")
    )
    calibrate(CalibrateConfig(run=members[0], dataset=campus, device="cpu"))
    make_ensemble(EnsembleConfig(members=members, out=root / "two", dataset=campus))
    calibrate(CalibrateConfig(run=root / "two", dataset=campus, device="cpu"))
    return members[0], root / "two"


@pytest.fixture
def checkpoint(originals: tuple[Path, Path], tmp_path: Path) -> Path:
    return shutil.copytree(originals[0], tmp_path / "checkpoint")


@pytest.fixture
def ensemble(originals: tuple[Path, Path], tmp_path: Path) -> Path:
    return shutil.copytree(originals[1], tmp_path / "ensemble")


def set_card(folder: Path, **update: Any) -> None:  # noqa: ANN401 - any field of a card
    write_card(folder, read_card(folder).model_copy(update=update))


def refine_otherwise(folder: Path) -> None:
    set_card(folder, refine=RETRIEVAL.model_copy(update={"k": 5}).model_dump(mode="json"))


def crop(folder: Path) -> None:
    set_card(folder, tta=TtaCard(views=3, side=0.8, hfov_deg=60.0))


def drop_points(folder: Path) -> None:
    replace(Gallery.load(folder), local=None).save(folder)


def move_gallery(folder: Path) -> None:
    gallery = Gallery.load(folder)
    replace(gallery, position_m=gallery.position_m + 1.0).save(folder)


CHANGES: dict[str, Change] = {
    "refinement": refine_otherwise,
    "crops": crop,
    "points": drop_points,
    "gallery": move_gallery,
    "preprocessing": lambda folder: set_card(
        folder,
        preprocess=read_card(folder).preprocess.model_copy(update={"store_size": 64}),
    ),
    "normaliser": lambda folder: set_card(folder, trained=False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_calibration_of_other_answers_is_refused(checkpoint: Path, change: str) -> None:
    CHANGES[change](checkpoint)
    with pytest.raises(CheckpointError, match=r"core calibrate"):
        load_predictor(checkpoint)
    load_predictor(checkpoint, calibrated=False)


@pytest.mark.parametrize("change", CHANGES)
def test_so_is_an_ensembles_when_a_member_changed(ensemble: Path, change: str) -> None:
    assert load_predictor(ensemble).loaded.calibration is not None
    member = ensemble / "members" / "b"
    assert not (member / FILE).exists()
    CHANGES[change](member)
    with pytest.raises(CheckpointError, match=r"core calibrate.*ensemble"):
        load_predictor(ensemble)
    load_predictor(ensemble, calibrated=False)


def test_new_points_of_a_member_need_a_new_calibration(ensemble: Path, campus: Path) -> None:
    """The order that the message of `--gallery-points` for ensembles recommends."""
    member = ensemble / "members" / "b"
    calibrate(CalibrateConfig(run=member, dataset=campus, device="cpu", gallery_points=10))
    with pytest.raises(CheckpointError, match=r"core calibrate.*ensemble"):
        load_predictor(ensemble)
    calibrate(CalibrateConfig(run=ensemble, dataset=campus, device="cpu"))
    assert load_predictor(ensemble).loaded.calibration is not None


def test_words_about_a_model_do_not_change_its_answers(checkpoint: Path, ensemble: Path) -> None:
    for folder in (checkpoint, ensemble, ensemble / "members" / "b"):
        before = load_predictor(folder).fingerprint
        set_card(folder, notes=("read me",), metrics={}, region_names={"1": "Harbour"})
        assert load_predictor(folder).fingerprint == before
    assert load_predictor(ensemble).loaded.calibration is not None


def test_a_member_that_is_not_asked_does_not_count(ensemble: Path) -> None:
    card = read_card(ensemble)
    assert card.ensemble is not None
    first, second = card.ensemble.members
    shares = (first.model_copy(update={"weight": 1.0}), second.model_copy(update={"weight": 0.0}))
    set_card(ensemble, ensemble=card.ensemble.model_copy(update={"members": shares}))
    before = load_predictor(ensemble, calibrated=False).fingerprint
    refine_otherwise(ensemble / "members" / second.name)
    assert load_predictor(ensemble, calibrated=False).fingerprint == before
    refine_otherwise(ensemble / "members" / first.name)
    assert load_predictor(ensemble, calibrated=False).fingerprint != before


def as_written_before(folder: Path) -> None:
    """Name the answers as the first version did: by weights, refinement and shares alone."""
    card = read_card(folder)
    members, agree_m = [], None
    if card.ensemble is not None:
        members = [[one.weights, round(one.weight, 9)] for one in card.ensemble.members]
        agree_m = card.ensemble.agree_m
    named = json.dumps([card.weights, card.refine, members, agree_m], sort_keys=True)
    content = json.loads((folder / FILE).read_text())
    content["answers"] = hashlib.sha256(named.encode()).hexdigest()
    (folder / FILE).write_text(json.dumps(content))


def test_an_older_calibration_of_one_network_is_still_read(checkpoint: Path) -> None:
    as_written_before(checkpoint)
    assert load_predictor(checkpoint).loaded.calibration is not None
    refine_otherwise(checkpoint)
    with pytest.raises(CheckpointError, match="core calibrate"):
        load_predictor(checkpoint)


def test_an_older_calibration_with_points_is_refused_once_they_are_gone(checkpoint: Path) -> None:
    as_written_before(checkpoint)
    drop_points(checkpoint)
    with pytest.raises(CheckpointError, match=r"holds points.*core calibrate"):
        load_predictor(checkpoint)


def test_an_older_calibration_of_an_ensemble_is_refused_by_name(ensemble: Path) -> None:
    as_written_before(ensemble)
    with pytest.raises(CheckpointError, match=r"earlier version.*core calibrate.*ensemble"):
        load_predictor(ensemble)


def test_describing_points_anew_leaves_no_calibration_of_the_old_ones(
    checkpoint: Path, campus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the command between the two writes."""
    as_written_before(checkpoint)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("core.calibration.calibrate.fit_calibration", stop)
    with pytest.raises(KeyboardInterrupt):
        calibrate(CalibrateConfig(run=checkpoint, dataset=campus, device="cpu", gallery_points=5))
    assert load_predictor(checkpoint).loaded.calibration is None


def test_signals_that_a_calibration_misses_are_named(checkpoint: Path, campus: Path) -> None:
    predictor = load_predictor(checkpoint)
    gallery = predictor.gallery
    assert gallery is not None
    bare = replace(predictor.loaded, gallery=replace(gallery, local=None))
    side = predictor.store_size
    with pytest.raises(CheckpointError, match=r"best_points.*core calibrate"):
        replace(predictor, loaded=bare).predict_photos(np.zeros((1, side, side, 3), np.uint8))


def test_the_page_asks_again_when_a_member_changed(ensemble: Path, campus: Path) -> None:
    content = next((campus / "images").iterdir()).read_bytes()
    photo = Photo("a.jpg", content)
    (before,) = cache.predictions_of(ensemble, [photo])
    assert cache.predictions_of(ensemble, [photo])[0] is before
    assert isinstance(before, Prediction)
    # The members' own calibrations are shown too.
    (ensemble / "members" / "a" / FILE).unlink()
    (after,) = cache.predictions_of(ensemble, [photo])
    assert isinstance(after, Prediction)
    assert before.members[0].confidence is not None
    assert after.members[0].confidence is None
