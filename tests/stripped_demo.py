"""A small demo campus of which somebody labelled only a part."""

import csv
import shutil
from pathlib import Path
from typing import Literal

from core.demo.build import DemoConfig, build_demo

Stripped = Literal["positions", "regions", "half_headings", "half_positions"]
STRIPPED: tuple[Stripped, ...] = ("positions", "regions", "half_headings")
PHOTOS = 72
_TAKEN: dict[Stripped, tuple[str, ...]] = {
    "positions": ("angle", "Region_ID"),
    "regions": ("angle", "latitude", "longitude"),
    "half_headings": (),
    "half_positions": (),
}


def stripped_demo(
    folder: Path, stripped: Stripped, *, demo: Path | None = None, photos: int = PHOTOS
) -> Path:
    """Write a demo campus with positions or regions only, or without every other label of a kind.

    Args:
        folder: Where to write; it is made.
        stripped: What stays.
        demo: A demo campus to copy; absent: one of so many photos is rendered, in seconds.
        photos: How many photos to render.

    Returns:
        The folder.
    """
    if demo is None:
        build_demo(DemoConfig(out=folder, photos=photos, seed=3, workers=1))
    else:
        shutil.copytree(demo, folder, ignore=shutil.ignore_patterns(".bearings"))
    table = folder / "labels.csv"
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows):
        for column in _TAKEN[stripped]:
            del row[column]
        if stripped == "half_headings" and number % 2:
            row["angle"] = ""
        if stripped == "half_positions" and number % 2:
            row["latitude"] = row["longitude"] = ""
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
