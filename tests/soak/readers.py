"""Every reader of files that people or programs store, each with a whole file to begin with."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from core.bundle import export_model, import_model
from core.cli.queue import _row as queue_row
from core.cli.runs import _notes as runs_notes
from core.cli.runs import _row as runs_row
from core.dataset.base_layer import read_base_layer
from core.dataset.decode import decode_display, decode_photo
from core.dataset.exif import read_exif
from core.dataset.labels import read_dataset
from core.dataset.layout import store_folder
from core.dataset.store import prepare_dataset
from core.dataset.tags import change_tags, read_tags
from core.evaluation.stored_reports import read_evaluated_model
from core.files import write_json
from core.inference.loading import load_predictor
from core.inference.stored_split import load_split
from core.jobs.notes import Notes, write_notes
from core.jobs.queue import queue_of
from core.jobs.summary import list_jobs
from core.model.backbone import read_weights
from core.splits.split import Split
from core.tables.formats import read_raw
from core.views import change_views, read_views
from tests.soak.mutations import BYTES, CELLS, GRAPH, NODES

JSON = (*BYTES, *NODES, *NODES)
CSV = (*BYTES, *CELLS, *CELLS)


@dataclass(frozen=True)
class Reader:
    """A reader and the file that it reads.

    Attributes:
        name: In the names of tests.
        kinds: Mutations that its file is given.
        file: The file, in a folder that may be changed.
        read: Reads it; raises one of Bearings' errors for a damaged file, and nothing else.
        write: Writes mutated content, and what other files say about it.
        cost: How much longer than others it takes; divides the number of its examples.
    """

    name: str
    kinds: tuple[str, ...]
    file: Path
    read: Callable[[], object]
    write: Callable[[bytes], None]
    cost: int = 1


def _plain(name: str, kinds: tuple[str, ...], file: Path, read: Callable[[], object],
           cost: int = 1) -> Reader:  # fmt: skip
    return Reader(name, kinds, file, read, file.write_bytes, cost)


def checkpoint_readers(checkpoint: Path, campus: Path, folder: Path) -> list[Reader]:
    """Every file of a checkpoint folder; arrays get their new digest, so that they are parsed."""
    copy = folder / "checkpoint"
    shutil.copytree(checkpoint, copy)
    photo = sorted(campus.rglob("*.jpg"))[0]

    def answer() -> object:
        return load_predictor(copy).predict_files([photo])

    card = json.loads((copy / "card.json").read_text(encoding="utf-8"))
    names = json.loads((copy / "gallery.json").read_text(encoding="utf-8"))
    weights = copy / card["weights"]

    def put_weights(content: bytes) -> None:
        for old in copy.glob("model-*.safetensors"):
            old.unlink()
        name = f"model-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
        (copy / name).write_bytes(content)
        write_json(copy / "card.json", card | {"weights": name})

    def put_gallery(content: bytes) -> None:
        (copy / "gallery.safetensors").write_bytes(content)
        write_json(copy / "gallery.json", names | {"sha256": hashlib.sha256(content).hexdigest()})

    return [
        _plain("card", JSON, copy / "card.json", answer, 8),
        _plain("gallery-names", JSON, copy / "gallery.json", answer, 8),
        Reader("gallery", BYTES, copy / "gallery.safetensors", answer, put_gallery, 8),
        Reader("weights", BYTES, weights, answer, put_weights, 8),
        _plain("split", JSON, copy / "split.json", lambda: load_split(copy)),
    ]


def graph_reader(exported: Path, folder: Path) -> Reader:
    """The graph of an exported network, named by its content and computed once."""
    copy = folder / "exported"
    shutil.copytree(exported, copy)
    card = (copy / "card.json").read_text(encoding="utf-8")
    graph = next(copy.glob("network-*.onnx"))
    pixels = np.random.default_rng(0).integers(0, 255, (2, 72, 72, 3), np.uint8)

    def put(content: bytes) -> None:
        for old in copy.glob("network-*.onnx"):
            old.unlink()
        name = f"network-{hashlib.sha256(content).hexdigest()[:16]}.onnx"
        (copy / name).write_bytes(content)
        (copy / "card.json").write_text(card.replace(graph.name, name), encoding="utf-8")

    def answer() -> object:
        return load_predictor(copy).predict_photos(pixels)

    return Reader("graph", (*BYTES[:2], *GRAPH, *GRAPH), graph, answer, put, 2)


def bundle_reader(checkpoint: Path, folder: Path) -> Reader:
    """A model as one file, imported."""
    bundle, out = folder / "model.zip", folder / "imported"
    export_model(checkpoint, bundle)

    def read() -> object:
        try:
            return import_model(bundle, out)
        finally:
            shutil.rmtree(out, ignore_errors=True)

    return _plain("bundle", BYTES, bundle, read, 8)


def index_readers(campus: Path, folder: Path) -> list[Reader]:
    """What finds stored photos, and named filters of photos."""
    copy = folder / "stored"
    shutil.copytree(campus, copy)
    prepare_dataset(copy, 32)
    change_views(folder, {"north": {"region": ["1"]}})

    def stored() -> object:
        # A store that cannot be read is made again.
        return prepare_dataset(copy, 32)[1].photos.sum()

    index = store_folder(copy) / "photos-32.json"
    return [
        _plain("store-index", JSON, index, stored, 4),
        _plain("views.json", JSON, folder / "views.json", lambda: read_views(folder)),
    ]


def run_readers(run: Path) -> list[Reader]:
    """Every file of a run folder, read by the lists that show all runs."""
    root = run.parent

    def listed() -> object:
        jobs = list_jobs(root)
        assert {job.name for job in jobs} >= {run.name, "whole"}, "a damaged run hides a run"
        return queue_of(root), [(runs_row(job), runs_notes(job), queue_row(job)) for job in jobs]

    write_notes(run, Notes(text="first", tags=("baseline",)))
    names = ("config.json", "status.json", "job.json", "notes.json", "split.json", "events.jsonl")
    return [_plain(f"run-{name}", JSON, run / name, listed, 2) for name in names]


def dataset_readers(campus: Path) -> list[Reader]:
    """Label tables, what stands beside them, and what people decided about them."""
    change_tags(campus, ["images/1.jpg"], add="tree")

    def read() -> object:
        return read_dataset(campus)

    files = {"labels.csv": CSV, "campus.toml": BYTES, "repairs.csv": CSV, "regions.geojson": JSON}
    return [
        *(_plain(name, kinds, campus / name, read, 4) for name, kinds in files.items()),
        _plain("tags.csv", CSV, campus / "tags.csv", lambda: read_tags(campus)),
        _plain("campus.geojson", JSON, campus / "campus.geojson", lambda: read_base_layer(campus)),
    ]


def report_readers(report: Path) -> list[Reader]:
    """A report and its table of photos."""

    def read() -> object:
        return read_evaluated_model(report)

    return [
        _plain("report", JSON, report / "report.json", read, 2),
        _plain("predictions", CSV, report / "predictions.csv", read, 2),
    ]


def weights_readers(folder: Path) -> list[Reader]:
    """Weights that somebody downloaded, in every form that is read."""
    folder.mkdir()
    state = {"a.weight": torch.zeros(3, 2), "a.bias": torch.ones(3)}
    forms: dict[str, Callable[[Path], object]] = {
        "zip.pth": lambda path: torch.save({"state_dict": state}, path),
        "old.pth": lambda path: torch.save(state, path, _use_new_zipfile_serialization=False),
        "new.safetensors": lambda path: save_file(state, path),
    }
    readers = []
    for name, save in forms.items():
        path = folder / name
        save(path)
        readers.append(_plain(name, BYTES, path, lambda path=path: read_weights(path)))
    return readers


def table_readers(folder: Path) -> list[Reader]:
    """Tables in other formats than CSV."""
    import openpyxl
    import pyarrow
    import pyarrow.parquet

    folder.mkdir()
    rows = [{"filename": f"{n}.jpg", "latitude": 17.4 + n, "longitude": 78.3, "Region_ID": n}
            for n in range(3)]  # fmt: skip
    book = openpyxl.Workbook()
    for line in ([*rows[0]], *([*row.values()] for row in rows)):
        book.active.append(line)
    book.save(folder / "labels.xlsx")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "labels.parquet")
    (folder / "labels.json").write_text(json.dumps(rows), encoding="utf-8")
    point = {"type": "Point", "coordinates": [78.3, 17.4]}
    features = [{"type": "Feature", "geometry": point, "properties": row} for row in rows]
    collection = {"type": "FeatureCollection", "features": features}
    (folder / "labels.geojson").write_text(json.dumps(collection), encoding="utf-8")
    mark = "<Placemark><name>1.jpg</name><coordinates>78.3,17.4</coordinates></Placemark>"
    (folder / "labels.kml").write_text(f"<kml>{mark}</kml>", encoding="utf-8")
    point = '<wpt lat="17.4" lon="78.3"><name>1.jpg</name></wpt>'
    (folder / "labels.gpx").write_text(f"<gpx>{point}</gpx>", encoding="utf-8")
    return [
        _plain(
            path.name,
            JSON if "json" in path.name else BYTES,
            path,
            lambda path=path: read_raw(path),
        )
        for path in sorted(folder.iterdir())
    ]


def photo_readers(folder: Path) -> list[Reader]:
    """Photos of every common format, with EXIF."""
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "camera", 6
    exif.get_ifd(0x8825)[2] = (17.0, 26.0, 42.0)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    picture = Image.fromarray(pixels)
    options = {"jpg": {"progressive": True}, "png": {}, "webp": {}, "tif": {}, "gif": {}}
    readers = []
    for suffix, more in options.items():
        buffer = BytesIO()
        form = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
        picture.save(buffer, form, **({} if suffix == "gif" else {"exif": exif}), **more)
        path = folder / f"photo.{suffix}"
        path.write_bytes(buffer.getvalue())

        def read(path: Path = path) -> object:
            content = path.read_bytes()
            return decode_photo(content, size=32), decode_display(path), read_exif(path)

        readers.append(_plain(path.name, BYTES, path, read))
    return readers


def split_reader(folder: Path, split: Split) -> Reader:
    """A split file on its own."""
    write_json(folder / "split.json", split.to_json())
    return _plain(
        "split-file", JSON, folder / "split.json", lambda: Split.read(folder / "split.json")
    )
