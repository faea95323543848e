"""Order, augmentation and what may be known: drawn from seed, epoch and photo alone."""

import copy
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import torch

from core.dataset.augment_schema import AugmentConfig
from core.geo import heading_difference_deg
from core.model.losses import Targets
from core.training.data import (
    Augmenter,
    Batch,
    TrainingData,
    epoch_order,
    plain,
    read_training_data,
    steps_per_epoch,
)
from core.training.fit import fit
from core.training.loading import ProcessLoader, ahead
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.training.stages import PhotoSteps, known_metadata

TinyRun = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def data(tiny_run: TinyRun) -> TrainingData:
    return read_training_data(tiny_run(Path("unused")), 32)


def augmented(
    data: TrainingData, rows: np.ndarray, config: AugmentConfig, seed: int, epoch: int
) -> Batch:
    options = TrainConfig(dataset=Path(), run=Path(), augment=config, seed=seed)
    return Augmenter.of(data, options, 32)((epoch, rows))


@pytest.mark.trap(name="oversampling before the split")
def test_an_epoch_holds_every_photo_once_in_steps_of_nearly_one_size() -> None:
    rows = np.arange(100, 165)
    order = epoch_order(rows, 16, seed=1, epoch=0)
    assert sorted(np.concatenate(order)) == rows.tolist()
    assert len(order) == steps_per_epoch(65, 16) == 5
    assert {len(part) for part in order} == {13}


def test_order_depends_on_seed_and_epoch() -> None:
    rows = np.arange(50)
    first = np.concatenate(epoch_order(rows, 8, seed=1, epoch=0)).tolist()
    assert first == np.concatenate(epoch_order(rows, 8, seed=1, epoch=0)).tolist()
    assert first != np.concatenate(epoch_order(rows, 8, seed=1, epoch=1)).tolist()
    assert first != np.concatenate(epoch_order(rows, 8, seed=2, epoch=0)).tolist()


@pytest.mark.trap(name="runs that cannot be repeated or resumed exactly")
def test_a_photo_is_augmented_the_same_whatever_surrounds_it(data: TrainingData) -> None:
    alone = augmented(data, np.array([7]), AugmentConfig(), seed=3, epoch=5)
    among = augmented(data, np.array([1, 7, 2]), AugmentConfig(), seed=3, epoch=5)
    assert np.array_equal(alone.photos[0], among.photos[1])
    assert alone.heading_deg[0] == among.heading_deg[1]
    later = augmented(data, np.array([7]), AugmentConfig(), seed=3, epoch=6)
    assert not np.array_equal(alone.photos[0], later.photos[0])


@pytest.mark.trap(name="off-centre crops with the heading unchanged")
def test_off_centre_crops_turn_the_heading_target(data: TrainingData) -> None:
    rows = data.rows["train"]
    batch = augmented(data, rows, AugmentConfig(crop_scale=(0.5, 0.5)), seed=0, epoch=0)
    turned = np.abs(heading_difference_deg(batch.heading_deg, data.heading_deg[rows]))
    assert turned.max() > 2.0
    targets = data.targets(rows, batch.heading_deg)
    expected = np.deg2rad(batch.heading_deg)
    np.testing.assert_allclose(targets.heading[:, 0].numpy(), np.cos(expected), atol=1e-6)
    np.testing.assert_allclose(targets.heading[:, 1].numpy(), np.sin(expected), atol=1e-6)


def test_evaluation_sees_the_stored_photo(data: TrainingData) -> None:
    batch = plain(data, np.array([4]), data.store.size)
    assert np.array_equal(batch.photos[0], data.store.photos[4])
    assert batch.heading_deg[0] == data.heading_deg[4]


def test_an_epoch_can_be_entered_at_any_step(data: TrainingData, tiny_run: TinyRun) -> None:
    lessons = PhotoSteps(data, 32, tiny_run(Path("unused"), batch_size=8))
    whole = list(lessons.of_epoch(2, 0))
    rest = list(lessons.of_epoch(2, 3))
    assert len(rest) == len(whole) - 3
    for expected, got in zip(whole[3:], rest, strict=True):
        assert np.array_equal(expected.batch.photos, got.batch.photos)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_preparing_ahead_keeps_the_order(workers: int) -> None:
    def make(rows: np.ndarray) -> Batch:
        time.sleep(0.02 * (rows[0] % 3 == 0))  # later batches are ready first
        return Batch(rows, np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1))

    batches = ahead(make, (np.array([count]) for count in range(9)), workers)
    assert [int(batch.rows[0]) for batch in batches] == list(range(9))


@pytest.mark.trap(name="runs that cannot be repeated or resumed exactly")
def test_any_number_of_workers_prepares_the_same_pixels(
    data: TrainingData, tiny_run: TinyRun
) -> None:
    config = tiny_run(Path("unused"), batch_size=8)
    alone, several = (
        list(PhotoSteps(data, 32, config, workers=workers).of_epoch(3, 1)) for workers in (0, 4)
    )
    assert len(alone) == len(several) > 2
    for one, other in zip(alone, several, strict=True):
        assert np.array_equal(one.batch.rows, other.batch.rows)
        assert np.array_equal(one.batch.photos, other.batch.photos)
        assert np.array_equal(one.batch.heading_deg, other.batch.heading_deg)
        assert np.array_equal(one.draws, other.draws)


@pytest.mark.trap(name="runs that cannot be repeated or resumed exactly")
@pytest.mark.parametrize("augment_on", ["cpu", "device"])
def test_a_worker_process_gets_the_file_of_the_photos_and_makes_the_same_batch(
    data: TrainingData, tiny_run: TinyRun, augment_on: str
) -> None:
    config = tiny_run(Path("unused"), augment_on=augment_on)
    augmenter = Augmenter.of(data, config, 32)
    # What a process is sent, and what it makes of it.
    sent = copy.deepcopy(augmenter)
    assert not any(isinstance(value, np.memmap) for value in augmenter.__getstate__().values())
    assert sent.photos is not augmenter.photos
    one, other = (each((2, data.rows["train"])) for each in (augmenter, sent))
    assert np.array_equal(one.photos, other.photos)
    assert np.array_equal(one.heading_deg, other.heading_deg)
    assert repr(one.changes) == repr(other.changes)


@pytest.mark.slow
def test_processes_prepare_the_same_batches_and_stay_from_epoch_to_epoch(
    data: TrainingData, tiny_run: TinyRun
) -> None:
    config = tiny_run(Path("unused"), batch_size=8)
    here = PhotoSteps(data, 32, config, workers=0)
    there = PhotoSteps(data, 32, config.model_copy(update={"loader": "processes"}), workers=2)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    # An epoch that is left after a step does not reach into the next one.
    with closing(there.of_epoch(0, 0)) as steps:
        next(steps)
    started = {child.pid for child in psutil.Process().children(recursive=True)} - before
    for epoch, first in ((1, 2), (2, 0)):
        both = zip(here.of_epoch(epoch, first), there.of_epoch(epoch, first), strict=True)
        for one, other in both:
            assert np.array_equal(one.batch.rows, other.batch.rows)
            assert np.array_equal(one.batch.photos, other.batch.photos)
            assert np.array_equal(one.batch.heading_deg, other.batch.heading_deg)
    assert {child.pid for child in psutil.Process().children(recursive=True)} - before == started


@pytest.mark.slow
def test_a_run_fed_by_processes_is_one_fed_by_threads_and_starts_them_once(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    class Counted(ProcessLoader):
        def __init__(self, augmenter: Augmenter, workers: int) -> None:
            started.append(workers)
            super().__init__(augmenter, workers)

    monkeypatch.setattr("core.training.stages.ProcessLoader", Counted)
    both_stages = {"stage1": Stage1Config(epochs=1, views=2), "stage2": Stage2Config(epochs=2)}
    losses = {
        loader: [
            report.train.total
            for report in fit(tiny_run(tmp_path / loader, loader=loader, workers=2, **both_stages))
        ]
        for loader in ("threads", "processes")
    }
    assert losses["processes"] == losses["threads"]
    assert len(losses["threads"]) == 3
    assert started == [2]


def test_workers_prepare_different_batches_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=20)

    def make(rows: np.ndarray) -> Batch:
        together.wait()  # returns when three threads have come here
        return Batch(rows, np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1))

    assert len(list(ahead(make, [np.array([count]) for count in range(6)], 3))) == 6


def test_no_more_batches_than_workers_wait_and_opencv_gets_its_threads_back() -> None:
    before, begun = cv2.getNumThreads(), []

    def make(rows: np.ndarray) -> Batch:
        begun.append(int(rows[0]))
        assert cv2.getNumThreads() == 1
        return Batch(rows, np.zeros((1, 2, 2, 3), np.uint8), np.zeros(1))

    with closing(ahead(make, (np.array([count]) for count in range(50)), 2)) as batches:
        next(batches)
        time.sleep(0.1)
        # The one that was taken, and two that wait.
        assert len(begun) <= 3
    assert cv2.getNumThreads() == before


def test_an_error_in_the_thread_reaches_the_caller() -> None:
    def broken(rows: np.ndarray) -> Batch:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(ahead(broken, [np.array([0])] * 3, 1))


def test_region_and_heading_become_known_independently() -> None:
    n = 4000
    targets = Targets(torch.arange(n), torch.zeros(n, 2), torch.ones(n, 2))
    draws = np.random.default_rng(0).random((n, 2), np.float32)
    region, heading = known_metadata(targets, draws, 0.3)
    told_region, told_heading = region >= 0, ~heading.isnan().any(dim=1)
    assert torch.equal(region[told_region], targets.region[told_region])
    assert float(told_region.float().mean()) == pytest.approx(0.3, abs=0.03)
    assert float(told_heading.float().mean()) == pytest.approx(0.3, abs=0.03)
    both = (told_region & told_heading).float().mean()
    assert float(both) == pytest.approx(0.09, abs=0.02)


@pytest.mark.parametrize(("p_known", "told"), [(0.0, False), (1.0, True)])
def test_nothing_or_everything_can_be_known(p_known: float, told: bool) -> None:
    targets = Targets(torch.arange(5), torch.zeros(5, 2), torch.ones(5, 2))
    draws = np.random.default_rng(0).random((5, 2), np.float32)
    region, heading = known_metadata(targets, draws, p_known)
    assert set((region >= 0).tolist()) == {told}
    assert set((~heading.isnan()).flatten().tolist()) == {told}
