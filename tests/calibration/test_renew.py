"""A renewed gallery: descriptors and points made anew for an older checkpoint."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from core.calibration.calibrate import calibrate
from core.calibration.renew import renew_gallery
from core.calibration.schema import CalibrateConfig
from core.dataset.store import prepare_dataset
from core.ensemble.make import _copy as copy_member
from core.errors import CheckpointError, ConfigError, SplitError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.inference.loading import load_predictor
from core.inference.network import describe_whole
from core.inference.predictor import Predictor
from core.model.backbone import create_backbone
from core.model.card import read_card, write_card
from core.model.schema import ModelConfig
from core.retrieval.gallery import Gallery, described_anew
from core.retrieval.refine import retrieve
from tests.conftest import CampusMaker
from tests.retrieval.scenes import furnish
from tests.tiny_checkpoint import make_checkpoint

MOST = 30


@pytest.fixture(scope="module")
def campus(make_campus: CampusMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    plain = make_campus(tmp_path_factory.mktemp("town") / "plain", spots=16)
    return furnish(plain, plain.parent / "campus")


@pytest.fixture(scope="module")
def older(campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose gallery was made before there were points."""
    return make_checkpoint(
        tmp_path_factory.mktemp("older") / "checkpoint", campus, calibrate_spots=20
    )


@pytest.fixture(scope="module")
def described(older: Path, campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("described") / "checkpoint"
    shutil.copytree(older, folder)
    calibrate(CalibrateConfig(run=folder, dataset=campus, device="cpu", gallery_points=MOST))
    return folder


def signals(predictor: Predictor) -> tuple[str, ...]:
    fit = predictor.loaded.calibration
    assert fit is not None
    assert fit.refusal is not None
    return fit.refusal.signals


def anew(folder: Path, campus: Path, most: int) -> Predictor:
    predictor = load_predictor(folder, calibrated=False)
    config = CalibrateConfig(run=folder, gallery_points=most)
    return renew_gallery(predictor, *prepare_dataset(campus, predictor.store_size), config)


def test_every_photo_of_the_gallery_gets_its_points(described: Path, older: Path) -> None:
    gallery, before = Gallery.load(described), Gallery.load(older)
    assert before.local is None
    assert gallery.local is not None
    assert 0 < np.diff(gallery.local.first).max() <= MOST
    np.testing.assert_array_equal(gallery.features, before.features)


def test_points_are_those_of_the_right_photo(described: Path, campus: Path) -> None:
    predictor = load_predictor(described)
    gallery = predictor.gallery
    assert gallery is not None
    assert gallery.local is not None
    paths = [campus / "images" / Path(name).name for name in gallery.filenames[:20]]
    local = predictor.predict_files(paths).prediction.evidence
    assert local is not None
    best = local.signals[:, local.names.index("best_points")]
    own = np.diff(gallery.local.first)[:20]
    assert (own > 10).all()
    # Each agrees with itself; a query photo has more points, so a few find another partner.
    assert (np.expm1(best) > 0.7 * own).all()


def test_refusal_looks_at_them_where_there_are_any(
    described: Path, older: Path, campus: Path, tmp_path: Path
) -> None:
    assert {"best_points", "points"} < set(signals(load_predictor(described)))
    shutil.copytree(older, tmp_path / "older")
    calibrate(CalibrateConfig(run=tmp_path / "older", dataset=campus, device="cpu"))
    assert not {"best_points", "points"} & set(signals(load_predictor(tmp_path / "older")))


def test_they_are_dropped_again(described: Path, campus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(described, folder)
    calibrate(CalibrateConfig(run=folder, dataset=campus, device="cpu", gallery_points=0))
    assert Gallery.load(folder).local is None
    assert "best_points" not in signals(load_predictor(folder))


def test_a_gallery_without_the_points_of_its_calibration_is_told(
    described: Path, older: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(described, folder)
    for name in ("gallery.json", "gallery.safetensors"):
        shutil.copy(older / name, folder / name)
    with pytest.raises(CheckpointError, match="another split, network, gallery or refinement"):
        load_predictor(folder)
    load_predictor(folder, calibrated=False)


def test_a_dataset_without_the_training_photos_is_refused(
    older: Path, campus: Path, tmp_path: Path
) -> None:
    folder, part = tmp_path / "copy", tmp_path / "part"
    shutil.copytree(older, folder)
    shutil.copytree(campus, part, ignore=shutil.ignore_patterns(".bearings"))
    labels = pd.read_csv(part / "labels.csv")
    labels.iloc[::2].to_csv(part / "labels.csv", index=False)
    before = (folder / "gallery.json").read_bytes()
    with pytest.raises(SplitError, match=r"training photos are not in .*trained on"):
        anew(folder, part, MOST)
    assert (folder / "gallery.json").read_bytes() == before


def test_ensembles_and_checkpoints_without_gallery_are_told_what_to_do(
    older: Path, campus: Path, tmp_path: Path
) -> None:
    bare = make_checkpoint(tmp_path / "bare", campus, refine=None)
    with pytest.raises(ConfigError, match="no gallery"):
        anew(bare, campus, MOST)
    one = load_predictor(older)
    dataset, store = prepare_dataset(campus, one.store_size)
    config = CalibrateConfig(run=older, gallery_points=MOST)
    with pytest.raises(ConfigError, match="members/NAME"):
        renew_gallery(replace(one, members=(one,)), dataset, store, config)


def test_the_refinement_is_chosen_anew_and_the_card_tells_its_figures(
    described: Path, older: Path, campus: Path, tmp_path: Path
) -> None:
    card, before = read_card(described), read_card(older)
    assert card.weights == before.weights
    assert card.refine is not None
    assert set(card.refine) > {"points_weight", "turn_hfov_deg"}
    found = evaluate(
        EvaluateConfig(
            run=described, dataset=campus, split="val", out=tmp_path, device="cpu", plots=False
        )
    )
    told = float(np.median(found.table["error_refined_m"]))
    assert card.metrics["val_median_refined_m"] == pytest.approx(told, abs=1e-3)


def test_photos_are_decoded_larger_from_then_on(older: Path, campus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(older, folder)
    options = {"run": folder, "dataset": campus, "device": "cpu"}
    calibrate(CalibrateConfig(**options, renew_gallery=True, gallery_points=0, store_size=96))
    card, before = read_card(folder), read_card(older)
    assert (before.preprocess.store_size, card.preprocess.store_size) == (72, 96)
    assert card.preprocess.input_size == before.preprocess.input_size
    assert card.weights == before.weights
    assert load_predictor(folder).decode(campus / "images" / "img_0000.jpg").shape == (96, 96, 3)
    with pytest.raises(ConfigError, match="input: a store size of 64 or more is needed"):
        calibrate(CalibrateConfig(**options, gallery_points=MOST, store_size=32))
    with pytest.raises(ValueError, match="needs a renewed gallery"):
        CalibrateConfig(**options, store_size=96)


def test_photos_are_not_compared_with_the_keypoints_that_are_replaced(
    described: Path, campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(described, folder)

    def refuse(*_: object) -> None:
        raise AssertionError("keypoints of the old gallery are of no use here")

    monkeypatch.setattr("core.retrieval.neighbours.verify", refuse)
    anew(folder, campus, MOST)
    card, before = read_card(folder), read_card(described)
    assert (card.refine, card.metrics) == (before.refine, before.metrics)


def test_a_renewed_gallery_is_searched_by_the_middle_stage_too(
    older: Path, campus: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(older, folder)
    options = {"run": folder, "dataset": campus, "device": "cpu"}
    calibrate(CalibrateConfig(**options, renew_gallery=True, descriptor="last", gallery_points=0))
    plain = load_predictor(folder)
    assert plain.card.model.descriptor == "last"
    calibrate(CalibrateConfig(**options, renew_gallery=True, gallery_points=0))
    renewed = load_predictor(folder)
    assert plain.gallery is not None
    assert renewed.gallery is not None
    assert renewed.card.weights == plain.card.weights
    assert renewed.card.model.descriptor == "middle"
    assert renewed.card.descriptor == (
        "last layer: as pooled for the heads",
        "layer3 at stride 16: GeM p 3, standard deviation",
    )
    assert renewed.gallery.descriptor_space.widths == renewed.model.descriptor_widths
    assert renewed.gallery.photo_ids == plain.gallery.photo_ids
    # Every training photo is its own nearest: descriptors are those of the right photos.
    paths = [campus / "images" / Path(name).name for name in renewed.gallery.filenames[:5]]
    found = renewed.predict_files(paths).prediction
    cosine = renewed.gallery.embed(found.descriptor) @ renewed.gallery.features.T
    assert cosine.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="descriptor needs renew_gallery"):
        CalibrateConfig(**options, descriptor="last")
    write_card(folder, renewed.card.model_copy(update={"descriptor": ("layer2",)}))
    with pytest.raises(CheckpointError, match="described by layer2: use the version of timm"):
        load_predictor(folder, calibrated=False)


@pytest.fixture(scope="module")
def beside(older: Path, campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that is renewed with a frozen backbone beside its network."""
    folder = tmp_path_factory.mktemp("beside")
    torch.manual_seed(5)
    frozen, _, _ = create_backbone(ModelConfig(backbone="test_resnet", input_size=64))
    save_file(frozen.state_dict(), folder / "frozen.safetensors")
    shutil.copytree(older, folder / "checkpoint")
    retrieval = {
        "backbone": "test_resnet", "weights": str(folder / "frozen.safetensors"), "input_size": 64,
    }  # fmt: skip
    calibrate(
        CalibrateConfig(
            run=folder / "checkpoint", dataset=campus, device="cpu", renew_gallery=True,
            gallery_points=0, retrieval=retrieval,
        )
    )  # fmt: skip
    return folder / "checkpoint"


def test_a_frozen_backbone_travels_with_the_checkpoint(
    beside: Path, older: Path, campus: Path, tmp_path: Path
) -> None:
    (beside.parent / "frozen.safetensors").rename(beside.parent / "gone.safetensors")
    predictor, before = load_predictor(beside), load_predictor(older)
    frozen = predictor.loaded.retrieval
    assert frozen is not None
    assert predictor.gallery is not None
    widths = predictor.loaded.descriptor_widths
    assert widths == (*predictor.model.descriptor_widths, *frozen.widths)
    assert predictor.gallery.descriptor_space.widths == widths
    photos = np.random.default_rng(0).integers(0, 255, (2, 72, 72, 3), np.uint8)
    found, old = predictor.predict_photos(photos), before.predict_photos(photos)
    # The heads read what they did; half of every cosine is the frozen backbone's.
    np.testing.assert_array_equal(found.position_m, old.position_m)
    kept = predictor.gallery.descriptor_space.kept
    shares = np.split(predictor.gallery.features**2, np.cumsum(kept)[:-1], axis=1)
    np.testing.assert_allclose([each.sum(axis=1) for each in shares], 0.25, atol=2e-3)
    # Renewed again without naming it, it stays; another one takes its place.
    again = tmp_path / "again"
    shutil.copytree(beside, again)
    calibrate(
        CalibrateConfig(
            run=again, dataset=campus, device="cpu", renew_gallery=True, gallery_points=0
        )
    )
    assert read_card(again).retrieval == predictor.card.retrieval
    # An ensemble's copy of a member holds it too.
    copy_member(predictor, tmp_path / "member")
    assert load_predictor(tmp_path / "member").fingerprint == predictor.fingerprint
    (name,) = (path.name for path in again.glob("retrieval-*"))
    (again / name).write_bytes((again / name).read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match="damaged"):
        load_predictor(again)
    (again / name).unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_predictor(again)


def test_reports_show_what_the_frozen_backbone_answers_without_training(
    beside: Path, older: Path, campus: Path, tmp_path: Path
) -> None:
    options = {"dataset": campus, "split": "val", "device": "cpu", "plots": False}
    plain = evaluate(EvaluateConfig(run=older, out=tmp_path / "plain", **options))
    assert "zero_training" not in plain.report.baselines
    found = evaluate(EvaluateConfig(run=beside, out=tmp_path / "beside", **options))
    assert not found.report.baselines["zero_training"].given_truth
    (baseline,) = (each for each in found.baselines if each.name == "zero_training")
    # By hand: the same photos described by the frozen backbone alone.
    predictor = load_predictor(beside)
    frozen, gallery = predictor.loaded.retrieval, predictor.gallery
    assert frozen is not None
    assert gallery is not None
    dataset, store = prepare_dataset(campus, predictor.store_size)
    rows = {name: row for row, name in enumerate(dataset.table["photo_id"])}
    train = describe_whole(frozen, store.photos[[rows[name] for name in gallery.photo_ids]])
    photos = store.photos[[rows[name] for name in found.scored.prediction.photo_ids]]
    alone = described_anew(gallery, train, frozen.widths, 256, 0.5)
    answer = retrieve(describe_whole(frozen, photos), alone, 4)
    np.testing.assert_allclose(baseline.position_m, answer.position_m, atol=0.5)
