"""Every cache of the app: thin wrappers over core, keyed by paths and by when the files changed.

Cached resources are shared by all sessions and never changed. Heavy packages are imported inside
the functions, so that the first page shows at once.
"""

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pandas as pd
import streamlit as st

from app import line
from app.access import gate, paths
from app.photo import Photo, jpeg
from core.audit.schema import AuditConfig
from core.dataset.base_layer import BaseLayer, read_base_layer
from core.dataset.base_picture import picture_files
from core.dataset.labels import Dataset, read_dataset
from core.dataset.layout import BASE_FILE, dataset_folder, dataset_state
from core.dataset.repairs import REPAIRS_FILE
from core.errors import CheckpointError, FrameError, ImageError, LabelError, SplitError
from core.evaluation.report import Report
from core.evaluation.stored_reports import read_report
from core.jobs.state import RESTING
from core.jobs.summary import RunSummary, list_jobs, summarise
from core.model.card import MEMBERS, Card, read_card
from core.runs import run_of
from core.tables.settings import TableSettings

if TYPE_CHECKING:
    from core.audit.rows import LabelRows
    from core.audit.run import Audit, Progress
    from core.dataset.look import Look
    from core.dataset.mapping import Trial
    from core.inference.prediction import Prediction
    from core.inference.predictor import Predictor
    from core.retrieval.gallery import Gallery
    from core.splits.split import Split
    from core.tables.read import Recognised
    from core.tuning.results import StudyView

TABLE_COLUMNS = {
    "filename", "true_region", "region", "region_probability", "error_m", "error_refined_m",
    "true_angle", "angle", "angle_refined", "heading_error_deg", "heading_error_refined_deg",
    "photo_id", "true_north_m", "true_east_m", "north_m", "east_m", "north_refined_m",
    "east_refined_m",
}  # fmt: skip
Value = TypeVar("Value")
# Photos that the network sees together; also how often a progress bar moves.
_AT_ONCE = 16
Stamp = tuple[tuple[str, int, int], ...]


def stamp(*files: Path) -> Stamp:
    """Name, time of change and size of files: a key that changes when any of them does."""
    found = [(file, file.stat()) for file in files if file.exists()]
    return tuple((str(file), state.st_mtime_ns, state.st_size) for file, state in found)


def dataset(folder: Path) -> Dataset:
    """The labelled photos of a folder; one copy for all sessions, read again when a file changes.

    A run may have been given one label file in place of the folder.

    Raises:
        LabelError, FrameError: As `read_dataset`.
    """
    return _dataset(folder, state(folder))


def base_layer(source: Path) -> BaseLayer | LabelError | None:
    """The base layer of a data set's maps; None if it has none, the error if it is damaged."""
    folder = dataset_folder(paths.opened(source))
    try:
        files = picture_files(folder)
    except LabelError as error:
        return error
    return _base_layer(folder, stamp(folder / BASE_FILE, *files))


def look(folder: Path) -> "Look":
    """How a folder is read, also if it lacks a label that the app needs.

    Raises:
        LabelError, FrameError: As `read_dataset`.
    """
    return _look(folder, state(folder))


def recognised(table: Path, settings: TableSettings) -> "Recognised":
    """The columns of a label table as they are recognised; read again when it changes.

    Raises:
        LabelError: As `core.tables.read.recognise`.
    """
    return _recognised(table, stamp(paths.opened(table)), settings)


def trial(source: Path, campus_toml: str) -> "Trial":
    """The result of reading a data set with another text of campus.toml."""
    return _trial(source, state(source), campus_toml)


def split(folder: Path, protocol: str, seed: int) -> "Split":
    """A named split of a data set; fold 0 of `region`, which exists as folds only.

    Raises:
        LabelError, FrameError: As `read_dataset`.
        SplitError: The protocol does not fit the data set.
    """
    return _split(dataset(folder), folder, state(folder), protocol, seed)


def state(folder: Path) -> Stamp:
    """A key that changes when a data set or the decisions about its labels change.

    Raises:
        AccessError: The app does not open the data set, or something that its links lead to.
    """
    return (*_label_state(folder), *stamp(dataset_folder(folder) / REPAIRS_FILE))


def _label_state(source: Path) -> Stamp:
    """The state of the files and folders of a data set, all of which the app may open."""
    paths.opened(source.absolute())
    found = dataset_state(source)
    # The last one lists the photos beside the table by their names.
    for name, _, _ in found[:-1]:
        paths.opened(Path(name).absolute())
    return found


def once_ended(
    read: Callable[[Path], Value], path: Path, files: Iterable[Path], ended: Callable[[Value], bool]
) -> Value:
    """What `read` returns for a folder, cached once it can only change with the folder's files.

    Args:
        read: Reads it; different functions are kept apart.
        path: The folder.
        files: The files and folders in it that it is read from.
        ended: Whether a result stays true while these files do not change; that of a running job
            does not, because its process may be killed and write nothing.
    """
    kept = _kept(f"{read.__module__}.{read.__qualname__}", path, stamp(*files))
    if kept:
        return cast("Value", kept[0])
    value = read(path)
    if ended(value):
        kept.append(value)
    return value


@st.cache_resource(max_entries=4096, show_spinner=False)
def _kept(what: str, path: Path, key: Stamp) -> list[Any]:
    return []


def runs(root: Path) -> list[RunSummary]:
    """The training runs in a folder, newest first: those that ended are read once.

    Raises:
        RunError: As `core.jobs.summary.list_runs`.
    """
    jobs = list_jobs(root, _summary)
    return [job for job in jobs if job.kind == "train" and paths.is_opened(job.path)]


def _summary(path: Path) -> RunSummary:
    names = ("job.json", "status.json", "config.json", "events.jsonl", "split.json")
    files = [path / name for name in names]
    return once_ended(summarise, path, files, lambda run: run.state in RESTING)


def card(folder: Path) -> Card:
    """The card of a checkpoint; no weights are read.

    Raises:
        CheckpointError: As `read_card`.
    """
    return _card(folder, stamp(paths.opened(folder.absolute()) / "card.json"))


def predictor(folder: Path) -> "Predictor":
    """The loaded model of a checkpoint: one copy for all sessions, two at most in memory.

    Raises:
        CheckpointError: As `load_predictor`.
    """
    settle_imports()
    files = (*folder.glob("*.json"), *folder.glob("*.safetensors"), *folder.glob("members/*/*"))
    for file in (folder, *files):
        paths.opened(file.absolute())
    return _predictor(folder, stamp(*sorted(files)))


def predictions_of(
    folder: Path,
    photos: Sequence[Photo],
    known_region: str | None = None,
    known_heading_deg: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> "list[Prediction | ImageError]":
    """Predictions of a checkpoint, one a photo, or why that photo cannot be read.

    They are kept by the model's fingerprint and by each photo's content; photos that are new are
    predicted together.

    Args:
        folder: The checkpoint.
        photos: What to predict.
        known_region: One region id for all photos.
        known_heading_deg: One heading for all photos.
        progress: Called with `(photos done, photos in all)`.

    Raises:
        CheckpointError: As `predictor`.
        AccessError: Too many wait for predictions.
    """
    model = predictor(folder)
    kept = [
        _answer(model.fingerprint, photo.name, photo.digest, known_region, known_heading_deg)
        for photo in photos
    ]
    new = [row for row, held in enumerate(kept) if not held]
    for start in range(0, len(new), _AT_ONCE):
        # A turn for each part, so that few photos need not wait for many of somebody else.
        with line.turn(line.predictions):
            part = []
            for row in new[start : start + _AT_ONCE]:
                if kept[row]:
                    # Somebody who came before asked about the same photo.
                    continue
                try:
                    part.append((row, photos[row].square(model.store_size)))
                except ImageError as error:
                    kept[row].append(error)
            if part:
                names = [photos[row].name for row, _ in part]
                pixels = np.stack([image for _, image in part])
                answers = model.predict_photos(pixels, names, known_region, known_heading_deg)
                for number, (row, _) in enumerate(part):
                    kept[row].append(answers.rows(np.array([number])))
        if progress is not None:
            progress(len(photos) - len(new) + min(start + _AT_ONCE, len(new)), len(photos))
    return [held[0] for held in kept]


def checkpoint_split(folder: Path) -> "Split | None":
    """The split that a checkpoint was trained on; None if none is stored or it is damaged."""
    return _checkpoint_split(folder, stamp(folder / "split.json"))


def gallery(folder: Path) -> "Gallery | None":
    """The gallery of a checkpoint, read without its network; None if it has none.

    Raises:
        CheckpointError: It is damaged.
    """
    folder = gallery_folder(folder)
    return _gallery(folder, stamp(folder / "gallery.json", folder / "gallery.safetensors"))


def gallery_folder(folder: Path) -> Path:
    """Where the gallery of a checkpoint lies: an ensemble's is that of its lead member.

    Raises:
        CheckpointError: As `card`.
    """
    about = card(folder).ensemble
    return folder if about is None else folder / MEMBERS / about.lead


def other_place_m(source: Path, checkpoint: Path) -> float | None:
    """How far a data set is from the place of a checkpoint, in metres; None if it is the same.

    None also if their positions cannot be compared, as planar metres and degrees.

    Raises:
        LabelError, FrameError: As `dataset`.
        CheckpointError: As `card` and `gallery`.
    """
    files = stamp(*(checkpoint / name for name in ("card.json", "gallery.json")))
    return _other_place_m(source, checkpoint, (*state(source), *files))


def report(folder: Path) -> Report:
    """`report.json` of an evaluation; shared, never changed.

    Raises:
        ConfigError: It cannot be read.
    """
    return _report(folder, stamp(paths.opened(folder.absolute()) / "report.json"))


def predictions(folder: Path) -> pd.DataFrame:
    """`predictions.csv` of an evaluation: one row a photo, regions as text; shared, never changed.

    Raises:
        CheckpointError: It cannot be read, or lacks columns.
    """
    table = paths.opened(folder.absolute()) / "predictions.csv"
    return _predictions(table, stamp(table))


def forget_deleted() -> None:
    """Drop what the caches hold of files: a model, a run or what belongs to a data set went."""
    for cached in (
        _predictor, _answer, _card, _checkpoint_split, _gallery, _report, _predictions, _kept,
        _labels, _dataset, _look, _split, _thumbnail, _audit_place, _label_rows, _base_layer,
    ):  # fmt: skip
        cached.clear()


def checkpoint_title(folder: Path) -> str:
    """The name of a checkpoint in a list; a damaged one is listed and says so."""
    run = run_of(folder)
    name = folder.name if run is None else f"run {run.name}"
    try:
        about = card(folder).ensemble
    except CheckpointError:
        return f"{name} (cannot be read)"
    return name if about is None else f"{name} (ensemble of {len(about.members)})"


def thumbnail(path: Path, side: int) -> bytes:
    """A photo as a JPEG whose longer side is `side` pixels at most, upright, without EXIF.

    Raises:
        ImageError: The photo cannot be read.
    """
    return _thumbnail(path, stamp(paths.opened(path.absolute())), side)


def picture(photo: Photo, side: int) -> bytes:
    """An uploaded photo as a JPEG whose longer side is `side` pixels at most, without EXIF.

    Raises:
        ImageError: The photo cannot be read.
    """
    return _picture(photo.digest, side, photo)


@st.cache_data(max_entries=512, show_spinner=False)
def _picture(digest: str, side: int, _photo: Photo) -> bytes:
    return jpeg(_photo.whole(side))


@st.cache_data(max_entries=2048, show_spinner=False)
def demo_photo(seed: int, filename: str) -> bytes:
    """A photo of the demo campus as JPEG, rendered when it is asked for (about 50 ms)."""
    from core.demo.photo import photo_index, photo_jpeg

    return photo_jpeg(seed, photo_index(filename))


@st.cache_resource(show_spinner=False)
def settle_imports() -> None:
    """Import what predictions need, once, and exempt it from garbage collection.

    Streamlit collects garbage after every run of a page: 350 ms a click with the objects of torch
    and timm, none once they are frozen (streamlit#8977).
    """
    import core.inference.predictor  # noqa: F401 - for its imports

    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=4, show_spinner="Reading the labels …")
def _labels(folder: Path, key: Stamp) -> Dataset:
    return read_dataset(folder)


@st.cache_resource(max_entries=4, show_spinner=False)
def _dataset(folder: Path, key: Stamp) -> Dataset:
    data = _labels(folder, key).check_trainable()
    paths.check_photos(data.table["path"], folder)
    return data


@st.cache_resource(max_entries=16, show_spinner=False)
def _look(folder: Path, key: Stamp) -> "Look":
    from core.dataset.look import look

    return look(_labels(folder, key))


@st.cache_resource(max_entries=16, show_spinner=False)
def _recognised(table: Path, key: Stamp, settings: TableSettings) -> "Recognised":
    from core.tables.read import recognise

    return recognise(table, settings)


@st.cache_resource(max_entries=8, show_spinner="Reading the labels …")
def _trial(source: Path, key: Stamp, campus_toml: str) -> "Trial":
    from core.dataset.mapping import try_reading

    return try_reading(source, campus_toml)


@st.cache_resource(max_entries=8, show_spinner="Splitting the photos …")
def _split(_data: Dataset, folder: Path, key: Stamp, protocol: str, seed: int) -> "Split":
    from core.splits.protocols import make_split

    if protocol == "region":
        return make_split(_data, "region", seed, fold=0, folds=min(5, len(_data.regions)))
    return make_split(_data, protocol, seed)  # type: ignore[arg-type]


@st.cache_resource(
    max_entries=2, show_spinner="Loading the model (the first time takes some seconds) …"
)
def _predictor(folder: Path, key: Stamp) -> "Predictor":
    from core.inference.loading import load_predictor

    return load_predictor(folder)


@st.cache_resource(max_entries=1024, show_spinner=False)
def _answer(
    model: str,
    name: str,
    digest: str,
    known_region: str | None,
    known_heading_deg: float | None,
) -> "list[Prediction | ImageError]":
    # Empty at first: photos that nobody asked about yet are predicted together.
    return []


@st.cache_resource(max_entries=8, show_spinner=False)
def _checkpoint_split(folder: Path, key: Stamp) -> "Split | None":
    from core.splits.split import Split

    try:
        return Split.read(folder / "split.json")
    except SplitError:
        return None


@st.cache_resource(max_entries=4, show_spinner=False)
def _gallery(folder: Path, key: Stamp) -> "Gallery | None":
    from core.retrieval.gallery import Gallery, has_gallery

    return Gallery.load(folder) if has_gallery(folder) else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _other_place_m(source: Path, checkpoint: Path, key: Stamp) -> float | None:
    from core.evaluation.place import metres_of, other_place_m

    data, about = dataset(source), card(checkpoint)
    try:
        position_m = metres_of(data.positions, data.campus.frame, about)
    except FrameError:
        return None
    return other_place_m(position_m, gallery(checkpoint))


@st.cache_resource(max_entries=8, show_spinner=False)
def _base_layer(folder: Path, key: Stamp) -> BaseLayer | LabelError | None:
    try:
        return read_base_layer(folder)
    except LabelError as error:
        return error


@st.cache_resource(max_entries=16, show_spinner=False)
def _report(folder: Path, key: Stamp) -> Report:
    return read_report(folder)


@st.cache_resource(max_entries=16, show_spinner=False)
def _predictions(path: Path, key: Stamp) -> pd.DataFrame:
    from core.tables.stored import read_frame

    text = {"true_region", "region", "filename", "photo_id"}
    table = read_frame(
        path, "evaluate again", CheckpointError,
        text=text, numbers=TABLE_COLUMNS - text, needed=TABLE_COLUMNS,
    )  # fmt: skip
    # A photo without a region has none, not one of the name nan.
    return table.fillna(dict.fromkeys(text, ""))


@st.cache_data(max_entries=64, show_spinner=False)
def _card(folder: Path, key: Stamp) -> Card:
    return read_card(folder)


@st.cache_data(max_entries=2048, show_spinner=False)
def _thumbnail(path: Path, key: Stamp, side: int) -> bytes:
    from app.photo import jpeg
    from core.dataset.decode import decode_display

    return jpeg(decode_display(path, max_side=side))


def study(folder: Path) -> "StudyView":
    """A search and its trials; read again with every trial, and every heartbeat of the search."""
    return _study(folder, stamp(*(folder / name for name in ("trials", "status.json"))))


@st.cache_resource(max_entries=4, show_spinner=False)
def _study(folder: Path, key: Stamp) -> "StudyView":
    from core.tuning.results import read_study

    return read_study(folder)


@st.cache_data(show_spinner=False, max_entries=16)
def importances(folder: Path, finished: int) -> dict[str, float]:
    """How much each option of a search matters, after that many finished trials."""
    from core.tuning import results

    return results.importances(folder)


@dataclass
class _AuditPlace:
    """Holds the audit of one state of a data set, once it is made."""

    made: "Audit | None" = None


def known_audit(source: Path, photos: bool) -> "Audit | None":
    """The audit of a data set (a folder or a CSV file) in its present state; None if not made yet.

    The key holds the label files but not `repairs.csv`: repairs change no finding, and a decision
    must not make a new audit necessary.
    """
    return _audit_place(source, _label_state(source), photos).made


def make_audit(
    source: Path, photos: bool, progress: "Progress", photo_progress: "Progress"
) -> "Audit":
    """Make the audit; another session that needs the same one waits for it in the line.

    Args:
        source: A folder, or one CSV file.
        photos: Whether to look at the photos too.
        progress: Called with `(checks done, checks in all)`.
        photo_progress: Called with `(photos read, photos in all)`.

    Raises:
        AccessError: The person is no operator, or too many wait.
        LabelError: As `core.audit.run.audit`.
    """
    gate.need("operator")
    from core.audit import run

    place = _audit_place(source, _label_state(source), photos)
    with line.turn(line.audits):
        if place.made is None:
            config = AuditConfig(dataset=source, photos=photos)
            place.made = run.audit(config, progress=progress, photo_progress=photo_progress)
        return place.made


def label_rows(source: Path) -> "LabelRows":
    """The label rows as the files have them; one copy for all sessions.

    Raises:
        LabelError: As `read_rows`.
    """
    return _label_rows(source, _label_state(source))


@st.cache_resource(max_entries=8, show_spinner=False)
def _audit_place(source: Path, key: Stamp, photos: bool) -> _AuditPlace:
    # Elements drawn while a cached function runs would be drawn again whenever it is asked, so the
    # audit with its progress bar runs outside of this one.
    return _AuditPlace()


@st.cache_resource(max_entries=4, show_spinner="Reading the labels …")
def _label_rows(source: Path, key: Stamp) -> "LabelRows":
    from core.audit.rows import read_rows

    return read_rows(source)
