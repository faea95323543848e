"""The side of the cluster: `python -m core.cluster.collect` gives a job's folder, piece by piece.

A job of its own, on the machine that the command ran on, so that it also works for a command that
was killed. It writes into its log, the one channel that every cluster offers over HTTP.
"""

import base64
import hashlib
import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

from core.cluster.job import place_of
from core.cluster.task import marked
from core.project import CLUSTER_COLLECT

_LEFT_THERE = frozenset({".lock", "log.txt", "stop", "job.json", "launch.json", "exit.json"})


def main() -> int:
    """Do what the environment asks: give a piece, or delete the folder."""
    asked = json.loads(os.environ[CLUSTER_COLLECT])
    place = place_of(asked["submission_id"])
    archive = place.with_name(f"{place.name}.tar")
    if asked.get("discard"):
        shutil.rmtree(place, ignore_errors=True)
        archive.unlink(missing_ok=True)
        return 0
    if not place.is_dir():
        _say({"bytes": 0})
        return 0
    if asked["offset"] == 0:
        _pack(place, archive)
    with archive.open("rb") as stream:
        stream.seek(asked["offset"])
        piece = stream.read(asked["most"])
    about = {"bytes": archive.stat().st_size, "sha256": hashlib.sha256(piece).hexdigest()}
    _say(about | {"piece": base64.b64encode(piece).decode()})
    return 0


def _pack(place: Path, archive: Path) -> None:
    """Pack what the run wrote; weights do not shrink, so nothing is compressed."""
    part = archive.with_suffix(".part")
    with tarfile.open(part, "w") as tar:
        for path in sorted(place.rglob("*")):
            name = path.relative_to(place)
            if path.is_file() and name.parts[0] not in _LEFT_THERE:
                tar.add(path, arcname=str(name))
    part.replace(archive)


def _say(about: dict[str, object]) -> None:
    left = marked(about).encode()
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    sys.exit(main())
