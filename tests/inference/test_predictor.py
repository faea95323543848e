import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import BatchNorm2d

from core.dataset.decode import decode_photo
from core.errors import CheckpointError, ConfigError, SplitError
from core.geo import distance_m, heading_error_deg
from core.inference.loading import load_predictor
from core.inference.prediction import Prediction
from core.inference.predictor import Predictor
from core.inference.stored_split import load_split
from core.retrieval.gallery import Gallery
from core.splits.split import Split
from tests.tiny_checkpoint import make_checkpoint

ARRAYS = (
    "region_probabilities", "position_m", "position_refined_m", "heading_deg",
    "heading_refined_deg", "heading_length", "similarity",
)  # fmt: skip


@pytest.fixture(scope="session")
def photos(photo_files: list[Path], predictor: Predictor) -> NDArray[np.uint8]:
    return np.stack([predictor.decode(path) for path in photo_files])


def assert_same(first: Prediction, second: Prediction, tolerance: float = 0.0) -> None:
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(first, name), getattr(second, name), atol=tolerance, err_msg=name
        )
    np.testing.assert_array_equal(first.neighbours[:, 0], second.neighbours[:, 0])


def test_a_prediction_has_every_shape(predictor: Predictor, photos: NDArray[np.uint8]) -> None:
    found = predictor.predict_photos(photos)
    np.testing.assert_allclose(found.region_probabilities.sum(axis=1), 1.0)
    assert len(found) == len(photos) == 48
    assert found.neighbours.shape == (48, 8)
    assert ((found.heading_deg >= 0) & (found.heading_deg < 360)).all()
    assert set(found.region) <= set(predictor.regions)
    assert np.ptp(found.position_m, axis=0).min() > 1.0, "photos must not all be answered alike"
    np.testing.assert_allclose(
        found.local_frame.to_metres(found.positions), found.position_m, atol=1e-6
    )


@pytest.mark.trap(name="answers that depend on the batch, or an average that is not saved")
def test_batches_of_1_and_of_64_answer_alike(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    single = predictor.predict_photos(photos, batch_size=1)
    assert_same(single, predictor.predict_photos(photos, batch_size=64), tolerance=1e-3)


@pytest.mark.trap(name="answers that depend on the batch, or an average that is not saved")
def test_a_reloaded_checkpoint_answers_identically(
    checkpoint: Path, predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    again = load_predictor(checkpoint)
    assert_same(again.predict_photos(photos), predictor.predict_photos(photos))


@pytest.mark.trap(name="EXIF orientation ignored")
@pytest.mark.trap(name="pixels prepared differently in training and in answering")
def test_photos_are_seen_as_in_training(predictor: Predictor, photo_files: list[Path]) -> None:
    stored = decode_photo(photo_files[0], size=72)[0]
    np.testing.assert_array_equal(predictor.decode(photo_files[0]), stored)
    assert predictor.view(stored[None]).shape == (1, 64, 64, 3)


def test_refinement_moves_towards_the_gallery(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    found = predictor.predict_photos(photos)
    gallery = predictor.gallery
    assert gallery is not None
    nearest, _ = gallery.tree.query(found.position_m)
    refined, _ = gallery.tree.query(found.position_refined_m)
    assert np.median(refined) < 0.5 * np.median(nearest)


@pytest.mark.trap(name="neighbours from outside the training part, and the photo itself")
def test_the_gallery_holds_training_photos_only(checkpoint: Path, predictor: Predictor) -> None:
    split = load_split(checkpoint)
    assert predictor.gallery is not None
    predictor.gallery.check_training_only(split.parts)
    held = {name for name, part in split.parts.items() if part != "train"}
    assert held
    assert not held & set(predictor.gallery.photo_ids)


def test_a_known_region_restricts_the_evidence_and_moves_the_raw_position(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    free = predictor.predict_photos(photos[:4])
    told = predictor.predict_photos(photos[:4], known_region="3")
    assert predictor.gallery is not None
    regions = predictor.gallery.region[told.neighbours[:, :3]]
    assert (regions == predictor.regions.index("3")).all()
    assert distance_m(free.position_m, told.position_m).min() > 0
    np.testing.assert_allclose(free.region_probabilities, told.region_probabilities, atol=1e-6)


def test_a_known_heading_moves_the_position_and_not_the_heading(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    free = predictor.predict_photos(photos[:4])
    told = predictor.predict_photos(photos[:4], known_heading_deg=free.heading_deg[0] + 180)
    assert distance_m(free.position_m, told.position_m)[0] > 0
    assert heading_error_deg(free.heading_deg, told.heading_deg).max() < 1e-3


def test_one_value_a_photo_and_none_where_unknown(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    free = predictor.predict_photos(photos[:2])
    told = predictor.predict_photos(photos[:2], known_region=["3", None])
    assert distance_m(free.position_m, told.position_m)[0] > 0
    assert distance_m(free.position_m, told.position_m)[1] < 1e-3


def test_an_unknown_region_is_refused_with_the_choice(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    with pytest.raises(ConfigError, match="'99' is none of this model's: choose one of 1, 2, 3, 4"):
        predictor.predict_photos(photos[:1], known_region="99")
    with pytest.raises(ConfigError, match="heading"):
        predictor.predict_photos(photos[:1], known_heading_deg=float("nan"))


def test_excluded_photos_do_not_find_themselves(
    predictor: Predictor, photos: NDArray[np.uint8], photo_files: list[Path]
) -> None:
    ids = [f"images/{path.name}" for path in photo_files]
    gallery = predictor.gallery
    assert gallery is not None
    trained = np.array([name in gallery.row_of for name in ids])
    with_self = predictor.predict_photos(photos).neighbours[trained]
    rows = np.array([gallery.row_of[name] for name in np.array(ids)[trained]])
    assert (with_self == rows[:, None]).any(axis=1).all()
    without = predictor.predict_photos(photos, exclude_ids=ids).neighbours[trained]
    assert not (without == rows[:, None]).any()


def test_rows_of_a_prediction_are_those_of_its_photos(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> None:
    found = predictor.predict_photos(photos[:6])
    rows = np.array([4, 0, 4])
    some = found.rows(rows)
    assert some.photo_ids == ("photo 4", "photo 0", "photo 4")
    for name in (*ARRAYS, "neighbours", "weight", "inliers", "descriptor"):
        np.testing.assert_array_equal(getattr(some, name), getattr(found, name)[rows])
    assert some.evidence is not None
    assert found.evidence is not None
    np.testing.assert_array_equal(some.evidence.signals, found.evidence.signals[rows])
    assert len(found.rows(np.empty(0, np.int64))) == 0


def test_no_photo_is_an_empty_prediction(predictor: Predictor, photos: NDArray[np.uint8]) -> None:
    assert len(predictor.predict_photos(photos[:0])) == 0


def test_threads_share_a_predictor(predictor: Predictor, photos: NDArray[np.uint8]) -> None:
    expected = predictor.predict_photos(photos[:8])
    found: list[Prediction] = []
    threads = [
        threading.Thread(target=lambda: found.append(predictor.predict_photos(photos[:8])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for each in found:
        assert_same(each, expected, tolerance=1e-4)


def test_a_checkpoint_without_gallery_predicts_raw_and_says_so(
    tmp_path: Path, shared_campus: Path, photos: NDArray[np.uint8]
) -> None:
    bare = load_predictor(make_checkpoint(tmp_path, shared_campus, refine=None))
    found = bare.predict_photos(photos[:3])
    np.testing.assert_array_equal(found.position_m, found.position_refined_m)
    np.testing.assert_array_equal(found.heading_deg, found.heading_refined_deg)
    assert found.neighbours.shape == (3, 0)
    assert "no gallery" in found.notes[0]


def test_a_run_means_its_best_checkpoint(tmp_path: Path, checkpoint: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "run/checkpoints/last")
    assert load_predictor(tmp_path / "run").folder.name == "last"
    shutil.copytree(checkpoint, tmp_path / "run/checkpoints/best")
    assert load_predictor(tmp_path / "run").folder.name == "best"


def test_missing_and_mixed_parts_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing at"):
        load_predictor(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_predictor(tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    (broken / "gallery.json").unlink()
    with pytest.raises(CheckpointError, match="no gallery"):
        load_predictor(broken)
    other = Gallery.load(checkpoint)
    object.__setattr__(other, "split_hash", "f" * 64)
    other.save(broken)
    with pytest.raises(CheckpointError, match="belongs to split ffffffffffff"):
        load_predictor(broken)


def test_the_split_is_the_checkpoints_own_or_its_runs(tmp_path: Path, checkpoint: Path) -> None:
    best = tmp_path / "run/checkpoints/best"
    shutil.copytree(checkpoint, best)
    (best / "split.json").rename(tmp_path / "run/split.json")
    assert load_split(best).hash == load_split(checkpoint).hash
    content = json.loads((tmp_path / "run/split.json").read_text())
    moved = content["parts"]["train"].pop()
    content["parts"]["test"].append(moved)
    (tmp_path / "run/split.json").write_text(json.dumps(content))
    with pytest.raises(SplitError, match="do not fit its hash"):
        load_split(best)
    parts = Split.from_json(json.loads((checkpoint / "split.json").read_text())).parts
    other = Split("spot", 1, None, None, parts | {moved: "test"})
    (tmp_path / "run/split.json").write_text(json.dumps(other.to_json()))
    with pytest.raises(SplitError, match="was trained on"):
        load_split(best)
    (tmp_path / "run/split.json").unlink()
    with pytest.raises(SplitError, match="is missing"):
        load_split(best)


def test_an_absent_device_is_refused_by_name(checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match="device tpu is not available"):
        load_predictor(checkpoint, device="tpu")
    assert load_predictor(checkpoint, device="auto").device in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("wrong", [{"nonsense": 1}, {"blend_position": "x"}])
def test_a_card_with_an_unknown_refinement_is_damaged(
    checkpoint: Path, tmp_path: Path, wrong: dict[str, object]
) -> None:
    copy = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    card = json.loads((copy / "card.json").read_text())
    card["refine"] = {**(card["refine"] or {}), **wrong}
    (copy / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=next(iter(wrong))):
        load_predictor(copy, calibrated=False)


def test_a_network_that_computes_no_numbers_is_named(
    predictor: Predictor, photos: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative variance, or weights that overflow, are finite and give NaN all the same."""
    norm = next(each for each in predictor.model.modules() if isinstance(each, BatchNorm2d))
    monkeypatch.setattr(norm, "running_var", torch.full_like(norm.running_var, -1.0))
    with pytest.raises(CheckpointError, match=r"computes values that are not finite: its weights"):
        predictor.predict_photos(photos[:1])
