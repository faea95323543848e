"""Make a dataset folder of a plain folder of phone photos."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.ingest.copies import copy_photos
from core.ingest.gather import LeftOut, Source, gather, reasons
from core.ingest.regions import regions_by_folder, regions_by_place, usual_count
from core.ingest.schema import IngestConfig
from core.ingest.tables import write_tables
from core.system import SYSTEM

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Ingested:
    """What became of a folder of photos.

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
    sources, left_out = gather(config.photos, config.declination, _said(progress, "Reading EXIF"))
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
            f"{config.out} and {config.photos} lie in one another: choose an --out beside the "
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
