"""Stage 1 runs the backbone once per view, never once per epoch; the counter proves it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from core.dataset.augment import Changes
from core.model.network import BearingsModel
from core.training.data import read_training_data
from core.training.device import Compute, choose_compute
from core.training.fit import fit
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.training.stages import PhotoSteps, cache_views, plain_features

TinyRun = Callable[..., TrainConfig]


def test_backbone_passes_do_not_grow_with_the_epochs(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    honest = Compute.images

    def counted(
        self: Compute, model: BearingsModel, photos: np.ndarray, changes: Sequence[Changes] = ()
    ) -> torch.Tensor:
        passes.append(len(photos))
        return honest(self, model, photos, changes)

    monkeypatch.setattr(Compute, "images", counted)

    def photos_seen(epochs: int) -> int:
        passes.clear()
        only_heads = {
            "stage1": Stage1Config(epochs=epochs, views=3),
            "stage2": Stage2Config(epochs=0),
        }
        list(fit(tiny_run(tmp_path / f"run{epochs}", **only_heads)))
        return sum(passes)

    data = read_training_data(tiny_run(Path("unused")), 32)
    train, val = len(data.rows["train"]), len(data.rows["val"])
    # Three views and the validation part once; then gallery and refinement for the checkpoint.
    assert photos_seen(1) == photos_seen(6) == 3 * train + val + train + val


def test_views_differ_and_epochs_draw_among_them(tiny_run: TinyRun) -> None:
    config = tiny_run(Path("unused"), stage1=Stage1Config(views=3))
    compute = choose_compute(config)
    model = compute.to_device(BearingsModel(config.model, 4))
    data = read_training_data(config, 32)
    photos = PhotoSteps(data, 32, config)
    views = cache_views(model, compute, photos)
    assert views.features.shape == (3, len(data.rows["train"]), model.width)
    assert not np.array_equal(views.features[0], views.features[1])
    drawn = views.view_of(seed=0, epoch=0)
    assert set(drawn) == {0, 1, 2}
    assert not np.array_equal(drawn, views.view_of(seed=0, epoch=1))
    again = cache_views(model, compute, photos)
    assert np.array_equal(views.features, again.features)


def test_features_do_not_depend_on_the_batch(tiny_run: TinyRun) -> None:
    config = tiny_run(Path("unused"))
    compute = choose_compute(config)
    model = compute.to_device(BearingsModel(config.model, 4)).train()
    data = read_training_data(config, 32)
    rows = data.rows["val"]
    small = plain_features(model, compute, data, rows, 1)
    large = plain_features(model, compute, data, rows, 64)
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-5)
