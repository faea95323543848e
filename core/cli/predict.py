"""`predict`: estimate where photos were taken and which way the camera faced."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.command import Command, bar, check_out_file, imports, say
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.inference.prediction import Prediction
    from core.inference.predictor import Predictor

FORMATS = ("json", "csv", "csv-short", "geojson", "kml", "gpx", "submission")
_OF_WALKS = ("times", "order", "interval", "speed")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        metavar="RUN_OR_CHECKPOINT",
        help="Run folder, checkpoint folder or ensemble folder",
    )
    parser.add_argument(
        "photos", metavar="PHOTO_OR_FOLDER",
        help="A photo, or a folder of photos, searched with its subfolders; with --on, also the "
        "URL of one, such as s3://BUCKET/FOLDER",
    )  # fmt: skip
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="Format of the answers (default: json); submission is the course's table, which also "
        "has answers for refused photos",
    )
    parser.add_argument(
        "--out", metavar="FILE",
        help="File to write (default: the output stream); with --on a new folder, or its URL",
    )  # fmt: skip
    parser.add_argument(
        "--region", help="Known region of the photos; improves position and heading"
    )
    parser.add_argument(
        "--heading", type=float, metavar="DEGREES",
        help="Known heading, degrees clockwise from true north; improves the position",
    )  # fmt: skip
    parser.add_argument(
        "--keep-refused", "--no-refusal", action="store_true", dest="keep_refused",
        help="Also write answers for refused photos",
    )  # fmt: skip
    parser.add_argument(
        "--raw", action="store_true",
        help="In CSV, no apostrophe before text that spreadsheets would compute (= + - @ first)",
    )  # fmt: skip
    parser.add_argument(
        "--device", default="auto", help="Device: auto, cpu, cuda or mps (default: auto)"
    )
    _add_cluster(parser)
    _add_walk(parser)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--on", metavar="ADDRESS",
        help="Predict on a Ray cluster, http://HOST:8265 or ray://HOST:10001, by workers that hold "
        "one model each, and write Parquet files to the folder --out",
    )  # fmt: skip
    cluster.add_argument(
        "--on-cpus", type=float, metavar="N", help="With --on: cores of each worker (default: 1)"
    )
    cluster.add_argument(
        "--on-gpus", type=float, metavar="N",
        help="With --on: GPUs of each worker (default: 1 if there is any)",
    )  # fmt: skip
    cluster.add_argument(
        "--ray-workers", type=int, metavar="N",
        help="With --on: workers at most (default: as many as the cluster has room for)",
    )  # fmt: skip


def _add_walk(parser: argparse.ArgumentParser) -> None:
    walk = parser.add_argument_group("walk")
    walk.add_argument(
        "--walk", action="store_true",
        help="The photos are of one walk: smooth their positions in order of time, and mark jumps",
    )  # fmt: skip
    walk.add_argument(
        "--times", type=Path, metavar="FILE",
        help="Table of file names and times, such as labels.csv (default: the photos' EXIF)",
    )  # fmt: skip
    walk.add_argument(
        "--order", choices=("time", "name"),
        help="Order of the photos; name: take them by name, without times (default: time)",
    )  # fmt: skip
    walk.add_argument(
        "--interval", type=float, metavar="SECONDS",
        help="With --order name: time from one photo to the next (default: 30)",
    )  # fmt: skip
    walk.add_argument(
        "--speed", type=float, metavar="M_PER_S",
        help="Speed limit in metres a second (default: 2)",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from core.inference.files import find_photos

    # Wrong arguments fail before the seconds that the model takes to load.
    _check_walk(arguments)
    if arguments.on is not None:
        return _run_there(arguments)
    _check_local(arguments)
    form = arguments.format or "json"
    out = None if arguments.out is None else Path(arguments.out)
    check_out_file(out)
    folder = Path(arguments.photos)
    paths = find_photos(folder)
    with imports():
        from core.confidence.overlap import UNSEEN_FROM, UNSEEN_NOTE
        from core.evaluation.place import other_place_note
        from core.files import write_text
        from core.inference.export_files import check_form, written
        from core.inference.loading import load_predictor

        # All that is loaded also stays, and what fills it in has no cycles.
        predictor = load_predictor(arguments.model, arguments.device)
    if arguments.walk:
        _check_model(predictor, form)
    else:
        check_form(form, predictor.card.labels, predictor.card.local_frame.frame)
    with bar("Predicting") as progress:
        found = predictor.predict_files(paths, progress, arguments.region, arguments.heading)
    elsewhere = other_place_note(predictor.card, predictor.gallery, folder, paths)
    for note in (*found.prediction.notes, *elsewhere):
        say(f"note: {note}")
    for failure in found.failures:
        say(f"error: {failure.reason}")
    keep = arguments.keep_refused
    confidence = found.prediction.confidence
    refused = int(found.prediction.refused.sum())
    if refused:
        hint = "" if keep else "; --keep-refused writes their answers too"
        many = f"{refused:,} of {len(found.prediction):,} photos"
        say(f"note: {many} do not look like this campus{hint}")
    unseen = 0 if confidence is None else int((confidence.unseen >= UNSEEN_FROM).sum())
    if unseen:
        say(f"note: {unseen:,} of {len(found.prediction):,} photos: {UNSEEN_NOTE}")
    if arguments.walk:
        text = _walk_text(arguments, found.prediction, predictor)
    else:
        text = written(
            found.prediction, predictor.gallery, form, keep_refused=keep, raw=arguments.raw
        )
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
        say(f"{len(found.prediction):,} photos written to {out}")
    return 1 if found.failures else 0


def _run_there(arguments: argparse.Namespace) -> int:
    """Predict on a cluster, and say what was written."""
    from core.cluster.batch_predict import BatchTask, predict_there

    if arguments.out is None:
        raise ConfigError("--on writes Parquet files: name their folder by --out")
    if arguments.format is not None or arguments.walk or arguments.raw:
        raise ConfigError("--on writes Parquet files: leave out --format, --walk and --raw")
    if arguments.ray_workers is not None and arguments.ray_workers < 1:
        raise ConfigError(f"--ray-workers must be at least 1, got {arguments.ray_workers}")
    cpus = 1.0 if arguments.on_cpus is None else arguments.on_cpus
    if cpus <= 0.0 or (arguments.on_gpus or 0.0) < 0.0:
        raise ConfigError("--on-cpus must be more than 0, and --on-gpus at least 0")
    task = BatchTask(
        model=_absolute(str(arguments.model)),
        photos=_absolute(arguments.photos),
        out=_absolute(arguments.out),
        known_region=arguments.region,
        known_heading_deg=arguments.heading,
        keep_refused=arguments.keep_refused,
        device=arguments.device,
        workers=arguments.ray_workers,
        cpus=cpus,
        gpus=arguments.on_gpus,
    )
    counts = predict_there(arguments.on, task, say)
    say(
        f"{counts.photos:,} photos written to {arguments.out}: {counts.refused} do not look like "
        f"this campus, {counts.unreadable} cannot be read"
    )
    return 1 if counts.unreadable else 0


def _absolute(path: str) -> str:
    """A path as the machines of a cluster see it; URLs stay as they are."""
    return path if "://" in path else str(Path(path).resolve())


def _check_local(arguments: argparse.Namespace) -> None:
    """Refuse what needs a cluster, where none is named."""
    for name in ("on_cpus", "on_gpus", "ray_workers"):
        if getattr(arguments, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is about a cluster: add --on ADDRESS")
    for name in ("photos", "out"):
        if "://" in (getattr(arguments, name) or ""):
            raise ConfigError(
                f"{getattr(arguments, name)} is an URL, which a cluster reads and writes: add --on "
                "ADDRESS, or copy the folder here"
            )


def _check_walk(arguments: argparse.Namespace) -> None:
    """Refuse options that contradict each other, before the seconds that the model takes."""
    given = [name for name in _OF_WALKS if getattr(arguments, name) is not None]
    if not arguments.walk and given:
        raise ConfigError(f"--{given[0]} is about a walk: add --walk")
    if arguments.times is not None and arguments.order == "name":
        raise ConfigError("--order name reads no times: leave out --times, or --order")
    if arguments.interval is not None and arguments.order != "name":
        raise ConfigError("--interval needs --order name: photos with times have their own")
    for name in ("interval", "speed"):
        value = getattr(arguments, name)
        if value is not None and not 0.0 < value < float("inf"):
            raise ConfigError(f"--{name} must be more than 0, got {value:g}")


def _check_model(predictor: "Predictor", form: str) -> None:
    from core.walk.export import check_format
    from core.walk.walk import check_walk

    check_walk(predictor.card.labels, predictor.loaded.calibration is not None)
    check_format(form, predictor.card.local_frame.frame)


def _walk_text(
    arguments: argparse.Namespace, prediction: "Prediction", predictor: "Predictor"
) -> str:
    from core.walk.export import written
    from core.walk.times import exif_times, order_of_files, order_of_times, table_times
    from core.walk.track import Motion
    from core.walk.walk import make_walk

    names = prediction.filenames
    if arguments.order == "name":
        moments = order_of_files(len(names), arguments.interval or 30.0)
    elif arguments.times is not None:
        moments = order_of_times(table_times(arguments.times, names), names)
    else:
        moments = order_of_times(exif_times([Path(path) for path in prediction.photo_ids]), names)
    motion = Motion() if arguments.speed is None else Motion(limit_mps=arguments.speed)
    training_m = prediction.position_refined_m
    if predictor.gallery is not None:
        training_m = predictor.gallery.position_m
    walk = make_walk(prediction, moments, training_m, motion, keep_refused=arguments.keep_refused)
    for note in walk.notes:
        say(f"note: {note}")
    flags = [flag for each in walk.flags for flag in each]
    say(
        f"{len(walk.rows):,} of {len(names):,} photos are on the track; {flags.count('overruled')} "
        f"overruled by their neighbours, {flags.count('jump')} jumps"
    )
    return written(walk, arguments.format or "json", raw=arguments.raw)


COMMAND = Command(
    "predict",
    "RUN_OR_CHECKPOINT PHOTO_OR_FOLDER [--format FORMAT] [--out FILE] [--on ADDRESS]",
    "Estimate where photos were taken and which way the camera faced.",
    (
        "python -m core predict checkpoints/demo-campus photo.jpg",
        "python -m core predict runs/first data/demo/images --format csv --out places.csv",
        "python -m core predict runs/first photo.jpg --region 7   # the region is known",
        "python -m core predict runs/first others/ --keep-refused   # refused photos too",
        "python -m core predict runs/first walk/ --format geojson --out walk.geojson",
        "python -m core predict runs/first walk/ --format gpx --out walk.gpx   # also kml",
        "python -m core predict runs/first walk/ --walk --format gpx --out walk.gpx   # a track",
        "python -m core predict /shared/runs/first s3://bucket/photos --on http://HEAD:8265 --out "
        "s3://bucket/answers   # Parquet",
    ),
    _add,
    _run,
)
