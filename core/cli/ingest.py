"""`ingest`: make a dataset from a folder of phone photos."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from core.cli.command import Command, bar, say
from core.cli.flags import add_flags, given, validated
from core.ingest.schema import IngestConfig


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", type=Path, metavar="PHOTO_FOLDER",
        help="Folder of phone photos with EXIF, subfolders included; or a video, with --track",
    )  # fmt: skip
    add_flags(parser, IngestConfig, without=("photos",))


def _run(arguments: argparse.Namespace) -> int:
    from core.ingest.build import ingest
    from core.ingest.photos import reasons

    config = validated(IngestConfig, given(arguments) | {"photos": arguments.photos})
    with bar("Reading EXIF", "files") as reading, bar("Copying") as copying:
        bars: dict[str, Callable[[int, int], None]] = {"Reading EXIF": reading, "Copying": copying}
        made = ingest(config, lambda label, done, total: bars[label](done, total))
    regions = f" in {made.regions:,} regions" if made.regions else ""
    say(f"{made.photos:,} photos{regions}; {len(made.left_out):,} files left out")
    for reason, count in reasons(made.left_out).items():
        say(f"  {count} x {reason}")
    for (label, reason), count in made.lacks.items():
        say(f"  {count} x kept without {label}: {reason}")
    if made.panoramas:
        say(f"{made.panoramas} panoramas were cut into views of {config.view_hfov:g} degrees")
    if made.tilted:
        say(f"{made.tilted} panoramas lean by more than 5 degrees; their views are level")
    if made.whole_panoramas:
        say(f"{made.whole_panoramas} panoramas were kept whole: --panorama cuts them into views")
    if not made.regions:
        say("No photo has a region: training makes regions of the positions (or give --regions K)")
    if made.left_out:
        say(f"Their names and reasons are in {made.folder / 'left_out.csv'}")
    sys.stdout.write(f"{made.folder}\n")
    return 0


COMMAND = Command(
    "ingest",
    "PHOTO_FOLDER --out DATASET [--regions K | --region-from-folders] [options]",
    "Make a dataset from a folder of phone photos: labels from EXIF, copies without EXIF.",
    (
        "python -m core ingest photos --out data/campus --regions 8",
        "python -m core ingest photos --out data/campus --region-from-folders --size 1024",
        "python -m core ingest photos --out data/campus --declination -0.9   # magnetic compasses",
        "python -m core ingest photos --out data/campus --panorama --views 6",
        "python -m core ingest walk.mp4 --out data/walk --track walk.gpx "
        "--video-start 2024-03-05T15:03:20+01:00",
    ),
    _add,
    _run,
)
