"""Augmentation of whole batches on the device: the pictures and headings of the CPU's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.dataset.augment import AugmentConfig, changed, draw_changes
from core.training.data import read_training_data
from core.training.device_augment import changed_photos
from core.training.fit import fit
from core.training.run_folder import StepReport
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.training.stages import PhotoSteps

OFF = AugmentConfig.off()
STEPS: dict[str, dict[str, object]] = {
    "crop": {},
    "roll": {"roll_deg": 20.0},
    "perspective": {},
    "colour": {},
    "blur": {},
    "noise": {},
    "erasing": {},
    "mirror": {"mirror_rule": "reference"},
}


def smooth_photos(count: int, size: int) -> np.ndarray:
    """Photos with edges and gradients, such as real ones have; noise would show each rounding."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    down, right = np.indices((size, size)) * 8 // size
    photos = coarse[:, down, right].astype(float)
    photos += 30.0 * np.sin(np.arange(size) / 9.0)[None, :, None, None]
    return np.clip(photos, 0, 255).astype(np.uint8)


def both(photos: np.ndarray, config: AugmentConfig, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The pictures of the CPU and of the device, as float `(n, size, size, 3)`."""
    changes = [
        draw_changes(config, np.random.default_rng(seed), size) for seed in range(len(photos))
    ]
    expected = np.stack([changed(p, c, size) for p, c in zip(photos, changes, strict=True)])
    got = changed_photos(torch.from_numpy(photos), changes, size)
    assert got.dtype == torch.float32
    return expected.astype(float), got.permute(0, 2, 3, 1).numpy().astype(float)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("stored", "size"), [(64, 64), (96, 64), (150, 64)])
def test_each_step_makes_the_same_picture(name: str, stored: int, size: int) -> None:
    config = AugmentConfig(**{**OFF.model_dump(), f"{name}_probability": 1.0, **STEPS[name]})
    expected, got = both(smooth_photos(12, stored), config, size)
    difference = np.abs(expected - got)
    assert difference.max() <= 2.0
    assert difference.mean() <= 0.4


def test_all_steps_together_make_nearly_the_same_pictures() -> None:
    config = AugmentConfig(
        **{
            **AugmentConfig().model_dump(),
            **{f"{name}_probability": 0.5 for name in STEPS},
            "mirror_rule": "reference",
        }
    )
    expected, got = both(smooth_photos(64, 96), config, 96)
    difference = np.abs(expected - got)
    assert difference.max() <= 4.0
    # A picture that got another photo's changes would differ by tens of levels.
    assert difference.mean(axis=(1, 2, 3)).max() <= 0.5


def test_with_everything_off_the_photo_stays_as_it_is() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    _, got = both(photos, OFF, 40)
    np.testing.assert_allclose(got, photos, atol=1e-2)


@pytest.mark.trap(name="off-centre crops with the heading unchanged")
def test_both_ways_draw_the_same_changes_and_the_same_headings(
    tiny_run: Callable[..., TrainConfig],
) -> None:
    config = tiny_run(Path("unused"), batch_size=8)
    # Stored larger than seen: the device gets photos as they are stored.
    data = read_training_data(config.model_copy(update={"store_size": 48}), 32)
    cpu, device = (
        list(PhotoSteps(data, 32, config.model_copy(update={"augment_on": on})).of_epoch(1, 0))
        for on in ("cpu", "device")
    )
    for one, other in zip(cpu, device, strict=True):
        assert np.array_equal(one.batch.rows, other.batch.rows)
        assert np.array_equal(one.batch.heading_deg, other.batch.heading_deg)
        assert np.array_equal(other.batch.photos, data.store.photos[other.batch.rows])
        made = zip(other.batch.photos, other.batch.changes, strict=True)
        assert np.array_equal(one.batch.photos, [changed(*each, 32) for each in made])


def test_a_run_that_augments_on_the_device_has_nearly_the_same_losses(
    tiny_run: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    losses: dict[str, list[float]] = {"cpu": [], "device": []}
    for on, own in losses.items():

        def note(report: StepReport, own: list[float] = own) -> None:
            own.append(report.loss)

        config = tiny_run(
            tmp_path / on,
            augment_on=on,
            stage1=Stage1Config(epochs=1, views=1),
            stage2=Stage2Config(epochs=1),
        )
        reports = fit(config, on_step=note)
        next(reports)
        next(reports)
        reports.close()  # type: ignore[attr-defined]
    assert len(losses["cpu"]) == len(losses["device"]) > 4
    assert losses["device"] != losses["cpu"]
    np.testing.assert_allclose(losses["device"], losses["cpu"], rtol=0.03)
