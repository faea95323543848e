"""Checks that the code computes on a GPU what it computes on a CPU, and shares GPUs as it says."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from statistics import mean
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.gpu.checks import NotRunError, Recorder, Settings
from core.errors import RunError
from core.jobs.devices import VISIBLE, slots_taken
from core.jobs.state import UNFINISHED, log_tail, run_state
from core.model.checkpoint import load_checkpoint
from core.project import PROJECT, python_path
from core.training import batch_size as search
from core.training.batch_size import seconds_a_photo
from core.training.fit import fit
from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder, StepReport
from core.training.schema import Stage2Config, TrainConfig
from core.training.stages import StepInput
from core.training.step_losses import StepLosses

# Relative differences. The first step has the same weights, photos and draws everywhere; later
# steps of a network in training magnify roundings.
FIRST_STEP = {"fp32": 2e-3, "bf16": 3e-2, "fp16": 1e-2}
ALL_STEPS = 5e-2
# Memory that a run may use in the check of a batch that does not fit.
LIMIT_BYTES = 4 * 2**30


class _EnoughError(Exception):
    """Ends a run after so many steps."""


def step_losses(config: TrainConfig, steps: int) -> list[float]:
    """Train for a few steps and return their losses."""
    losses: list[float] = []

    def note(report: StepReport) -> None:
        losses.append(report.loss)
        if len(losses) == steps:
            raise _EnoughError

    try:
        list(fit(config, on_step=note))
    except _EnoughError:
        pass
    return losses


def precision(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Compare the losses of each precision with those of float32 on the CPU."""
    steps = 4 if settings.dry else 30
    reference = step_losses(settings.small("losses-cpu", device="cpu", precision="fp32"), steps)
    recorder.figure("first_loss_cpu_fp32", reference[0])
    recorder.figure("mean_loss_cpu_fp32", mean(reference))
    for name, most in FIRST_STEP.items():
        if settings.device == "cpu" and name != "bf16":
            recorder.figure(name, "not run: a CPU has no fast fp16, and its fp32 is the reference")
            continue
        losses = step_losses(settings.small(f"losses-{name}", precision=name), steps)
        first = abs(losses[0] - reference[0]) / abs(reference[0])
        average = abs(mean(losses) - mean(reference)) / abs(mean(reference))
        recorder.figure(f"first_loss_difference_{name}", first)
        recorder.figure(f"mean_loss_difference_{name}", average)
        recorder.expect(
            first <= most, f"the first loss in {name} differs by {first:.2%} (most {most:.2%})"
        )
        recorder.expect(
            average <= ALL_STEPS, f"losses in {name} differ by {average:.2%} (most {ALL_STEPS:.0%})"
        )


def resume(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Stop a run and resume it: the weights are those of a run that nobody stopped.

    Some of a GPU's kernels add in any order, so two runs are compared first: a resumed run may
    differ from an uninterrupted one only as that one differs from itself.
    """
    whole, again = (
        _trained_weights(settings.small(f"resume-{name}")) for name in ("whole", "again")
    )
    cut = settings.small("resume-cut")

    def stop(report: StepReport) -> None:
        if report.epoch == 2 and report.step == 2:
            RunFolder(path=cut.run).request_stop()

    try:
        _trained_weights(cut, on_step=stop)
    except TrainingInterrupted:
        pass
    else:
        raise RuntimeError("the run did not stop when it was asked to")
    resumed = _trained_weights(cut, resume=True)
    chance, difference = _distance(whole, again), _distance(whole, resumed)
    recorder.figure("weights_difference_of_two_whole_runs", chance)
    recorder.figure("weights_difference_of_resumed_run", difference)
    recorder.figure("bit_exact", "yes" if difference == 0.0 else "no")
    recorder.expect(
        difference <= 3.0 * chance,
        f"the resumed run's weights differ by {difference:.3g}, two whole runs' by {chance:.3g}",
    )


def _trained_weights(
    config: TrainConfig, resume: bool = False, on_step: Callable[[StepReport], None] | None = None
) -> dict[str, Tensor]:
    """Train two epochs, leave out the end of the run, and return the weights."""
    reports = fit(config, resume, on_step)
    for report in reports:
        if report.epoch == 2:
            break
    reports.close()  # type: ignore[attr-defined]
    return load_checkpoint(RunFolder(path=config.run).last).model.state_dict()


def _distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def memory(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Train with too little memory: the message names a batch size, and that size trains."""
    backbone = "test_resnet" if settings.dry else "efficientnet_b0"
    asked = 16 if settings.dry else 512

    def config(name: str, batch_size: int) -> TrainConfig:
        return settings.run_of(name, backbone, settings.input_size, batch_size=batch_size)

    limited = _limited_memory if settings.device == "cuda" else _imitated_limit
    recorder.figure("limit", "4 GiB" if settings.device == "cuda" else "imitated: 4 photos")
    with limited():
        began = time.monotonic()
        try:
            step_losses(config("memory-large", asked), 1)
        except RunError as error:
            message = str(error)
        else:
            raise NotRunError(f"a step of {asked} photos fitted into the limit")
        recorder.figure("message", message)
        recorder.figure("seconds_until_the_message", time.monotonic() - began)
        named = re.search(r"(\d+) photos fit\..* --batch-size (\d+)", message)
        recorder.expect(named is not None, f"no batch size that fits is named: {message}")
        assert named is not None
        size = int(named[2])
        recorder.figure("batch_size_that_fits", size)
        if settings.device == "cuda":
            recorder.figure("bytes_kept_after_the_failure", torch.cuda.memory_allocated())
        losses = step_losses(config("memory-fits", size), 3)
    recorder.figure("steps_made_with_it", len(losses))


def batch_size(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Let runs find their batch size, with all memory and with a limit; those sizes train."""
    backbone = "test_resnet" if settings.dry else "efficientnet_b0"
    limits: dict[str, Callable[[], AbstractContextManager[None]]]
    limits = {"limited_memory": _imitated_limit}
    if settings.device == "cuda":
        limits = {"all_memory": nullcontext, "limited_memory": _limited_memory}
    for name, limited in limits.items():
        tried: dict[int, float] = {}

        def recorded(*arguments: Any, tried: dict[int, float] = tried) -> dict[int, float]:  # noqa: ANN401
            tried |= seconds_a_photo(*arguments)
            return tried

        config = settings.run_of(
            f"auto-{name}", backbone, settings.input_size, batch_size=None, workers=8
        )
        began = time.monotonic()
        with (
            limited(),
            patch.object(search, "SEARCHED", (settings.device,)),
            patch.object(search, "seconds_a_photo", recorded),
        ):
            losses = step_losses(config, 3)
        recorder.figure(f"{name}_seconds", time.monotonic() - began)
        chosen = RunFolder(path=config.run).config().batch_size
        for size, spent in sorted(tried.items()):
            recorder.figure(f"{name}_ms_a_photo_in_batches_of_{size}", 1e3 * spent)
        recorder.figure(f"{name}_largest_that_fits", max(tried))
        recorder.figure(f"{name}_chosen", chosen or 0)
        recorder.expect(chosen in tried, f"{chosen} was not tried")
        recorder.expect(len(losses) == 3, f"only {len(losses)} steps were made with {chosen}")


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Let torch use a few GiB of the GPU, whatever its size."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(
        min(1.0, LIMIT_BYTES / torch.cuda.get_device_properties(0).total_memory)
    )
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@contextmanager
def _imitated_limit() -> Iterator[None]:
    """Raise CUDA's error for steps of more than 4 photos."""
    forward = StepLosses.forward

    def limited(self: StepLosses, inputs: StepInput) -> Tensor:
        if len(inputs.batch.rows) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(self, inputs)

    with patch.object(StepLosses, "forward", limited):
        yield


def queue(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Queue two runs for one device: they run in turn."""
    root, runs = settings.work / "queue", ("one", "two")
    began = time.monotonic()
    for name in runs:
        config = _quick(settings, f"queue/{name}")
        _bearings(settings, "train", config, "--queue", gpus=1).wait()
    seen = _most_taken(root, lambda: _all_ended(root, runs), began + seconds)
    states = [run_state(root / name).state for name in runs]
    recorder.figure("states", ", ".join(states))
    recorder.figure("most_runs_at_once", max(seen.values(), default=0))
    recorder.figure("devices", ", ".join(sorted(seen)))
    recorder.figure("seconds_for_both", time.monotonic() - began)
    ends = "; ".join(log_tail(root / name, 2) for name in runs)
    recorder.expect(states == ["finished"] * 2, f"not both runs finished: {states}: {ends}")
    _expect_one_each(settings, seen, recorder)


def _all_ended(root: Path, runs: tuple[str, ...]) -> bool:
    return not any(run_state(root / name).state in UNFINISHED for name in runs)


def folds(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Cross-validate with `--parallel`: one fold a GPU."""
    _need_two_gpus(settings)
    out = settings.work / "folds"
    count = max(2, min(4, settings.gpus))
    config = _quick(settings, "folds")
    words = ("--parallel", "--folds", str(count))
    process = _bearings(settings, "crossval", config, *words)
    _conducted(settings, process, config, out, count, seconds, recorder)


def trials(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Search with a worker a GPU: one trial a GPU."""
    _need_two_gpus(settings)
    out = settings.work / "trials"
    workers = max(1, min(4, settings.gpus))
    count = 1 if settings.dry else max(2, workers)
    config = _quick(settings, "trials")
    words = (
        "--workers", str(workers), "--trials", str(count),
        "--vary", "stage2.lr_heads=1e-4..1e-2 log",
    )  # fmt: skip
    process = _bearings(settings, "tune", config, *words)
    jobs = min(count, workers)
    _conducted(settings, process, config, out / "trials", jobs, seconds, recorder)


def _conducted(
    settings: Settings,
    process: "subprocess.Popen[str]",
    config: TrainConfig,
    root: Path,
    jobs: int,
    seconds: float,
    recorder: Recorder,
) -> None:
    began = time.monotonic()
    seen = _most_taken(root, lambda: process.poll() is not None, began + seconds)
    recorder.figure("devices", ", ".join(sorted(seen)))
    recorder.figure("most_jobs_on_a_device", max(seen.values(), default=0))
    recorder.figure("seconds", time.monotonic() - began)
    if process.poll() is None:
        process.kill()
        recorder.expect(False, f"it did not end within {seconds:.0f} s")
    said = " / ".join(_output(config).read_text("utf-8", "replace").strip().splitlines()[-3:])
    ended = f"it ended with exit code {process.returncode}: {said}"
    recorder.expect(process.returncode == 0, ended)
    _expect_one_each(settings, seen, recorder)
    if settings.device == "cuda":
        wanted = min(jobs, settings.gpus)
        recorder.expect(len(seen) == wanted, f"{len(seen)} GPUs were used, not {wanted}")


def _expect_one_each(settings: Settings, seen: dict[str, int], recorder: Recorder) -> None:
    recorder.expect(bool(seen), "no job was seen on a device")
    recorder.expect(max(seen.values()) == 1, f"several jobs shared a device: {seen}")
    right = all(slot.startswith(settings.device) for slot in seen)
    recorder.expect(right, f"jobs ran on {', '.join(seen)}, not on {settings.device}")


def _most_taken(root: Path, ended: Callable[[], bool], until: float) -> dict[str, int]:
    """Return how many jobs had each slot at once, at most, until all ended or the time is up."""
    most: dict[str, int] = {}
    while True:
        over = ended() or time.monotonic() > until
        slots = [slot for taken in slots_taken(root).values() for slot in taken]
        for slot in set(slots):
            most[slot] = max(most.get(slot, 0), slots.count(slot))
        if over:
            return most
        time.sleep(0.1)


def _quick(settings: Settings, name: str) -> TrainConfig:
    return settings.small(name, dataset=settings.few, stage2=Stage2Config(epochs=1))


def _bearings(
    settings: Settings, command: str, config: TrainConfig, *words: str, gpus: int | None = None
) -> "subprocess.Popen[str]":
    """Start a command of the command line; `gpus` limits how many it sees."""
    folder = {"train": "--run", "crossval": "--out", "tune": "--study"}[command]
    model = config.model
    options = "--train." if command == "tune" else "--"
    flags = (
        "--backbone", model.backbone, "--input-size", str(model.input_size), "--weights", "random",
        "--epochs", str(config.stage2.epochs), "--batch-size", str(config.batch_size),
        f"{options}least-steps", "0", f"{options}gallery-points", "0", f"{options}tta.views", "1",
        "--device", settings.device,
    )  # fmt: skip
    environment = os.environ | python_path()
    if gpus is not None and settings.gpus > gpus and VISIBLE not in os.environ:
        environment[VISIBLE] = ",".join(map(str, range(gpus)))
    with _output(config).open("a", encoding="utf-8") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "core", command, str(config.dataset), folder, str(config.run),
             *flags, *words],
            cwd=PROJECT,
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip


def _output(config: TrainConfig) -> Path:
    """What a command of the command line printed; the report quotes its end when it fails."""
    path = config.run.with_suffix(".log")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def batchnorm(settings: Settings, seconds: float, recorder: Recorder) -> None:
    """Train by two processes on two GPUs: the losses are those of one."""
    _need_two_gpus(settings, dry=False)
    alone = _first_epoch(settings.small("norm-alone"), [])
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    pair = settings.small("norm-pair", stage2=Stage2Config(epochs=1))
    together = _first_epoch(pair, launcher)
    log = RunFolder(path=pair.run).log_path.read_text(encoding="utf-8")
    recorder.figure("loss_of_one_process", alone)
    recorder.figure("loss_of_two_processes", together)
    said = "BatchNorm normalises by the photos of all processes" in log
    recorder.expect(said, "BatchNorm was not synchronised")
    difference = abs(alone - together) / abs(alone)
    recorder.expect(difference <= 2e-2, f"the losses differ by {difference:.1%}")


def _need_two_gpus(settings: Settings, *, dry: bool = True) -> None:
    """Raise NotRunError on fewer than two GPUs; a dry run imitates them where `dry` is set."""
    if settings.gpus < 2 and not (settings.dry and dry):
        raise NotRunError(f"it needs two GPUs, here {'is one' if settings.gpus else 'are none'}")


def _first_epoch(config: TrainConfig, launcher: list[str]) -> float:
    """Train an epoch, in this process or by a launcher, and return its loss."""
    if launcher:
        options = config.run.with_suffix(".json")
        options.write_text(config.model_dump_json(), encoding="utf-8")
        words = ("core", "train", "--config", str(options))
        subprocess.run(
            [sys.executable, *launcher, *words],
            cwd=PROJECT,
            env=os.environ | python_path(),
            check=True,
        )
        return float(RunFolder(path=config.run).events()[0]["train"]["total"])
    reports = fit(config)
    loss = next(reports).train.total
    reports.close()  # type: ignore[attr-defined]
    return loss
