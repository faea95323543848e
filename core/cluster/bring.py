"""Bringing a job's folder back from a cluster that does not see it."""

import base64
import hashlib
import json
import os
import tarfile
import tempfile
import time
from pathlib import Path

from core.cluster.client import ENDED, Cluster, JobLook, Wanted
from core.cluster.code import packed
from core.cluster.record import RayRecord
from core.cluster.submit import entrypoint, environment
from core.cluster.task import read_line
from core.errors import RunError
from core.files import write_text
from core.project import CLUSTER_COLLECT
from core.training.run_folder import RunFolder

# Larger pieces are fewer jobs; each passes through the memory of the cluster's head as text.
PIECE = 32 * 1024**2
_POLL_S = 0.5
_PATIENCE_S = 600.0
_TIMES = 3


def bring_back(run: RunFolder, cluster: Cluster, record: RayRecord) -> bool:
    """Fetch what the command wrote on the cluster and put it into the job's folder.

    Returns:
        Whether there was anything.

    Raises:
        Unreachable: The cluster does not answer.
        RunError: What arrives is not what was sent, time after time.
    """
    with tempfile.TemporaryDirectory(prefix=".brought-", dir=run.path) as name:
        archive = Path(name) / "run.tar"
        if not _fetch(archive, cluster, record):
            run.log(f"nothing to bring back from {record.host}: the command wrote nothing there")
            return False
        size = archive.stat().st_size
        _unpack(archive, Path(name) / "run", run, record)
    run.log(f"brought {size / 2**20:.1f} MiB back from {record.host}")
    return True


def discard(cluster: Cluster, record: RayRecord) -> None:
    """Delete on the cluster what has come back; nobody waits for that."""
    _ask(cluster, record, {"discard": True})


def _fetch(archive: Path, cluster: Cluster, record: RayRecord) -> bool:
    total, done = 1, 0
    with archive.open("wb") as stream:
        while done < total:
            total, piece = _piece(cluster, record, done)
            stream.write(piece)
            done += len(piece)
    return total > 0


def _piece(cluster: Cluster, record: RayRecord, offset: int) -> tuple[int, bytes]:
    """One piece of the archive, and the size of all of it; 0 where there is nothing."""
    for _ in range(_TIMES):
        number = _ask(cluster, record, {"offset": offset, "most": PIECE})
        look = _ended(cluster, number)
        for line in cluster.log(number).split("\n"):
            # A line that was torn by the end of its writer tells nothing.
            news = read_line(line) or {}
            if news.get("bytes") == 0:
                return 0, b""
            piece = base64.b64decode(news.get("piece", ""))
            if news and hashlib.sha256(piece).hexdigest() == news["sha256"]:
                return int(news["bytes"]), piece
    said = "" if look is None else look.message.strip().rpartition("\n")[2]
    raise RunError(
        f"what {record.submission_id} wrote cannot be brought back ({said or 'no answer'}); it "
        f"lies in {record.place} on {record.host}"
    )


def _ended(cluster: Cluster, number: str) -> JobLook | None:
    """Wait for a collector; None where its machine is gone, or too busy for longer than it may."""
    deadline = time.monotonic() + _PATIENCE_S
    while (look := cluster.look(number)) is not None and time.monotonic() < deadline:
        if look.state in ENDED:
            return look
        time.sleep(_POLL_S)
    return None


def _ask(cluster: Cluster, record: RayRecord, what: dict[str, object]) -> str:
    """Submit a collector to the machine that the command ran on; returns its number."""
    number = f"{record.submission_id}-{os.urandom(4).hex()}"
    asked = json.dumps({"submission_id": record.submission_id} | what)
    with packed() as code:
        wanted = Wanted(
            entrypoint=entrypoint("core.cluster.collect"),
            environment=environment() | {CLUSTER_COLLECT: asked},
            code=code,
            # Next to nothing, so that a full cluster need not empty first.
            cpus=0.001,
            node=record.node,
        )
        cluster.submit(number, wanted)
    return number


def _unpack(archive: Path, fresh: Path, run: RunFolder, record: RayRecord) -> None:
    """Put the files in place one by one; the status, which ends the waiting, comes last."""
    with tarfile.open(archive) as tar:
        tar.extractall(fresh, filter="data")
    for path in fresh.rglob("*.json"):
        # Also amid a sentence or a command line.
        text = path.read_text(encoding="utf-8")
        if str(record.place) in text:
            here = json.dumps(str(run.path))[1:-1]
            write_text(path, text.replace(str(record.place), here))
    files = [path for path in fresh.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda each: (each.name in ("card.json", "status.json"), each)):
        target = run.path / path.relative_to(fresh)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
