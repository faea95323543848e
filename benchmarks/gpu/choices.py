"""What a measurement on a GPU decides: how it is fed, where photos are augmented, and formats."""

import time
from statistics import median
from typing import Any

import torch

from benchmarks.gpu.checks import Recorder, Settings
from benchmarks.gpu.speed import BareStep, Epochs, Utilisation, wait
from core.training.data import Augmenter, read_training_data
from core.training.device import choose_compute
from core.training.schema import Stage2Config

# Options of a run, by the name of the way in which it is fed.
WAYS: dict[str, dict[str, Any]] = {
    "processes": {"loader": "processes", "augment_on": "cpu"},
    "threads": {"loader": "threads", "augment_on": "cpu"},
    "device": {"loader": "threads", "augment_on": "device"},
    "processes_and_device": {"loader": "processes", "augment_on": "device"},
}


def feeding(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Train epochs of the first model, fed in each way in turn: photos a second of the best ones.

    The fastest way should be the default of `loader` and `augment_on` on a GPU.
    """
    backbone, size = settings.models[0], settings.input_size
    recorder.figure("backbone", backbone)
    changes = {"stage2": Stage2Config(epochs=1000)}
    # Processes take seconds to start; a dry run starts some in `loading`.
    ways = {way: WAYS[way] for way in WAYS if not settings.dry or "processes" not in way}
    runs = {
        way: Epochs.of(settings.run_of(f"fed-{way}", backbone, size, **changes, **options))
        for way, options in ways.items()
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    until = time.monotonic() + 0.85 * seconds
    reports = {way: run.reports() for way, run in runs.items()}
    with Utilisation() as utilisation:
        for number in range(1, 1000):
            for way, each in reports.items():
                report = next(each)
                # The first epoch starts workers and chooses kernels.
                if number == 1:
                    recorder.figure(f"photos_per_s_{way}_first_epoch", report.photos_per_s)
                else:
                    rates[way].append(report.photos_per_s)
                    recorder.figure(f"photos_per_s_{way}", median(rates[way]))
                    busy = utilisation.between(*runs[way].spans[report.epoch])
                    if busy:
                        recorder.figure(f"utilisation_{way}", sum(busy) / len(busy))
            if number > 1 and (settings.dry or time.monotonic() > until):
                break
    for each in reports.values():
        each.close()  # type: ignore[attr-defined]
    recorder.figure("rounds", len(rates["threads"]))
    recorder.figure("fastest", max(rates, key=lambda way: median(rates[way])))


def augmentation(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Augment batches on the device alone, and compare a batch with the CPU's pictures."""
    config = settings.run_of("augmentation", "test_resnet", settings.input_size)
    compute = choose_compute(config)
    model = torch.nn.Module()
    data = read_training_data(config, settings.input_size)
    rows = data.rows["train"][: settings.batch_size]
    ours, raw = (
        Augmenter.of(
            data,
            config.model_copy(update={"augment_on": on}),
            settings.input_size,
            pinned=compute.pins,
        )
        for on in ("cpu", "device")
    )
    model.mean, model.std = (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)  # type: ignore[assignment]
    model.input_size = settings.input_size  # type: ignore[assignment]
    batch = raw((0, rows))

    def pictures() -> torch.Tensor:
        return compute.images(model, batch.photos, batch.changes)  # type: ignore[arg-type]

    expected = torch.from_numpy(ours((0, rows)).photos).permute(0, 3, 1, 2).float()
    apart = (pictures().cpu() - expected).abs()
    recorder.figure("mean_difference_in_grey_levels", float(apart.mean()))
    recorder.figure("largest_difference_in_grey_levels", float(apart.max()))
    recorder.expect(float(apart.mean()) <= 0.5, "pictures differ from those of the CPU")
    began, batches = time.perf_counter(), 0
    while time.perf_counter() - began < (0.3 if settings.dry else min(3.0, seconds / 4)):
        pictures()
        wait(compute.device)
        batches += 1
    recorder.figure("photos_per_s", batches * len(rows) / (time.perf_counter() - began))


def formats(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Make bare steps of each model in both memory formats and compiled, in turns."""
    config = settings.run_of("formats", "test_resnet", settings.input_size)
    compute = choose_compute(config)
    recorder.figure("precision", compute.precision)
    until = time.monotonic() + 0.9 * seconds
    for number, backbone in enumerate(settings.models):
        share = (until - time.monotonic()) / (len(settings.models) - number)
        began = time.monotonic()
        ways = {
            "contiguous": BareStep(
                backbone, settings.input_size, settings.batch_size, compute,
                layout=torch.contiguous_format,
            ),
            "channels_last": BareStep(
                backbone, settings.input_size, settings.batch_size, compute
            ),
            "compiled": BareStep(
                backbone, settings.input_size, settings.batch_size, compute,
                # Inductor needs a compiler and a minute on a CPU; a dry run traces alone.
                compiled="eager" if settings.dry else "inductor",
            ),
        }  # fmt: skip
        clock = time.monotonic()
        ways["compiled"].step()
        wait(compute.device)
        recorder.figure(f"{backbone}_seconds_of_the_first_compiled_step", time.monotonic() - clock)
        rates: dict[str, list[float]] = {way: [] for way in ways}
        span = 0.1 if settings.dry else 1.0
        while not rates["compiled"] or (
            not settings.dry and time.monotonic() - began < share and len(rates["compiled"]) < 7
        ):
            for way, steps in ways.items():
                rates[way].append(steps.photos_per_s(span))
        for way, each in rates.items():
            recorder.figure(f"{backbone}_photos_per_s_{way}", median(each))
        for way in ("contiguous", "compiled"):
            pairs = zip(rates[way], rates["channels_last"], strict=True)
            ratio = median(one / other for one, other in pairs)
            recorder.figure(f"{backbone}_{way}_times_channels_last", ratio)


def graphs(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Replay steps of the first model as CUDA graphs, beside the same steps launched one by one.

    Where the CPU launches more slowly than the GPU computes, graphs show what is to be gained.
    """
    compute = choose_compute(settings.run_of("graphs", "test_resnet", settings.input_size))
    backbone = settings.models[0]
    recorder.figure("backbone", backbone)
    recorder.figure("precision", compute.precision)
    until = time.monotonic() + 0.9 * seconds
    # Only inductor makes graphs; a dry run traces alone.
    compiled, mode = ("eager", None) if settings.dry else ("inductor", "reduce-overhead")
    launched, replayed = (
        BareStep(
            backbone, settings.input_size, settings.batch_size, compute,
            compiled=backend, mode=mode if backend else None,
        )
        for backend in ("", compiled)
    )  # fmt: skip
    clock = time.monotonic()
    # The second step records the graph, the third replays it.
    for _ in range(3):
        replayed.step()
    wait(compute.device)
    recorder.figure("seconds_of_the_first_replayed_steps", time.monotonic() - clock)
    pairs: list[tuple[float, float]] = []
    span = 0.1 if settings.dry else 1.0
    while not pairs or (not settings.dry and time.monotonic() < until and len(pairs) < 7):
        pairs.append((launched.photos_per_s(span), replayed.photos_per_s(span)))
        recorder.figure("photos_per_s_launched", median(one for one, _ in pairs))
        recorder.figure("photos_per_s_replayed", median(other for _, other in pairs))
        recorder.figure("replayed_times_launched", median(other / one for one, other in pairs))
