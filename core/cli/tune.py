"""`tune`: search for better options by many training runs, or continue a search."""

import argparse
import sys
from pathlib import Path
from typing import Any

from core.cli.command import Command, add_config, add_dataset, aligned, continued_by, imports, say
from core.cli.flags import add_flags, given, read_options, typed, validated
from core.cli.queueing import add_queue_flags, compute_target, put_conductor
from core.cli.train import SHORT as TRAIN_SHORT
from core.dataset.layout import find_label_files
from core.errors import ConfigError, RunError
from core.jobs.conductor import ComputeTarget
from core.jobs.job import LOCAL
from core.locks import LockHeld
from core.options import in_words, merged
from core.training.interrupt import INTERRUPTED, TrainingInterrupted
from core.tuning.folder import StudyFolder
from core.tuning.schema import TuneConfig
from core.tuning.space import parse_distribution

# Options of a run have their names of `train`, unless a study has one of that name itself.
SHORT = {flag: f"train.{path}" for flag, path in TRAIN_SHORT.items()} | {
    "--batch-size": "train.batch_size",
    "--device": "train.device",
    "--threads": "train.threads",
    "--zero-training": "train.zero_training",
}


def _add(parser: argparse.ArgumentParser) -> None:
    add_dataset(parser, "continue a study")
    parser.add_argument(
        "--vary", action="append", metavar="OPTION=VALUES", default=[],
        help='Option to search, by its dotted name; may be repeated: "stage2.lr_heads=1e-4..1e-2 '
        'log", "model.region_dropout=0..0.5 step 0.1", "schedule.kind=cosine,plateau"; replaces '
        "the default search space",
    )  # fmt: skip
    parser.add_argument(
        "--space", type=Path, metavar="FILE",
        help='JSON file of the search space: {"stage2.lr_heads": {"low": 1e-4, "high": 1e-2, '
        '"log": true}, "model.backbone": {"choices": ["resnet18", "resnet34"]}}',
    )  # fmt: skip
    parser.add_argument(
        "--base", type=Path, metavar="FILE",
        help="A run's config.json, whose options all trials start from",
    )  # fmt: skip
    add_config(parser)
    parser.add_argument(
        "--show", action="store_true", help="Show the trials and the best options; train nothing"
    )
    names = ("dataset", "run", "command", "monitor", "preset")
    without = ("space", *(f"train.{name}" for name in names))
    add_flags(parser, TuneConfig, short=SHORT, without=without, aliases={"--out": "study"})
    add_queue_flags(parser, "1 for each of --workers").add_argument(
        "--ray-workers", type=int, metavar="N",
        help="With --on: search from here and run N trials at the same time on the cluster, each "
        "as a job there; all its machines must see the study folder",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    values = given(arguments)
    if arguments.show:
        if "study" not in values:
            raise ConfigError("--show needs --study: the folder of the study")
        return _show(Path(values["study"]))
    there = arguments.ray_workers
    if there is not None and (arguments.on == LOCAL or there < 1):
        raise ConfigError(
            "--ray-workers needs --on ADDRESS and a number of at least 1; for trials at the same "
            "time on this machine give --workers"
        )
    config = _config(arguments, values)
    if arguments.on == LOCAL or there is not None:
        # A wrong path fails before the seconds that Optuna and torch take to import.
        find_label_files(config.train.dataset)
    if arguments.queue or (arguments.on != LOCAL and there is None):
        return _queue(arguments, config)
    target = compute_target(arguments, there if there is not None else config.workers)
    return _conduct(config, target)


def _queue(arguments: argparse.Namespace, config: TuneConfig) -> int:
    there = arguments.ray_workers
    return put_conductor(
        arguments,
        "tune",
        config.study,
        config,
        again=("tune", "--study", str(config.study)),
        extra=() if there is None else ("--ray-workers", str(there)),
        device=config.train.device,
        slots=config.workers,
        conducts_here=arguments.on == LOCAL or there is not None,
    )


def _conduct(config: TuneConfig, target: ComputeTarget) -> int:
    with imports():
        from core.tuning.study import conduct

    say(f"Tuning in {config.study}: {config.planned} trials by {config.sampler}")
    try:
        with continued_by(f"python -m core tune --study {config.study}", config.study):
            for trial in conduct(config, target):
                shown = "-" if trial.value is None else f"{trial.value:.4g}"
                say(f"trial {trial.number} {trial.state}: {config.monitor} {shown} {trial.reason}")
    except LockHeld as error:
        raise RunError(
            f"another process conducts study {config.study}: follow it with python -m core tune "
            f"--study {config.study} --show; for more trials at the same time stop it and start "
            "it again with more --workers"
        ) from error
    except TrainingInterrupted as error:
        say(str(error))
        return INTERRUPTED
    return _show(config.study)


def _show(path: Path) -> int:
    from core.tuning.results import read_study

    view = read_study(path)
    table = view.table().astype(object)
    table = table.sort_values(view.config.monitor, ascending=not view.config.higher_is_better)
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    for line in aligned([[str(name) for name in table.columns], *rows]):
        sys.stdout.write(f"{line}\n")
    counts = ", ".join(f"{count} {state}" for state, count in view.counts.items()) or "none yet"
    say(f"{len(view.trials):,} of {view.config.planned:,} trials: {counts}")
    if view.best is None:
        return 0
    say(
        f"Best: trial {view.best.number}, {view.config.monitor} {view.best.value:.4g} on validation"
    )
    run = path.with_name(f"{path.name}-best")
    sys.stdout.write(typed("train", view.options(view.best.number, run), TRAIN_SHORT) + "\n")
    return 0


def _cell(value: Any) -> str:  # noqa: ANN401 - any option's value
    if value is None or value != value:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _config(arguments: argparse.Namespace, values: dict[str, Any]) -> TuneConfig:
    """Options from the study or the files, overridden by the command line."""
    base: dict[str, Any] = {}
    if arguments.config is not None:
        base = read_options(arguments.config)
    study = (values if "study" in values else base).get("study")
    if study is None:
        raise ConfigError("--study is required: the folder that the study is written to")
    folder = StudyFolder(path=Path(study).resolve())
    if folder.exists:
        base = merged(folder.read().model_dump(mode="json"), base)
    if arguments.base is not None:
        run = {**read_options(str(arguments.base)), "run": str(folder.path), "command": ""}
        base = merged(base, {"train": run})
    values = merged(base, values | {"study": str(folder.path)})
    train = values.setdefault("train", {})
    if arguments.dataset is not None:
        train["dataset"] = str(arguments.dataset)
    if "dataset" not in train:
        raise ConfigError("DATASET is required: the folder with labels and photos")
    train |= {"dataset": str(Path(train["dataset"]).resolve()), "run": str(folder.path)}
    space = _space(arguments)
    if space:
        values["space"] = space
    return validated(TuneConfig, values, SHORT)


def _space(arguments: argparse.Namespace) -> dict[str, Any]:
    space = {} if arguments.space is None else read_options(str(arguments.space))
    for text in arguments.vary:
        path, found, values = text.partition("=")
        if not found or not values.strip():
            raise ConfigError(
                f"--vary {text}: write OPTION=VALUES, as in stage2.lr_heads=1e-4..1e-2"
            )
        try:
            space[path.strip()] = parse_distribution(values).model_dump()
        except ValueError as error:
            raise ConfigError(f"--vary {text}: {in_words(error)}") from error
    return space


COMMAND = Command(
    "tune",
    "DATASET --study STUDY [options]\n       python -m core tune --study STUDY",
    "Search for better options by many training runs, or continue a search.",
    (
        "python -m core tune data/demo --study runs/tune-1 --trials 20",
        "python -m core tune data/demo --study runs/tune-2 --epochs 10 "
        '--vary "stage2.lr_heads=1e-4..1e-2 log" --vary "model.backbone=resnet18,resnet34"',
        "python -m core tune data/demo --study runs/grid --sampler grid "
        '--vary "model.position_dropout=0,0.2,0.4" --vary "schedule.kind=cosine,one_cycle"',
        "python -m core tune --study runs/tune-1   # continue",
        "python -m core tune --study runs/tune-1 --show   # trials and the best options",
    ),
    _add,
    _run,
)
