"""Predict many photos on a Ray cluster: workers that hold one model each write Parquet files.

This side submits a job (`predict_there`). There, this module is the job's entry point: it lists the
photos, and Ray Data gives them to the workers as they have time, so that memory does not grow with
the number of photos. Photos, results and the model lie where every machine of the cluster sees
them; photos and results may lie in a bucket.
"""

import math
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.cluster.client import ENDED, Submission, Unreachable, check_address, connect
from core.cluster.follow import code_to_send, failure_text, job_environment
from core.cluster.ray_train import connected
from core.dataset.decode import FORMATS_TEXT, Pixels
from core.errors import BearingsError, ConfigError, ImageError, RunError
from core.inference.export_files import flat_records
from core.inference.files import FILES_AT_ONCE, SUFFIXES, find_photos, shared_names
from core.project import CLUSTER_TASK

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

_POLL_S = 1.0
# A busy machine of the cluster may give the log of a job that ended some seconds later.
_LOG_DELAY_S = 15.0
# How the job's last line begins.
_RESULT, _FAILED = "result: ", "failed: "
# Of a bucket, all are in the table.
_SHOWN_FAILURES = 20
_ERROR = "error"
_TEXTS = frozenset(
    {"filename", "not_predicted", "region", "region_name", "reason", "note", "moved_by",
     "neighbours", _ERROR}
)  # fmt: skip
_SWITCHES = frozenset({"calibrated", "refused"})


class BatchTask(BaseModel):
    """What to predict; passed to the cluster as JSON.

    Attributes:
        model: Run, checkpoint or ensemble folder, as every machine of the cluster sees it.
        photos: Folder, or URL of one, that is searched with its subfolders.
        out: Folder, or URL of one, for the Parquet files; it holds nothing yet.
        known_region: As for a predictor.
        known_heading_deg: As for a predictor.
        keep_refused: Whether to write answers for refused photos too.
        device: Where the networks compute.
        workers: How many at most; None: as many as the cluster has room for.
        cpus: Cores of each.
        gpus: GPUs of each; None: one if the cluster has any and `device` may use it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    photos: str
    out: str
    known_region: str | None = None
    known_heading_deg: float | None = None
    keep_refused: bool = False
    device: str = "auto"
    workers: int | None = None
    cpus: float = 1.0
    gpus: float | None = None


class Counts(BaseModel):
    """How many photos were written, and of them how many were refused or could not be read."""

    photos: int
    refused: int
    unreadable: int


def predict_there(address: str, task: BatchTask, say: Callable[[str], None]) -> Counts:
    """Submit a prediction to a cluster, and wait for its end; an interrupt stops it there.

    Args:
        address: As a user writes it.
        task: What to predict.
        say: Called with every line of the job's log.

    Raises:
        ConfigError: Ray is missing here, or the cluster refuses the job.
        Unreachable: The cluster does not answer at the beginning. Later, it is waited for.
        RunError: The job failed, with its reason.
    """
    cluster = connect(check_address(address))
    name = f"bearings-{secrets.token_hex(8)}"
    with code_to_send() as code:
        environment = job_environment() | {CLUSTER_TASK: task.model_dump_json()}
        command = "exec sh core/cluster/start.sh core.cluster.batch_predict"
        cluster.submit(name, Submission(command, environment, code, cpus=0.0))
    say(f"Predicting on {cluster.address} as {name}; Ctrl-C stops it there")
    lines: list[str] = []
    until = math.inf
    try:
        while True:
            try:
                look = cluster.look(name)
                text = cluster.log(name)
            except Unreachable:
                time.sleep(_POLL_S)
                continue
            if look is None or look.state in ENDED:
                until = min(until, time.monotonic() + _LOG_DELAY_S)
            new = text.split("\n")[len(lines) : -1]
            lines += new
            for line in new:
                if line.strip() and not line.startswith((_RESULT, _FAILED)):
                    say(line)
            last = any(line.startswith((_RESULT, _FAILED)) for line in new)
            if last or time.monotonic() >= until:
                break
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        cluster.stop(name)
        raise
    for line in lines:
        if line.startswith(_RESULT):
            return Counts.model_validate_json(line.removeprefix(_RESULT))
        if line.startswith(_FAILED):
            raise RunError(line.removeprefix(_FAILED))
    lost = "the cluster does not know the job any more: it was restarted"
    raise RunError(lost if look is None else failure_text(look.message))


def predict_photos_of(task: BatchTask) -> Counts:
    """Predict all photos of a task by the cluster that this process belongs to.

    The columns are those of the CSV of `predict`, and `error`, the reason for which a photo could
    not be read; all of its other columns but the name are empty then.

    Raises:
        ConfigError: Photos or results cannot be where the task names them.
        ImageError: There are no photos.
        RunError: Fewer photos were written than there are.
    """
    photos, paths = _listed(task.photos)
    target, folder = _place(task.out)
    _check_empty(target, folder, task.out)
    with connected("--on"):
        import ray
        from ray.data import ActorPoolStrategy, DataContext, from_items

        DataContext.get_current().enable_progress_bars = False
        there = ray.cluster_resources()  # type: ignore[no-untyped-call]
        gpus = task.gpus
        if gpus is None:
            gpus = float(task.device in ("auto", "cuda") and there.get("GPU", 0.0) >= 1.0)
        room = there.get("GPU", 0.0) / gpus if gpus else there.get("CPU", 1.0) / task.cpus
        most = max(1, min(task.workers or int(room), -(-len(paths) // FILES_AT_ONCE)))
        names = shared_names(paths)
        items = [{"path": path, "name": name} for path, name in zip(paths, names, strict=True)]
        blocks = -(-len(items) // FILES_AT_ONCE)
        answers = from_items(items, override_num_blocks=blocks).map_batches(
            _Worker,
            fn_constructor_kwargs={"task": task, "photos": photos},
            batch_size=FILES_AT_ONCE,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(min_size=1, max_size=most),
            num_cpus=task.cpus,
            num_gpus=gpus,
        )
        answers.write_parquet(folder, filesystem=target)
    return _counted(target, folder, len(paths))


class _Worker:
    """A model in a process of its own, which predicts one batch after another."""

    def __init__(self, task: BatchTask, photos: "FileSystem") -> None:
        from core.inference.loading import load_predictor

        self._task, self._photos = task, photos
        self._predictor = load_predictor(task.model, task.device)
        # What a model writes about any photo, for batches in which none can be read.
        side = self._predictor.store_size
        (record,) = self._records(np.zeros((1, side, side, 3), np.uint8), [""], keep_refused=True)
        self._columns = [*record, _ERROR]

    def __call__(self, batch: "pa.Table") -> "pa.Table":
        """Return a row for every path and name of a batch."""
        paths, names = batch["path"].to_pylist(), batch["name"].to_pylist()
        with ThreadPoolExecutor() as pool:
            decoded = list(pool.map(self._decoded, paths))
        read = [row for row, each in enumerate(decoded) if not isinstance(each, str)]
        rows: list[dict[str, Any]] = [
            {"filename": name, _ERROR: each if isinstance(each, str) else None}
            for name, each in zip(names, decoded, strict=True)
        ]
        if read:
            stacked = np.stack([decoded[row] for row in read])
            records = self._records(
                stacked, [names[row] for row in read], keep_refused=self._task.keep_refused
            )
            for row, record in zip(read, records, strict=True):
                rows[row] |= record
        return _table(rows, self._columns)

    def _decoded(self, path: str) -> Pixels | str:
        """A decoded photo, or why it cannot be read."""
        try:
            with self._photos.open_input_stream(path) as stream:
                return self._predictor.decode(stream.read(), path)
        except (ImageError, OSError) as error:
            return str(error)

    def _records(
        self, photos: Pixels, names: Sequence[str], *, keep_refused: bool
    ) -> list[dict[str, Any]]:
        task, predictor = self._task, self._predictor
        prediction = predictor.predict_photos(
            photos, names, task.known_region, task.known_heading_deg
        )
        return flat_records(prediction, predictor.gallery, keep_refused=keep_refused)


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> "pa.Table":
    """Rows as a table whose types do not depend on the rows, so that all files have the same."""
    import pyarrow as pa

    def column(name: str) -> "pa.Array":
        values = [row.get(name) for row in rows]
        if name in _TEXTS:
            return pa.array([None if each is None else str(each) for each in values], pa.string())
        return pa.array(values, pa.bool_() if name in _SWITCHES else pa.float64())

    return pa.table({name: column(name) for name in columns})


def _place(folder: str) -> tuple["FileSystem", str]:
    """The file system of a folder or URL, and the path in it."""
    import pyarrow as pa
    from pyarrow.fs import FileSystem, LocalFileSystem

    if "://" not in folder:
        return LocalFileSystem(), str(Path(folder).resolve())
    try:
        found, path = FileSystem.from_uri(folder)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(
            f"{folder} cannot be opened ({error}): give a folder, or an URL of s3, gs, abfs, hdfs "
            "or file"
        ) from error
    return found, str(path)


def _listed(source: str) -> tuple["FileSystem", list[str]]:
    """All photos of a folder or URL, sorted, and the file system that holds them."""
    from pyarrow.fs import FileSelector, FileType

    photos, folder = _place(source)
    if "://" not in source:
        return photos, [str(path) for path in find_photos(Path(folder))]
    try:
        every = photos.get_file_info(FileSelector(folder, recursive=True))
    except OSError as error:
        raise ImageError(f"{source} cannot be listed: {error}") from error
    found = sorted(
        each.path
        for each in every
        if each.type == FileType.File
        and PurePosixPath(each.path).suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in each.path[len(folder) :].split("/"))
    )
    if not found:
        raise ImageError(f"{source} holds no photo ({FORMATS_TEXT})")
    return photos, found


def _check_empty(target: "FileSystem", folder: str, named: str) -> None:
    from pyarrow.fs import FileSelector

    if target.get_file_info(FileSelector(folder, allow_not_found=True)):
        raise ConfigError(f"--out {named} is not empty: name a new folder")


def _counted(target: "FileSystem", folder: str, photos: int) -> Counts:
    """Read what was written: every photo is there once, and those without an answer are named."""
    import pyarrow.dataset

    wanted = ["filename", "refused", _ERROR]
    table = pyarrow.dataset.dataset(folder, filesystem=target, format="parquet").to_table(wanted)
    written = len(set(table["filename"].to_pylist()))
    if (table.num_rows, written) != (photos, photos):
        raise RunError(f"{written} of {photos:,} photos were written to {folder}: predict again")
    failures = [each for each in table[_ERROR].to_pylist() if each is not None]
    for failure in sorted(failures)[:_SHOWN_FAILURES]:
        sys.stdout.write(f"error: {failure}\n")
    if len(failures) > _SHOWN_FAILURES:
        sys.stdout.write(f"error: {len(failures):,} photos cannot be read, see column {_ERROR}\n")
    refused = sum(each is True for each in table["refused"].to_pylist())
    return Counts(photos=photos, refused=refused, unreadable=len(failures))


def main() -> int:
    """Predict the task of the environment on this cluster; returns 1 if that fails."""
    task = BatchTask.model_validate_json(os.environ.pop(CLUSTER_TASK))
    try:
        counts = predict_photos_of(task)
    except BearingsError as error:
        sys.stdout.write(f"{_FAILED}{error}\n")
        return 1
    sys.stdout.write(f"{_RESULT}{counts.model_dump_json()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
