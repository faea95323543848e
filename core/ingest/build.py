"""Making a dataset folder of a plain folder of phone photos: regions, tables, copies.

Regions are clusters of positions or the subfolders. The folder appears whole or not at all.
"""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.files import write_text
from core.geo import CoordinateFrame, Floats, LocalFrame
from core.ingest.photos import LeftOut, Source, copy_photos, gather, reasons
from core.ingest.schema import IngestConfig
from core.system import SYSTEM

PHOTOS_PER_REGION = 50
MOST_REGIONS = 15
_LOOSE = "(top folder)"


def usual_count(photos: int) -> int:
    """Return the default number of regions: one per 50 photos, at most 15."""
    return int(np.clip(round(photos / PHOTOS_PER_REGION), 1, MOST_REGIONS))


def regions_by_place(position_deg: Floats, count: int, seed: int) -> NDArray[np.int64]:
    """Divide positions `(n, 2)` in degrees into regions 1 to `count` by k-means on local metres.

    Regions are numbered by their centres from north to south: the same photos in another order get
    the same numbers. There are never more regions than different positions.
    """
    from sklearn.cluster import KMeans  # heavy, and needed once

    metres = LocalFrame.about(CoordinateFrame("degrees"), position_deg).to_metres(position_deg)
    # k-means starts from drawn rows, so rows are drawn from a fixed order, each place once.
    places, weight = np.unique(metres.round(3), axis=0, return_counts=True)
    count = min(count, len(places))
    fitted = KMeans(count, n_init=10, random_state=seed).fit(places, sample_weight=weight)
    centres = np.asarray(fitted.cluster_centers_, np.float64)
    number = np.empty(count, np.int64)
    number[np.lexsort((centres[:, 1], -centres[:, 0]))] = np.arange(1, count + 1)
    return np.asarray(number[fitted.predict(metres)])


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
    "accuracy_m", "heading_reference", "source",
)  # fmt: skip
"""Columns of labels.csv; `heading_reference` is the north that the photo's direction counted
from; `angle` counts from true north in every row. The last three are for people and the audit."""


def write_tables(
    folder: Path,
    config: IngestConfig,
    sources: Sequence[Source],
    copied: Mapping[str, str],
    region: NDArray[np.int64],
    names: Mapping[int, str],
    left_out: Sequence[LeftOut],
) -> None:
    """Write labels.csv, left_out.csv and campus.toml into the dataset folder."""
    rows = [
        _row(source, copied[source.relative], int(number))
        for source, number in zip(sources, region, strict=True)
    ]
    write_text(folder / "labels.csv", _csv(LABELS, rows))
    lost = sorted((each.relative, each.reason) for each in left_out)
    write_text(folder / "left_out.csv", _csv(("source", "reason"), lost))
    write_text(folder / "campus.toml", _campus(config, names))


def _row(source: Source, filename: str, region: int) -> tuple[str | int, ...]:
    exif = source.exif
    latitude, longitude = source.position_deg
    return (
        filename,
        exif.taken,
        f"{latitude:.8f}",
        f"{longitude:.8f}",
        _short(source.heading_deg),
        region,
        "" if exif.hfov_deg is None else f"{exif.hfov_deg:.2f}",
        "" if exif.accuracy_m is None else _short(exif.accuracy_m),
        exif.reference,
        source.relative,
    )


def _short(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _campus(config: IngestConfig, names: Mapping[int, str]) -> str:
    regions = "\n".join(f"{number} = {_quoted(name)}" for number, name in names.items())
    name = config.name or config.out.resolve().name
    return f'name = {_quoted(name)}\n\n[frame]\nkind = "degrees"\n\n[regions]\n{regions}\n'


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
        regions: In how many regions.
        left_out: Files that did not become labelled photos; also in `left_out.csv`.
    """

    folder: Path
    photos: int
    regions: int
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
    sources, left_out = gather(
        config.photos,
        config.declination,
        _said(progress, "Reading EXIF"),
        config.direction_reference or "",
    )
    if not sources:
        raise ConfigError(_nothing(config.photos, left_out))
    out = config.out
    out.parent.mkdir(parents=True, exist_ok=True)
    whole = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.part-"))
    try:
        (whole / "images").mkdir()
        copied, broken = copy_photos(
            sources, whole / "images", config.size, _said(progress, "Copying")
        )
        kept = [source for source in sources if source.relative in copied]
        if not kept:
            raise ConfigError(_nothing(config.photos, broken))
        region, names = _regions(kept, config)
        write_tables(whole, config, kept, copied, region, names, [*left_out, *broken])
        whole.chmod(0o755)
        if out.exists():
            out.rmdir()
        SYSTEM.replace(whole, out)
    except BaseException:
        shutil.rmtree(whole, ignore_errors=True)
        raise
    return Ingested(out, len(kept), len(names), (*left_out, *broken))


def _check_folders(config: IngestConfig) -> None:
    photos, out = config.photos.resolve(), config.out.resolve()
    if not photos.is_dir():
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


def _regions(
    sources: Sequence[Source], config: IngestConfig
) -> tuple[NDArray[np.int64], dict[int, str]]:
    if config.region_from_folders:
        return regions_by_folder([source.relative for source in sources])
    count = config.regions or usual_count(len(sources))
    position = np.array([source.position_deg for source in sources], np.float64)
    region = regions_by_place(position, count, config.seed)
    return region, {number: f"Region {number}" for number in range(1, int(region.max()) + 1)}


def _nothing(folder: Path, left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return f"{folder} holds no files"
    why = "; ".join(f"{count} x {reason}" for reason, count in reasons(left_out).items())
    return (
        f"no photo in {folder} can be used: {why}. Photos need GPS and a direction in their EXIF; "
        "messengers and many exports remove both. A magnetic direction needs --declination"
    )


def _said(progress: Progress | None, label: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(label, done, total)
