"""Device, precision and memory format that the network runs with."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.dataset.augment import Changes
from core.errors import ConfigError
from core.model.backbone import normalise, standardise
from core.model.device import choose_device
from core.model.network import BearingsModel
from core.training.device_augment import changed_photos
from core.training.processes import ALONE, Processes
from core.training.schema import TrainConfig

Precision = Literal["fp32", "bf16", "fp16"]
Loader = Literal["threads", "processes"]
_MOST_WORKERS: dict[Loader, int] = {"threads": 4, "processes": 8}
_DTYPES: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """Device, precision, memory format and processes of a run.

    Attributes:
        device: The device that tensors go to.
        precision: Arithmetic of the backbone's forward pass.
        channels_last: Whether images and convolutions use that memory format.
        processes: The processes that share the run.
        workers: Threads that read photos while features of them are computed.
        scaler: Scales losses so that fp16 gradients do not vanish; passes everything through in
            other precisions. Both stages share it, because the scale adapts to the run.
    """

    device: torch.device
    precision: Precision
    channels_last: bool
    processes: Processes = ALONE
    workers: int = 0
    scaler: torch.amp.GradScaler = field(
        default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False)
    )

    def to_device(self, model: BearingsModel) -> BearingsModel:
        """Move a network to the device and the memory format, in place."""
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        return model.to(self.device)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context that forward passes of the backbone run in."""
        dtype = _DTYPES.get(self.precision)
        return torch.autocast(self.device.type, dtype, enabled=dtype is not None)

    def exact(self) -> "Compute":
        """The same device in float32, as predictions are made."""
        return replace(self, precision="fp32")

    @property
    def pins(self) -> bool:
        """Whether photos travel to the device from pinned memory, while the CPU goes on."""
        return self.device.type == "cuda"

    def features(
        self, model: BearingsModel, photos: NDArray[np.uint8], changes: Sequence[Changes] = ()
    ) -> Tensor:
        """Return pooled features `(n, width)` in float32; the rest is as for `images`."""
        images = self.images(model, photos, changes)
        with self.autocast():
            features = model.features(images)
        # The heads are cheap and regress small distances: they stay in float32.
        return features.float()

    def descriptors(
        self, model: BearingsModel, photos: NDArray[np.uint8], changes: Sequence[Changes] = ()
    ) -> Tensor:
        """Return descriptors `(n, d)` in float32; they start with the features."""
        images = self.images(model, photos, changes)
        with self.autocast():
            _, descriptor = model.describe(images)
        return descriptor.float()

    def images(
        self, model: BearingsModel, photos: NDArray[np.uint8], changes: Sequence[Changes] = ()
    ) -> Tensor:
        """Normalise RGB photos `(n, s, s, 3)`, in the memory format that the backbone runs in.

        With `changes`, one a photo, the device augments the photos first.
        """
        if not changes:
            images = normalise(photos, model.mean, model.std, self.device)
            return images if self.channels_last else images.contiguous()
        pixels = torch.from_numpy(photos).to(self.device, non_blocking=self.pins)
        views = changed_photos(pixels, changes, model.input_size)
        images = standardise(views, model.mean, model.std)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return images.contiguous(memory_format=layout)


def choose_compute(config: TrainConfig, processes: Processes = ALONE) -> Compute:
    """Return the device and precision of `config`; each process gets its own GPU.

    Raises:
        ConfigError: The machine has no such device or precision, or too few GPUs.
    """
    kind = choose_device(config.device)
    _check_enough(kind, processes)
    precision = choose_precision(config, kind)
    device = torch.device(kind)
    if kind == "cuda":
        # Some launchers show each process its own GPU alone.
        device = torch.device(kind, processes.local_rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    return Compute(
        device,
        precision,
        kind != "mps",
        processes,
        0 if kind == "cpu" else choose_workers(config, kind, "threads", processes.count),
        torch.amp.GradScaler(kind, enabled=precision == "fp16"),
    )


def _check_enough(device: str, processes: Processes) -> None:
    if device == "mps" and processes.count > 1:
        raise ConfigError("several processes cannot share mps: choose --device cpu, or start one")
    # Other launchers may show each process its own GPU alone.
    if device == "cuda" and torch.distributed.is_torchelastic_launched():
        gpus = torch.cuda.device_count()
        if processes.local_rank >= gpus:
            raise ConfigError(
                f"process {processes.local_rank + 1} of this machine has no GPU, there are {gpus}: "
                f"choose --nproc-per-node {gpus}"
            )


def choose_precision(config: TrainConfig, device: str) -> Precision:
    """Return the precision of `config` on a kind of device.

    Raises:
        ConfigError: fp16 on a CPU, where it is slower than float32.
    """
    if config.precision != "auto":
        if config.precision == "fp16" and device == "cpu":
            raise ConfigError("a CPU has no fast fp16: choose --precision bf16, fp32 or auto")
        return config.precision
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    # Measured on CPUs with bfloat16 units: twice the speed for ResNets, whose plain convolutions
    # use them; nothing or less for depthwise families (MobileNet, EfficientNet).
    plain = "resne" in config.model.backbone
    return "bf16" if device == "cpu" and plain and _cpu_has_bf16() else "fp32"


def choose_workers(config: TrainConfig, device: str, loader: Loader, processes: int = 1) -> int:
    """Return how many threads or processes prepare batches beside a kind of device.

    On a CPU they take the cores that train. More than 4 threads prepare fewer photos than 4: they
    wait for the interpreter lock, which augmentation holds for a quarter of its time.
    """
    if config.workers is not None:
        return config.workers
    if device == "cpu":
        return 1
    most = _MOST_WORKERS[loader]
    return max(1, min(most, (os.cpu_count() or 1) // processes - 1))


def _cpu_has_bf16() -> bool:
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
