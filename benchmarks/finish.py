"""The finish of a run (gallery, keypoints, refinement, calibration) beside the backbone's pass."""

import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.effort import Effort
from benchmarks.goals import verdict
from benchmarks.pairs import Spent, compared, times_faster
from core.model.checkpoint import load_checkpoint
from core.model.schema import ModelConfig, TtaConfig
from core.training import fit as training
from core.training.finish import finish_run
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.training.stages import plain_features

_MOST = 1.5
_PASS = "the backbone's single pass over the same photos"
_CALLED = {1: "finish, one view of a photo", 3: "finish, three views (the default)"}


def measure(effort: Effort) -> list[str]:
    """Train heads for an epoch, and time the finish and one pass over its photos."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(effort)
    finally:
        torch.set_num_threads(threads)


def _measured(effort: Effort) -> list[str]:
    views = (1,) if effort.quick else (1, 3)
    backbone, size = ("test_resnet", 64) if effort.quick else ("tf_efficientnet_lite0", 160)
    ends = {
        count: _end_of_a_run(effort.demo, effort.folder() / "run", backbone, size, count)
        for count in views
    }
    photos = 0

    def single() -> None:
        nonlocal photos
        run, config, data, compute = ends[1][:4]
        rows = np.concatenate([data.gallery_rows, data.rows["val"], data.rows["calibrate"]])
        model = compute.to_device(load_checkpoint(run.best).model)
        plain_features(model, compute, data, rows, config.batch_photos)
        photos = len(rows)

    ways = {_CALLED[count]: partial(finish_run, *end) for count, end in ends.items()}
    spent: Spent = {name: [] for name in (*ways, _PASS)}
    for _ in range(min(effort.rounds, 2)):
        for name, run in (ways | {_PASS: single}).items():
            began = time.perf_counter()
            run()
            spent[name].append(time.perf_counter() - began)
    times = 1.0 / times_faster(spent, _CALLED[1], _PASS)
    return [
        *compared(spent, _PASS, "s", 1.0),
        "",
        f"{photos} photos, {backbone} at {size} px, one thread, without the export as ONNX. Each "
        "further view of a photo is a further pass.",
        *verdict(
            f"at most {_MOST:g} times a pass, with one view",
            f"{times:.3g} times",
            met=times <= _MOST,
            missed_in=ways[_CALLED[1]],
        ),
    ]


def _end_of_a_run(demo: Path, run: Path, backbone: str, size: int, views: int) -> tuple[Any, ...]:
    """What `finish_run` got at the end of a run of one epoch of the heads."""
    config = TrainConfig(
        dataset=demo,
        run=run,
        model=ModelConfig(backbone=backbone, weights="random", input_size=size, place_anchors=0),
        stage1=Stage1Config(epochs=1, views=1),
        stage2=Stage2Config(epochs=0),
        tta=TtaConfig(views=views),
        batch_size=32,
        least_steps=0,
        device="cpu",
        threads=1,
        export_onnx=False,
        command="benchmarks",
    )
    with patch.object(training, "finish_run", wraps=finish_run) as ended:
        for _ in training.fit(config):
            pass
    arguments: tuple[Any, ...] = ended.call_args.args[:4]
    return arguments
