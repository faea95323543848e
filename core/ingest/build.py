"""Making a dataset folder of a plain folder of phone photos: regions, tables, copies.

Regions are the subfolders or clusters of positions, or there are none. The folder appears whole or
not at all.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from core.dataset.made_regions import cluster_centres, nearest_centre
from core.errors import ConfigError
from core.files import unfinished_folder, write_text
from core.geo import CoordinateFrame, Floats, LocalFrame
from core.ingest.panorama import TILTED_DEG, Sphere, sphere_of
from core.ingest.photos import (
    NO_POSITION,
    Copy,
    LeftOut,
    Source,
    copy_photos,
    gather,
    kind,
    reasons,
)
from core.ingest.schema import IngestConfig
from core.ingest.video import copy_frames
from core.system import SYSTEM

_LOOSE = "(top folder)"


def regions_by_place(position_deg: Floats, count: int, seed: int) -> NDArray[np.int64]:
    """Divide positions `(n, 2)` in degrees into regions 1 to `count` by k-means on local metres.

    Regions are numbered by their centres from north to south: the same photos in another order get
    the same numbers. There are never more regions than different positions.
    """
    metres = LocalFrame.about(CoordinateFrame("degrees"), position_deg).to_metres(position_deg)
    return nearest_centre(metres, cluster_centres(metres, count, seed)) + 1


def regions_by_folder(relative: Sequence[str]) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Number the folders of relative paths `(n,)` in the order of their names.

    Returns:
        Region `(n,)` of every photo, and the name of each region.
    """
    folders = [str(PurePosixPath(path).parent) for path in relative]
    named = [_LOOSE if folder == "." else folder for folder in folders]
    numbers = {name: number for number, name in enumerate(sorted(set(named)), start=1)}
    return (
        np.array([numbers[name] for name in named], np.int64),
        {number: name for name, number in numbers.items()},
    )


LABELS = (
    "filename", "timestamp", "latitude", "longitude", "angle", "Region_ID", "hfov_deg",
    "panorama_id", "accuracy_m", "heading_reference", "source", "lacks",
)  # fmt: skip
"""Columns of labels.csv; `heading_reference` is the north that the photo's direction counted
from; `angle` counts from true north in every row. The last four are for people and the audit."""


def write_tables(
    folder: Path,
    config: IngestConfig,
    copies: Sequence[Copy],
    region: Sequence[str],
    names: Mapping[int, str],
    left_out: Sequence[LeftOut],
) -> None:
    """Write labels.csv, left_out.csv and campus.toml into the dataset folder.

    Columns about regions and panoramas are written only if there are any.
    """
    rows = [_row(copy, own) for copy, own in zip(copies, region, strict=True)]
    absent = {
        *(() if names else ("Region_ID",)),
        *(() if any(row["panorama_id"] for row in rows) else ("panorama_id",)),
    }
    columns = [column for column in LABELS if column not in absent]
    write_text(
        folder / "labels.csv", _csv(columns, [[row[key] for key in columns] for row in rows])
    )
    lost = sorted((each.relative, each.reason) for each in left_out)
    write_text(folder / "left_out.csv", _csv(("source", "reason"), lost))
    write_text(folder / "campus.toml", _campus(config, names))


def _row(copy: Copy, region: str) -> dict[str, str]:
    source, exif = copy.source, copy.source.exif
    latitude, longitude = source.position_deg or (None, None)
    return {
        "filename": copy.name,
        "timestamp": exif.taken,
        "latitude": "" if latitude is None else f"{latitude:.8f}",
        "longitude": "" if longitude is None else f"{longitude:.8f}",
        "angle": "" if copy.heading_deg is None else _short(copy.heading_deg),
        "Region_ID": region,
        "hfov_deg": "" if copy.hfov_deg is None else f"{copy.hfov_deg:.2f}",
        "panorama_id": "" if source.sphere is None else source.relative,
        "accuracy_m": "" if exif.accuracy_m is None else _short(exif.accuracy_m),
        "heading_reference": exif.reference,
        "source": source.relative,
        "lacks": "; ".join(f"{label}: {why}" for label, why in source.lacks.items()),
    }


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _campus(config: IngestConfig, names: Mapping[int, str]) -> str:
    name = config.name or config.out.resolve().name
    text = f'name = {_quoted(name)}\n\n[frame]\nkind = "degrees"\n'
    regions = "\n".join(f"{number} = {_quoted(name)}" for number, name in names.items())
    return f"{text}\n[regions]\n{regions}\n" if names else text


def _quoted(name: str) -> str:
    """A JSON string of printable characters is a TOML basic string, whatever a folder is called."""
    return json.dumps("".join(c for c in name if c.isprintable()), ensure_ascii=False)


Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Ingested:
    """The result of an ingest.

    Attributes:
        folder: The dataset.
        photos: How many photos it holds.
        regions: In how many regions; 0 if none was asked for.
        panoramas: How many panoramas were cut into views.
        whole_panoramas: How many panoramas became one wide photo each.
        tilted: How many of those that were cut lean by more than 5 degrees, as their tags say.
        lacks: How many photos lack a label, by `(label, reason)`.
        left_out: Files that did not become labelled photos; also in `left_out.csv`.
    """

    folder: Path
    photos: int
    regions: int
    panoramas: int
    whole_panoramas: int
    tilted: int
    lacks: Mapping[tuple[str, str], int]
    left_out: tuple[LeftOut, ...]


def ingest(config: IngestConfig, progress: Progress | None = None) -> Ingested:
    """Read EXIF, copy pixels, and write labels.csv, campus.toml and left_out.csv.

    The folder appears whole or not at all; the originals are only read.

    Args:
        config: What to make of which photos.
        progress: Called with what is done, `(files done, files in all)` of it.

    Raises:
        ConfigError: The folders cannot be used, or no photo can.
    """
    _check_folders(config)
    sources, left_out = list[Source](), list[LeftOut]()
    if not config.is_video:
        sources, left_out = gather(config, _said(progress, "Reading EXIF"))
        _check_labels(config, sources, left_out)
    out = config.out
    with unfinished_folder(out) as whole:
        (whole / "images").mkdir()
        copying = _said(progress, "Copying")
        if config.is_video:
            copies, broken = copy_frames(config, whole / "images", copying)
        else:
            copies, broken = copy_photos(sources, whole / "images", config, copying)
        left_out = [*left_out, *broken]
        _check_labels(config, [copy.source for copy in copies], left_out)
        region, names = _regions(copies, config)
        write_tables(whole, config, copies, region, names, left_out)
        if out.exists():
            out.rmdir()
        SYSTEM.replace(whole, out)
    return _ingested(out, copies, len(names), left_out)


def _ingested(
    out: Path, copies: Sequence[Copy], regions: int, left_out: Sequence[LeftOut]
) -> Ingested:
    sources = {copy.source.relative: copy.source for copy in copies}.values()
    cut = [source.exif for source in sources if source.sphere is not None]
    return Ingested(
        out,
        len(copies),
        regions,
        len(cut),
        sum(
            source.sphere is None and isinstance(sphere_of(source.exif, False), Sphere)
            for source in sources
        ),
        sum(exif.pano is not None and exif.pano.tilt_deg > TILTED_DEG for exif in cut),
        Counter((label, kind(why)) for copy in copies for label, why in copy.source.lacks.items()),
        tuple(left_out),
    )


def _check_folders(config: IngestConfig) -> None:
    photos, out = config.photos.resolve(), config.out.resolve()
    if config.is_video and not photos.is_file():
        raise ConfigError(f"there is no video {config.photos}")
    if not config.is_video and not photos.is_dir():
        raise ConfigError(f"there is no folder of photos {config.photos}")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{config.out} is a file: choose another --out")
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError(
            f"{config.out} is not empty: choose another --out, nothing is overwritten"
        )
    if out.is_relative_to(photos) or photos.is_relative_to(out):
        raise ConfigError(
            f"{config.out} and {config.photos} are inside one another: choose an --out beside the "
            "photos, so that the originals stay as they are"
        )


def _regions(copies: Sequence[Copy], config: IngestConfig) -> tuple[list[str], dict[int, str]]:
    """Region of each photo, `""` without one, and the names of the regions."""
    if config.region_from_folders:
        numbers, names = regions_by_folder([copy.source.relative for copy in copies])
        return [str(number) for number in numbers], names
    region = [""] * len(copies)
    if config.regions is None:
        return region, {}
    located = [(row, copy.source.position_deg) for row, copy in enumerate(copies)]
    known = [(row, position) for row, position in located if position is not None]
    positions = np.array([position for _, position in known], np.float64)
    numbers = regions_by_place(positions, config.regions, config.seed)
    for (row, _), number in zip(known, numbers, strict=True):
        region[row] = str(number)
    return region, {number: f"Region {number}" for number in range(1, int(numbers.max()) + 1)}


def _check_labels(
    config: IngestConfig, sources: Sequence[Source], left_out: Sequence[LeftOut]
) -> None:
    """Refuse photos that nobody could train on: headings alone, or nothing."""
    if any(source.position_deg for source in sources) or (config.region_from_folders and sources):
        return
    if not sources and not left_out:
        raise ConfigError(f"{config.photos} holds no files")
    if config.is_video:
        raise ConfigError(
            f"{config.track} does not cover the video {config.photos}: check --video-start "
            f"{config.video_start} and its zone"
        )
    why = [f"{count} x {reason}" for reason, count in reasons(left_out).items()]
    why += [f"{len(sources)} x {NO_POSITION}"] if sources else []
    raise ConfigError(
        f"no photo in {config.photos} can be used: {'; '.join(why)}. Photos need a GPS position in "
        "their EXIF; messengers and many exports remove it. If the subfolders are regions, "
        "--region-from-folders takes photos without positions"
    )


def _said(progress: Progress | None, label: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(label, done, total)
