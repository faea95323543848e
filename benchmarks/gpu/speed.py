"""How fast a GPU trains, and what it waits for; each pair is measured in turn, in one process."""

import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median
from typing import Any
from unittest.mock import patch

import cv2
import pynvml
import timm
import torch
from torch import nn

from benchmarks.gpu.checks import Recorder, Settings
from core.model.schema import TtaConfig
from core.training import fit as training
from core.training import session
from core.training.data import epoch_order, read_training_data
from core.training.device import Compute, choose_compute
from core.training.fit import fit
from core.training.run_folder import EpochReport, StepReport
from core.training.schema import Stage1Config, Stage2Config, TrainConfig
from core.training.stages import FeatureViews, PhotoSteps, StepInput, cache_views

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_SAMPLE_S = 0.05


class BareStep:
    """A training step of a timm model on synthetic pixels: what any loop around it can reach."""

    def __init__(
        self,
        backbone: str,
        input_size: int,
        batch_size: int,
        compute: Compute,
        layout: torch.memory_format = torch.channels_last,
        compiled: str = "",
        mode: str | None = None,
    ) -> None:
        """Make model, optimiser and a batch; `compiled` names a backend, `mode` one of its."""
        self.device, self.batch_size = compute.device, batch_size
        self.dtype = _DTYPES.get(compute.precision)
        self.model = timm.create_model(backbone, num_classes=19).train()
        self.model.to(memory_format=layout).to(self.device)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), 1e-4)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=compute.precision == "fp16")
        shape = (batch_size, 3, input_size, input_size)
        photos = torch.randn(shape, device=self.device)
        self.photos = photos.to(memory_format=layout)
        self.network = (
            torch.compile(self.model, backend=compiled, mode=mode) if compiled else self.model
        )
        self.target = torch.randint(19, (batch_size,), device=self.device)

    def step(self) -> None:
        """Make one step."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            loss = nn.functional.cross_entropy(self.network(self.photos), self.target)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimiser)
        self.scaler.update()

    def photos_per_s(self, seconds: float) -> float:
        """Make steps for so long, the device's queue emptied at both ends."""
        for _ in range(2):
            self.step()
        wait(self.device)
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            self.step()
            steps += 1
            if steps % 8 == 0:
                wait(self.device)
        wait(self.device)
        return steps * self.batch_size / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class RepeatedBatch(PhotoSteps):
    """The steps of an epoch, all on its first batch: training without the loading of data."""

    def of_epoch(self, epoch: int, first_step: int) -> Generator[StepInput]:
        """Yield the first step as often as the epoch has steps."""
        rows = self.data.rows["train"]
        count = len(epoch_order(rows, self.config.photos_per_step(len(rows)), 0, epoch))
        steps = super().of_epoch(0, 0)
        first = next(steps)
        steps.close()
        for _ in range(first_step, count):
            yield first


class Utilisation:
    """Samples the share of time in which the first GPU computes, in a thread."""

    def __init__(self) -> None:
        """Connect to the driver; without one nothing is sampled."""
        self.samples: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Utilisation":
        """Begin to sample."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def between(self, began: float, ended: float) -> list[float]:
        """Return the samples of a span of `time.monotonic`."""
        return [share for at, share in self.samples if began <= at <= ended]

    def _sample(self) -> None:
        if not torch.cuda.is_available():
            return
        try:
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByIndex(0)
            while not self._ended.wait(_SAMPLE_S):
                rates = pynvml.nvmlDeviceGetUtilizationRates(handle)
                self.samples.append((time.monotonic(), rates.gpu / 100.0))
        except pynvml.NVMLError as error:
            sys.stderr.write(f"utilisation is unknown: {error}\n")


@dataclass
class Epochs:
    """Epochs of a run, driven one at a time.

    Attributes:
        config: Its options.
        spans: Times of the first and last step of each epoch, of `time.monotonic`.
        steps: Times when the steps of the first epoch ended.
    """

    config: TrainConfig
    spans: dict[int, tuple[float, float]]
    steps: list[float]

    @classmethod
    def of(cls, config: TrainConfig) -> "Epochs":
        """Prepare a run."""
        return cls(config, {}, [])

    def reports(self) -> Iterator[EpochReport]:
        """Yield each epoch when it has ended."""

        def note(report: StepReport) -> None:
            now = time.monotonic()
            self.spans[report.epoch] = (self.spans.get(report.epoch, (now, now))[0], now)
            if report.epoch == 1:
                self.steps.append(now)

        return fit(self.config, on_step=note)


def throughput(settings: Settings, seconds: float, recorder: Recorder, backbone: str) -> None:
    """Train whole epochs, and bare steps of the same timm model, in turn; then without loading."""
    size, until = settings.input_size, time.monotonic() + 0.9 * seconds
    config = settings.run_of(f"speed-{backbone}", backbone, size, stage2=Stage2Config(epochs=1000))
    compute = choose_compute(config)
    recorder.figure("precision", compute.precision)
    recorder.figure("batch_size", config.batch_photos)
    span = 0.2 if settings.dry else 1.5
    clock = time.monotonic()
    bare = BareStep(backbone, size, config.batch_photos, compute)
    bare.step()
    wait(compute.device)
    recorder.figure("seconds_until_the_first_bare_step_ended", time.monotonic() - clock)
    recorder.figure("photos_per_s_bare_step_at_first", bare.photos_per_s(span))
    ours, ceiling, busy = [], [], []
    middle = time.monotonic() + 0.55 * seconds
    with Utilisation() as utilisation:
        epochs = Epochs.of(config)
        began = time.monotonic()
        reports = epochs.reports()
        for report in reports:
            if report.epoch == 1:
                _record_first(recorder, began, epochs.steps)
            ceiling.append(bare.photos_per_s(span))
            if report.epoch == 1:
                recorder.figure("photos_per_s_first_epoch", report.photos_per_s)
                ceiling.clear()
                continue
            ours.append(report.photos_per_s)
            busy += utilisation.between(*epochs.spans[report.epoch])
            _record(recorder, "end_to_end", ours, ceiling)
            if report.epoch > 2 and (settings.dry or time.monotonic() > middle):
                break
        reports.close()  # type: ignore[attr-defined]
    recorder.figure("utilisation", mean(busy) if busy else "unknown")
    alone, beside = [], []
    again = config.model_copy(update={"run": config.run.with_name(f"{config.run.name}-repeated")})
    with patch.object(session, "PhotoSteps", RepeatedBatch):
        reports = fit(again)
        for report in reports:
            beside.append(bare.photos_per_s(span))
            if report.epoch > 1:
                alone.append(report.photos_per_s)
                _record(recorder, "one_batch_repeated", alone, beside[1:])
            if report.epoch > 1 and (settings.dry or time.monotonic() > until):
                break
        reports.close()  # type: ignore[attr-defined]


def _record_first(recorder: Recorder, began: float, steps: list[float]) -> None:
    """Record what the first epoch waited for: kernels are chosen and workers start."""
    recorder.figure("seconds_until_the_first_step_ended", steps[0] - began)
    between = [1e3 * (later - earlier) for earlier, later in pairwise(steps)]
    if not between:  # a batch that holds every photo
        return
    recorder.figure("ms_of_the_next_steps", ", ".join(f"{each:.0f}" for each in between[:10]))
    recorder.figure("ms_of_a_later_step", median(between[len(between) // 2 :]))


def _record(recorder: Recorder, name: str, ours: list[float], bare: list[float]) -> None:
    """Record medians and the median of the ratios of neighbouring rounds, so far."""
    recorder.figure(f"photos_per_s_{name}", median(ours))
    recorder.figure(f"photos_per_s_bare_step_beside_{name}", median(bare))
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    recorder.figure(f"share_of_bare_step_{name}", median(ratios))
    recorder.figure(f"rounds_{name}", len(ours))


def loading(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Prepare batches with nobody training, by more and more threads, and by processes."""
    config = settings.run_of("loading", "test_resnet", settings.input_size)
    data = read_training_data(config, settings.input_size)
    counts = (1, 2) if settings.dry else (1, 2, 4, 8, 16)
    span = 0.3 if settings.dry else min(3.0, 0.8 * seconds / (len(counts) + 3))
    for workers in counts:
        steps = PhotoSteps(data, settings.input_size, config, workers=workers)
        recorder.figure(f"photos_per_s_{workers}_threads", _prepared(steps, span))
    raw = config.model_copy(update={"augment_on": "device"})
    steps = PhotoSteps(data, settings.input_size, raw, workers=2)
    recorder.figure("photos_per_s_2_threads_that_augment_nothing", _prepared(steps, span))
    apart = config.model_copy(update={"loader": "processes"})
    for workers in counts[:2] if settings.dry else (4, 8, 15):
        steps = PhotoSteps(data, settings.input_size, apart, workers=workers)
        began = time.perf_counter()
        # An epoch in which all of them start.
        for _ in steps.of_epoch(1000, 0):
            pass
        recorder.figure(f"seconds_to_start_{workers}_processes", time.perf_counter() - began)
        recorder.figure(f"photos_per_s_{workers}_processes", _prepared(steps, span))
    threads = cv2.getNumThreads()
    with patch.object(cv2, "setNumThreads", lambda count: None):
        steps = PhotoSteps(data, settings.input_size, config, workers=1)
        recorder.figure(f"photos_per_s_1_thread_opencv_{threads}_threads", _prepared(steps, span))


def _prepared(steps: PhotoSteps, seconds: float) -> float:
    """Photos a second after the first batch, which waits for all workers."""
    epoch, photos, began = 0, -1, time.perf_counter()
    while time.perf_counter() - began < seconds or photos <= 0:
        source = steps.of_epoch(epoch, 0)
        for inputs in source:
            if photos < 0:
                began = time.perf_counter()
                photos = 0
                continue
            photos += len(inputs.batch.rows)
            if time.perf_counter() - began > seconds:
                break
        source.close()
        epoch += 1
    return photos / (time.perf_counter() - began)


def cached_epochs(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Train heads on cached features, against computing the frozen backbone in every epoch."""
    backbone = settings.models[0]
    config = settings.run_of(
        "cached",
        backbone,
        settings.input_size,
        stage1=Stage1Config(epochs=6, views=2),
        stage2=Stage2Config(epochs=0),
    )
    spent: list[float] = []

    def timed(*arguments: Any) -> FeatureViews:  # noqa: ANN401 - passed on
        began = time.perf_counter()
        views = cache_views(*arguments)
        spent.append(time.perf_counter() - began)
        return views

    with patch.object(training, "cache_views", timed):
        reports = fit(config)
        epochs = []
        for report in reports:
            epochs.append(report)
            if report.epoch == 6:
                break
        reports.close()  # type: ignore[attr-defined]
    train = len(read_training_data(config, settings.input_size).rows["train"])
    cached = median(train / report.photos_per_s for report in epochs[1:])
    every = spent[0] / config.stage1.views
    recorder.figure("backbone", backbone)
    recorder.figure("training_photos", train)
    recorder.figure("seconds_of_a_cached_epoch", cached)
    recorder.figure("seconds_of_a_pass_of_the_backbone_with_augmentation", every)
    recorder.figure("times_faster", every / cached)


def whole_run(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Train a short run to its end, gallery, keypoints and calibration included."""
    backbone, began = settings.models[0], time.monotonic()
    config = settings.run_of(
        "whole",
        backbone,
        settings.input_size,
        stage2=Stage2Config(epochs=1 if settings.dry else 3),
        tta=TtaConfig(views=1 if settings.dry else 3),
        gallery_points=16 if settings.dry else 128,
        export_onnx=True,
    )
    epochs = Epochs.of(config)
    last = 0.0
    recorder.figure("backbone", backbone)
    for report in epochs.reports():
        last = report.seconds
        if report.epoch == 1:
            recorder.figure("seconds_until_the_first_step", epochs.spans[1][0] - began)
        recorder.figure("seconds_of_an_epoch", last)
        trained = time.monotonic()
    finish = time.monotonic() - trained
    start = epochs.spans[1][0] - began
    recorder.figure("seconds_of_the_finish", finish)
    recorder.figure("finish_share_of_this_run", finish / (time.monotonic() - began))
    recorder.figure("finish_share_of_a_run_of_20_epochs", finish / (start + 20.0 * last + finish))
