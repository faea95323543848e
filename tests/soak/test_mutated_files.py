"""No mutation of a stored file escapes its reader: it is read, or refused by one of our errors.

`make test` tries a few mutations of each file, the same every time; `make soak` tries as many as
fit into two thirds of BEARINGS_SOAK_MINUTES, others every time. What it finds becomes a line of
`CRASHES`.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from core.dataset.labels import read_dataset
from core.dataset.repairs import Repair, now, write_repairs
from core.errors import BearingsError
from core.files import write_json
from core.jobs.job import Job
from core.splits.protocols import make_split
from tests.app.run_folders import write_run
from tests.soak.mutations import Mutation, mutated, mutations
from tests.soak.readers import (
    Reader,
    bundle_reader,
    checkpoint_readers,
    dataset_readers,
    graph_reader,
    index_readers,
    photo_readers,
    report_readers,
    run_readers,
    split_reader,
    table_readers,
    weights_readers,
)

STORED = Path(__file__).parents[1] / "golden" / "stored"
MINUTES = float(os.environ.get("BEARINGS_SOAK_MINUTES", "0"))
EXAMPLES = 1_000_000 if MINUTES else 16


def make_readers(folder: Path, campus: Path, checkpoint: Path, exported: Path) -> dict[str, Reader]:
    """All readers, each with files of its own below a folder.

    Args:
        folder: Where the files are made.
        campus: A dataset, which is copied.
        checkpoint: A checkpoint of it, which is copied.
        exported: The same with its network as ONNX, which is copied.
    """
    own = folder / "campus"
    shutil.copytree(campus, own, ignore=shutil.ignore_patterns(".bearings"))
    dataset = read_dataset(own)
    split = make_split(dataset, "spot", 0)
    _write_neighbours(own)
    for name in ("whole", "first"):
        run = write_run(folder, name)
        run.write_json("split.json", split.to_json())
        config = run.config()
        Job.training(config).write(run.path)
    report = folder / "report"
    report.mkdir()
    shutil.copy(STORED / "report.json", report / "report.json")
    rows = (STORED / "predictions.csv").read_bytes().splitlines(keepends=True)
    (report / "predictions.csv").write_bytes(b"".join(rows[:9]))
    readers = [
        *checkpoint_readers(checkpoint, campus, folder),
        graph_reader(exported, folder),
        bundle_reader(checkpoint, folder),
        *index_readers(campus, folder),
        *run_readers(folder / "runs" / "first"),
        *dataset_readers(own),
        *report_readers(report),
        *weights_readers(folder / "weights"),
        *table_readers(folder / "tables"),
        *photo_readers(folder / "photos"),
        split_reader(folder, split),
    ]
    return {reader.name: reader for reader in readers}


def _write_neighbours(campus: Path) -> None:
    """Files beside the labels: decisions, polygons of regions, a base layer, a description."""
    labels = read_dataset(campus)
    first = labels.table.iloc[0]
    repair = Repair("labels.csv", first["filename"], "sexagesimal", "latitude", "1.0", "17.4",
                    "accepted", "person", now())  # fmt: skip
    write_repairs(campus, [repair])
    (south, west), (north, east) = labels.positions.min(axis=0), labels.positions.max(axis=0)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    areas = [{"type": "Feature", "geometry": shape, "properties": {"name": "9", "kind": "lawn"}}]
    for name in ("regions.geojson", "campus.geojson"):
        write_json(campus / name, {"type": "FeatureCollection", "features": areas})
    if not (campus / "campus.toml").exists():
        (campus / "campus.toml").write_text(
            'name = "Tiny"\n[frame]\nkind = "degrees"\n[regions]\n1 = "Gate"\n', encoding="utf-8"
        )


def attack(reader: Reader, content: bytes, changes: Sequence[Mutation]) -> None:
    """Let a reader read mutated content; whatever it raises but one of our errors goes on."""
    reader.write(mutated(content, changes))
    message = ""
    try:
        reader.read()
    except BearingsError as error:
        message = str(error)
    assert len(message) < 5_000, "a message quotes the whole file"


@pytest.fixture(scope="module")
def readers(
    tmp_path_factory: pytest.TempPathFactory,
    shared_campus: Path,
    checkpoint: Path,
    exported: Path,
) -> dict[str, Reader]:
    """Every reader, over files that only this module changes."""
    return make_readers(tmp_path_factory.mktemp("soak"), shared_campus, checkpoint, exported)


NAMES = (
    "card", "gallery-names", "gallery", "weights", "split", "run-config.json", "run-status.json",
    "run-job.json", "run-notes.json", "run-split.json", "run-events.jsonl", "labels.csv",
    "campus.toml", "repairs.csv", "regions.geojson", "tags.csv", "campus.geojson", "report",
    "predictions", "zip.pth", "old.pth", "new.safetensors", "labels.geojson", "labels.gpx",
    "labels.json", "labels.kml", "labels.parquet", "labels.xlsx", "photo.jpg", "photo.png",
    "photo.webp", "photo.tif", "photo.gif", "split-file", "graph", "bundle", "store-index",
    "views.json",
)  # fmt: skip


def test_every_reader_is_attacked(readers: dict[str, Reader]) -> None:
    assert set(readers) == set(NAMES)
    for reader in readers.values():
        attack(reader, reader.file.read_bytes(), [])


@pytest.mark.parametrize("name", NAMES)
def test_no_mutation_escapes_its_reader(readers: dict[str, Reader], name: str) -> None:
    reader = readers[name]
    whole = reader.file.read_bytes()
    ends = time.monotonic() + 40.0 * MINUTES / len(NAMES) if MINUTES else float("inf")

    @settings(
        max_examples=max(1, EXAMPLES // reader.cost),
        deadline=None,
        database=None,
        derandomize=not MINUTES,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations(reader.kinds))
    def search(changes: list[Mutation]) -> None:
        if time.monotonic() < ends:
            attack(reader, whole, changes)

    try:
        search()
    finally:
        reader.write(whole)


# What earlier searches found, by the reader that let it through.
CRASHES: tuple[tuple[str, bytes], ...] = (
    ("run-status.json", b"\xff\xfe\x00"),
    ("run-status.json", b'{"state": "running", "pid": -1, "process_start": 0, "heartbeat": 0}'),
    ("run-job.json", b"\xff\xfe\x00"),
    ("run-job.json", b'{"kind": "train", "arguments": ["train"], "created": 1e300}'),
    ("run-job.json", b'{"kind": "train", "arguments": ["\\ud800"]}'),
    ("run-events.jsonl", b'{"epoch": 1}\n'),
    ("run-events.jsonl", b'{"epoch": 1, "epochs": [], "best": true, "seconds": 1}\n'),
    ("run-events.jsonl", b'{"epoch": 1, "best": true, "validation": {"median_m": [[2]]}}\n'),
    ("run-notes.json", b"[" * 100_000),
    ("card", b"[" * 100_000),
    ("split-file", b'{"parts": {"train": [1, "a"]}, "protocol": "spot"}'),
    ("split-file", b'{"parts": {"train": 7}, "protocol": "spot", "hash": ""}'),
    ("campus.toml", b"a = " + b"[" * 100_000),
    ("campus.toml", b"seed = " + b"9" * 5000),
    ("labels.csv", b"filename,latitude,longitude\n" + b"," * 1_000_000),
    ("labels.csv", b"filename,latitude,longitude\n" + b"a" * 1_000_001 + b",1,2\n"),
    ("labels.csv", b"filename,latitude,longitude,angle,Region_ID\na.jpg,1,2,3," + b"9" * 5000),
    ("zip.pth", b"root:*:19000:0:99999:7:::\n"),
    ("old.pth", b"\x80\x02."),
    ("report", b'{"n": NaN}'),
    ("predictions", b"photo_id,error_m\n1,x\n"),
)


@pytest.mark.parametrize("number", range(len(CRASHES)))
def test_what_was_found_stays_mended(readers: dict[str, Reader], number: int) -> None:
    name, content = CRASHES[number]
    reader = readers[name]
    whole = reader.file.read_bytes()
    reader.write(content)
    try:
        began = time.monotonic()
        with contextlib.suppress(BearingsError):
            reader.read()
        assert time.monotonic() - began < 60.0, "a small file takes long"
    finally:
        reader.write(whole)


@pytest.mark.parametrize("name", ["card", "run-status.json", "run-events.jsonl", "tags.csv"])
@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_what_is_no_regular_file_is_refused(
    readers: dict[str, Reader], name: str, kind: str
) -> None:
    file = readers[name].file
    whole = file.read_bytes()
    file.unlink()
    try:
        if kind == "folder":
            file.mkdir()
        elif kind == "fifo":
            os.mkfifo(file)
        else:
            file.symlink_to("/dev/zero")
        with contextlib.suppress(BearingsError):
            readers[name].read()
    finally:
        file.rmdir() if kind == "folder" else file.unlink()
        file.write_bytes(whole)
