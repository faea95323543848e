"""Devices and precisions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import ConfigError
from core.model.backbone import normalise
from core.model.network import BearingsModel
from core.model.schema import ModelConfig
from core.training import device as device_module
from core.training.device import Loader, choose_compute, choose_workers
from core.training.schema import TrainConfig

TinyRun = Callable[..., TrainConfig]


def _compute(tiny_run: TinyRun, **changes: Any) -> device_module.Compute:  # noqa: ANN401
    return choose_compute(tiny_run(Path("unused"), device="cpu", **changes))


@pytest.mark.parametrize(
    ("backbone", "has_bf16", "precision"),
    [
        ("resnet34", True, "bf16"),
        ("wide_resnet50_2", True, "bf16"),
        ("resnet34", False, "fp32"),
        ("efficientnet_b0", True, "fp32"),
        ("mobilenetv3_large_100", True, "fp32"),
    ],
)
def test_the_cpu_uses_bfloat16_only_where_it_pays(
    tiny_run: TinyRun,
    monkeypatch: pytest.MonkeyPatch,
    backbone: str,
    has_bf16: bool,
    precision: str,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_bf16})
    model = ModelConfig(backbone=backbone, weights="random", place_anchors=0)
    assert _compute(tiny_run, model=model, precision="auto").precision == precision


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_an_absent_device_is_refused(tiny_run: TinyRun) -> None:
    with pytest.raises(ConfigError, match="device cuda is not available here: choose one of"):
        choose_compute(tiny_run(Path("unused"), device="cuda"))


def test_fp16_on_a_cpu_is_refused(tiny_run: TinyRun) -> None:
    with pytest.raises(ConfigError, match="no fast fp16"):
        _compute(tiny_run, precision="fp16")


def test_two_precisions_in_one_process_do_not_clash(tiny_run: TinyRun) -> None:
    first, second = _compute(tiny_run, precision="bf16"), _compute(tiny_run, precision="fp32")
    assert (first.precision, second.precision) == ("bf16", "fp32")


@pytest.mark.trap(name="pixels prepared differently in training and in answering")
def test_images_are_those_of_prediction(tiny_run: TinyRun) -> None:
    compute = _compute(tiny_run)
    config = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0)
    model = compute.to_device(BearingsModel(config, 2))
    photos = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    images = compute.images(model, photos)
    np.testing.assert_array_equal(images, normalise(photos, model.mean, model.std))
    wanted = ((photos / 255.0 - model.mean) / model.std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(images.numpy(), wanted, atol=1e-5)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_heads_always_get_float32(tiny_run: TinyRun) -> None:
    compute = _compute(tiny_run, precision="bf16")
    config = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0)
    model = compute.to_device(BearingsModel(config, 2)).eval()
    photos = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    with torch.no_grad():
        rough = compute.features(model, photos)
        exact = compute.exact().features(model, photos)
    assert rough.dtype == exact.dtype == torch.float32
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("given", "device", "loader", "cores", "processes", "workers"),
    [
        (None, "cpu", "threads", 16, 1, 1),
        (None, "cuda", "processes", 16, 1, 8),
        (None, "cuda", "threads", 16, 1, 4),
        (None, "cuda", "processes", 4, 1, 3),
        (None, "cuda", "processes", 16, 4, 3),
        (None, "cuda", "processes", 1, 1, 1),
        (0, "cuda", "processes", 16, 1, 0),
        (12, "cpu", "threads", 2, 1, 12),
    ],
)
def test_batches_are_prepared_by_as_many_workers_as_cores_are_free(
    tiny_run: TinyRun,
    monkeypatch: pytest.MonkeyPatch,
    given: int | None,
    device: str,
    loader: Loader,
    cores: int,
    processes: int,
    workers: int,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    config = tiny_run(Path("unused"), workers=given)
    assert choose_workers(config, device, loader, processes) == workers
