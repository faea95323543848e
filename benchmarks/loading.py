"""Batches that nobody trains on, by more and more threads and processes, beside one worker."""

import os
import time
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, times_faster
from core.model.schema import ModelConfig
from core.training.data import TrainingData, read_training_data
from core.training.device import Loader
from core.training.schema import TrainConfig
from core.training.stages import PhotoSteps

SIZE = 224
_SHARE = 0.8
_KINDS: dict[Loader, str] = {"threads": "thread", "processes": "process"}


def measure(effort: Effort) -> list[str]:
    """Time epochs of prepared batches, each way in turn; processes have started before."""
    photos = 16 if effort.quick else 1000
    config = TrainConfig(
        dataset=effort.demo,
        run=Path("unused"),
        model=ModelConfig(backbone="test_resnet", weights="random", input_size=SIZE),
        gallery_points=0,
        least_steps=0,
        batch_size=16,
    )
    data = read_training_data(config, SIZE)
    cores = os.cpu_count() or 1
    counts = sorted({1, 2, min(4, cores), min(8, cores)})
    ways = {
        f"{count} {kind if count > 1 else single}": _steps(data, config, count, kind)
        for kind, single in _KINDS.items()
        for count in counts
    }
    raw = _steps(data, config, counts[-1], "threads", augment_on="device")
    ways[f"{counts[-1]} threads, photos as stored, augmented on the device"] = raw
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(effort.rounds + 1):
        for name, steps in ways.items():
            seconds = _seconds_a_photo(steps, number, photos)
            if number:
                spent[name].append(seconds)
    most = counts[-1]
    times = max(times_faster(spent, f"{most} {kind}", "1 thread") for kind in _KINDS)
    return [
        *compared(spent, "1 thread", "µs a photo", 1e6),
        "",
        f"{SIZE} px, batches of 16, every default augmentation.",
        *verdict(
            f"at least {_SHARE:g} of the cores as many photos a second, up to 8 cores",
            f"{times:.2f} times with {most} cores",
            met=times >= _SHARE * most,
        ),
    ]


def _steps(
    data: TrainingData, config: TrainConfig, workers: int, loader: Loader, augment_on: str = "cpu"
) -> PhotoSteps:
    config = config.model_copy(update={"loader": loader, "augment_on": augment_on})
    return PhotoSteps(data, SIZE, config, workers=workers)


def _seconds_a_photo(steps: PhotoSteps, epoch: int, photos: int) -> float:
    began, done, number = time.perf_counter(), 0, 0
    while done < photos:
        for inputs in steps.of_epoch(1000 * epoch + number, 0):
            done += len(inputs.batch.rows)
        number += 1
    return (time.perf_counter() - began) / done
