"""The tables of an ingested dataset: labels, what was left out, and the names of the campus."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.files import write_text
from core.ingest.gather import LeftOut, Source
from core.ingest.schema import IngestConfig

LABELS = (
    "filename", "timestamp", "latitude", "longitude", "angle", "Region_ID", "hfov_deg",
    "accuracy_m", "heading_reference", "source",
)  # fmt: skip
"""Columns of labels.csv; `heading_reference` says what the photo's own direction counted from, as
`angle` counts from true north in every row. The last three are for people and the audit."""


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
