"""A small campus of which somebody labelled only a part."""

import csv
import shutil
from pathlib import Path
from typing import Literal

Stripped = Literal["positions", "regions", "half_headings", "half_positions"]
STRIPPED: tuple[Stripped, ...] = ("positions", "regions", "half_headings")
_TAKEN: dict[Stripped, tuple[str, ...]] = {
    "positions": ("angle", "Region_ID"),
    "regions": ("angle", "latitude", "longitude"),
    "half_headings": (),
    "half_positions": (),
}


def stripped_demo(folder: Path, stripped: Stripped, *, demo: Path) -> Path:
    """Write a campus with positions or regions only, or without every other label of a kind.

    Args:
        folder: Where to write; it is made.
        stripped: What stays.
        demo: The campus to copy.

    Returns:
        The folder.
    """
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
