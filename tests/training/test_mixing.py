"""Which photos of a step are mixed depends on seed, epoch and step alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from core.model.losses import Losses, Targets, multi_task_loss
from core.model.mixup import Mix
from core.training import epoch, stages
from core.training.batches import Batch
from core.training.device import choose_compute
from core.training.feature_cache import FeatureViews
from core.training.fit import fit
from core.training.mixup import draw_mix
from core.training.processes import Processes
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig
from core.training.stages import CachedLessons, Lesson, lesson_features
from tests.training.launch import ending

TinyRun = Callable[..., TrainConfig]


def test_a_mix_is_drawn_from_seed_epoch_and_step() -> None:
    def drawn(seed: int, epoch: int, step: int) -> tuple[float, list[int]]:
        mix = draw_mix(0.4, seed, epoch, step, 16)
        assert mix is not None
        return mix.own, mix.partner.tolist()

    assert drawn(1, 2, 3) == drawn(1, 2, 3)
    others = [drawn(0, 2, 3), drawn(1, 0, 3), drawn(1, 2, 0)]
    assert drawn(1, 2, 3) not in others
    assert draw_mix(0.0, 1, 2, 3, 16) is None


@pytest.mark.parametrize("alpha", [1e-9, 0.2, 1.0, 10.0])
def test_the_dominant_share_follows_the_folded_beta(alpha: float) -> None:
    own = np.array([mix.own for s in range(800) if (mix := draw_mix(alpha, 0, 0, s, 2))])
    draws = np.random.default_rng(1).beta(alpha, alpha, 20_000)
    assert own.mean() == pytest.approx(np.maximum(draws, 1 - draws).mean(), abs=0.03)


def test_processes_agree_on_lambda_and_mix_their_own(tmp_path: Path, tiny_run: TinyRun) -> None:
    config = tiny_run(tmp_path / "run", mixup_alpha=0.4, batch_size=8)
    views = FeatureViews(np.arange(13), np.zeros((1, 13, 4), np.float32), np.zeros((1, 13)))

    def lessons(rank: int, first_step: int) -> list[Lesson]:
        place = Processes(rank, 2, control=object())  # type: ignore[arg-type] # nothing is sent
        return list(CachedLessons(views, config, place).of_epoch(3, first_step))

    mixes = []
    for rank in (0, 1):
        for lesson in lessons(rank, 0):
            assert lesson.mix is not None
            assert len(lesson.mix.partner) == len(lesson.batch.rows)
            mixes.append(lesson.mix.own)
    assert mixes[:2] == mixes[2:]
    # A resume in the middle of an epoch meets the same mix.
    (later,) = lessons(1, 1)
    assert later.mix is not None
    assert later.mix.own == mixes[1]


class _Means:
    """Stands for a network whose features are the means of its images."""

    mean, std = (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))


@pytest.mark.parametrize("cached", [False, True])
def test_photos_or_cached_features_are_mixed(
    tiny_run: TinyRun, tmp_path: Path, cached: bool
) -> None:
    photos = np.stack([np.full((2, 2, 3), value, np.uint8) for value in (0, 100)])
    features = torch.tensor([[0.0] * 3, [100.0] * 3]) if cached else None
    batch = Batch(np.arange(2), photos, np.zeros(2))
    mix = Mix(torch.tensor([1, 0]), 0.8)
    lesson = Lesson(batch, features, np.zeros((2, 2), np.float32), np.arange(2), mix)
    compute = choose_compute(tiny_run(tmp_path / "run", device="cpu"))
    seen = lesson_features(lesson, _Means(), compute)  # type: ignore[arg-type]
    assert seen[:, 0].tolist() == pytest.approx([20.0, 80.0])


def _weights(config: TrainConfig) -> dict[str, np.ndarray]:
    last = RunFolder(path=config.run).last
    return load_file(last / json.loads((last / "card.json").read_text())["weights"])


def test_photos_all_their_own_train_as_without_a_mix(
    tiny_run: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off, whole, on = (
        tiny_run(tmp_path / name, mixup_alpha=alpha, command="train")
        for name, alpha in (("off", 0.0), ("whole", 0.4), ("on", 0.4))
    )
    list(fit(off))
    told: list[Targets] = []

    def listen(outputs: Any, targets: Targets, *rest: Any) -> Losses:  # noqa: ANN401 - any
        told.append(targets)
        return multi_task_loss(outputs, targets, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(epoch, "multi_task_loss", listen)
        list(fit(on))
    assert len(told) == RunFolder(path=on.run).events()[-1]["step"]
    assert all(targets.mix is not None for targets in told)

    def all_own(*where: Any) -> Mix | None:  # noqa: ANN401 - those of draw_mix
        drawn = draw_mix(*where)
        return None if drawn is None else Mix(drawn.partner, 1.0)

    monkeypatch.setattr(stages, "draw_mix", all_own)
    list(fit(whole))
    assert ending(whole.run)["events"] == ending(off.run)["events"]
    plain, same, mixed = map(_weights, (off, whole, on))
    assert all(np.array_equal(same[name], value) for name, value in plain.items())
    assert any(not np.array_equal(mixed[name], value) for name, value in plain.items())
