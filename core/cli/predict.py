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
        "photos", type=Path, metavar="PHOTO_OR_FOLDER",
        help="A photo, or a folder of photos, searched with its subfolders",
    )  # fmt: skip
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="json",
        help="Format of the answers (default: json); submission is the course's table, which also "
        "has answers for refused photos",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="File to write (default: the output stream)"
    )
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
    check_out_file(arguments.out)
    _check_walk(arguments)
    paths = find_photos(arguments.photos)
    with imports():
        from core.confidence.overlap import UNSEEN_FROM, UNSEEN_NOTE
        from core.evaluation.place import other_place_note
        from core.files import write_text
        from core.inference.export_files import check_form, written
        from core.inference.loading import load_predictor

        # All that is loaded also stays, and what fills it in has no cycles.
        predictor = load_predictor(arguments.model, arguments.device)
    if arguments.walk:
        _check_model(predictor, arguments.format)
    else:
        check_form(arguments.format, predictor.card.labels, predictor.card.local_frame.frame)
    with bar("Predicting") as progress:
        found = predictor.predict_files(paths, progress, arguments.region, arguments.heading)
    elsewhere = other_place_note(predictor.card, predictor.gallery, arguments.photos, paths)
    for note in (*found.prediction.notes, *elsewhere):
        say(f"note: {note}")
    for failure in found.failures:
        say(f"error: {failure.reason}")
    keep = arguments.keep_refused
    confidence = found.prediction.confidence
    refused = int(found.prediction.refused.sum())
    if refused:
        hint = "" if keep else "; --keep-refused writes their answers too"
        say(f"note: {refused} of {len(found.prediction)} photos do not look like this campus{hint}")
    unseen = 0 if confidence is None else int((confidence.unseen >= UNSEEN_FROM).sum())
    if unseen:
        say(f"note: {unseen} of {len(found.prediction)} photos: {UNSEEN_NOTE}")
    if arguments.walk:
        text = _walk_text(arguments, found.prediction, predictor)
    else:
        text = written(
            found.prediction, predictor.gallery, arguments.format,
            keep_refused=keep, raw=arguments.raw,
        )  # fmt: skip
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        write_text(arguments.out, text)
        say(f"{len(found.prediction)} photos written to {arguments.out}")
    return 1 if found.failures else 0


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
        f"{len(walk.rows)} of {len(names)} photos are on the track; {flags.count('overruled')} "
        f"overruled by their neighbours, {flags.count('jump')} jumps"
    )
    return written(walk, arguments.format, raw=arguments.raw)


COMMAND = Command(
    "predict",
    "RUN_OR_CHECKPOINT PHOTO_OR_FOLDER [--format FORMAT] [--out FILE]",
    "Estimate where photos were taken and which way the camera faced.",
    (
        "python -m core predict checkpoints/demo-campus photo.jpg",
        "python -m core predict runs/first data/demo/images --format csv --out places.csv",
        "python -m core predict runs/first photo.jpg --region 7   # the region is known",
        "python -m core predict runs/first others/ --keep-refused   # refused photos too",
        "python -m core predict runs/first walk/ --format geojson --out walk.geojson",
        "python -m core predict runs/first walk/ --format gpx --out walk.gpx   # also kml",
        "python -m core predict runs/first walk/ --walk --format gpx --out walk.gpx   # a track",
    ),
    _add,
    _run,
)
