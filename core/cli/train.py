"""`train`: train a model, or resume a run."""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli.command import Command, add_config, add_dataset, bar, continued_by, imports, say
from core.cli.flags import add_flags, chosen, given
from core.cli.queueing import add_queue_flags, put, put_back, to_queue
from core.cluster.record import refuse_if_elsewhere
from core.dataset.layout import find_label_files
from core.errors import ConfigError
from core.jobs.devices import has_gpu
from core.jobs.job import LOCAL
from core.system import SYSTEM
from core.training.environment import launched_rank, train_command
from core.training.interrupt import INTERRUPTED, TrainingInterrupted
from core.training.presets import with_preset
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

if TYPE_CHECKING:
    from core.training.run_folder import EpochReport

RETRIEVAL = {
    "--retrieval-backbone": "retrieval.backbone",
    "--retrieval-weights": "retrieval.weights",
    "--retrieval-input-size": "retrieval.input_size",
}
SHORT = {
    "--backbone": "model.backbone",
    "--weights": "model.weights",
    "--input-size": "model.input_size",
    "--retrieval-backbone": "retrieval.backbone",
    "--retrieval-weights": "retrieval.weights",
    "--retrieval-input-size": "retrieval.input_size",
    "--epochs": "stage2.epochs",
    "--split": "split.protocol",
    "--fold": "split.fold",
    "--folds": "split.folds",
} | RETRIEVAL


def _add(parser: argparse.ArgumentParser) -> None:
    add_dataset(parser, "resume a run")
    parser.add_argument(
        "--resume", action="store_true", help="Resume the run in --run exactly where it stopped"
    )
    add_config(parser, ", such as a run's config.json")
    add_flags(
        parser, TrainConfig, short=SHORT, without=("dataset", "command"), aliases={"--out": "run"}
    )
    add_queue_flags(parser).add_argument(
        "--ray-workers", type=int, metavar="N",
        help="Train on N workers of Ray Train, on this machine or with --on on the cluster; "
        "--batch-size is the total of all workers",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    config = _config(arguments)
    if arguments.on == LOCAL:
        # A wrong path fails before the seconds that torch takes to import.
        find_label_files(config.dataset)
    if to_queue(arguments):
        return _queue(arguments, config)
    refuse_if_elsewhere(config.run)
    SYSTEM.keep_free_memory()
    say(f"{'Resuming' if arguments.resume else 'Training'} {config.run}")
    epoch = 0
    try:
        again = train_command(f"--run {config.run} --resume")
        with continued_by(again, config.run), bar("Epoch", "steps") as progress:
            for report in _reports(arguments, config, progress):
                epoch = report.epoch
                say(_line(report))
    except TrainingInterrupted as error:
        say(str(error))
        return INTERRUPTED
    done = "Nothing was trained" if not config.planned_epochs else f"Finished after {epoch} epochs"
    say(f"{done}. Next: python -m core evaluate {config.run}")
    if launched_rank() == 0:
        sys.stdout.write(f"{RunFolder(path=config.run).best}\n")
    return 0


def _reports(
    arguments: argparse.Namespace, config: TrainConfig, progress: Callable[[int, int], None]
) -> "Iterator[EpochReport]":
    """Train in this process, or in workers of Ray Train."""
    if arguments.ray_workers is not None:
        from core.cluster.ray_train import train_on_workers

        return train_on_workers(config, arguments.resume, arguments.ray_workers)
    with imports():
        from core.training.fit import fit

    return fit(config, arguments.resume, lambda step: progress(step.step, step.steps))


def _queue(arguments: argparse.Namespace, config: TrainConfig) -> int:
    if arguments.resume:
        return put_back(config.run, arguments)
    again = ("train", "--run", str(config.run.resolve()), "--resume")
    workers = arguments.ray_workers
    extra = () if workers is None else ("--ray-workers", str(workers))
    return put(
        arguments, "train", config.run, config, again=again, extra=extra, device=config.device
    )


def _config(arguments: argparse.Namespace) -> TrainConfig:
    saved = None
    if arguments.resume:
        run = given(arguments).get("run")
        if run is None:
            raise ConfigError("--resume needs --run: the folder of the run to resume")
        saved = RunFolder(path=Path(run)).config()
    return chosen(arguments, TrainConfig, "train", SHORT, saved, partial(of_preset, arguments.on))


def of_preset(on: str, values: dict[str, Any]) -> dict[str, Any]:
    """Lay the given options on those of the preset in them.

    Args:
        on: Where it will be trained; a cluster is taken to have GPUs.
        values: Nested options, among them `dataset` and `preset`.

    Raises:
        LabelError: The data set cannot be read, so that its photos cannot be counted.
    """
    from core.dataset.labels import read_dataset

    gpu = on != LOCAL or has_gpu(str(values.get("device", "auto")))
    return with_preset(values, len(read_dataset(Path(values["dataset"]))), gpu=gpu)


def _line(report: "EpochReport") -> str:
    metrics = report.validation
    return (
        f"epoch {report.epoch:>3}/{report.epochs} {report.stage:<9} "
        f"loss {report.train.total:.3f} | validation: {metrics.in_words()} | "
        f"{report.photos_per_s:.0f} photos/s{'  best so far' if report.best else ''}"
    )


COMMAND = Command(
    "train",
    "DATASET --run RUN [options]\n       python -m core train --run RUN --resume",
    "Train a model on a folder of labelled photos, or resume a run.",
    (
        "python -m core train data/demo --run runs/first",
        "python -m core train data/demo --run runs/small --backbone mobilenetv3_large_100 "
        "--epochs 10",
        "python -m core train data/campus --run runs/f0 --split spot --folds 5 --fold 0",
        "python -m core train data/campus --run runs/own --weights weights/resnet34.safetensors "
        "--backbone resnet34",
        "python -m core train --run runs/first --resume",
        "python -m core train /shared/campus --run /shared/runs/first --on http://head:8265",
        "python -m core train data/demo --run runs/again --config runs/first/config.json",
        "python -m core train data/demo --run runs/later --queue",
        "python -m core train data/demo --run runs/quick --preset quick",
    ),
    _add,
    _run,
)
