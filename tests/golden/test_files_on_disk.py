"""The files that commands leave, and their keys; and a run that is stopped and continued.

Everything is made by commands, with a network of some thousand weights.
"""

import csv
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from core.__main__ import main
from tests.conftest import CampusMaker
from tests.forked import Forks
from tests.golden.compare import check_text

pytestmark = pytest.mark.slow

ARGUMENTS = (
    '{"layers": [1, 1, 1, 1], "channels": [4, 4, 4, 8], "stem_type": "deep", "stem_width": 2}'
)
TINY = [
    *("--backbone", "resnet18", "--weights", "random", "--input-size", "32"),
    *("--model.backbone-arguments", ARGUMENTS, "--gallery-points", "0", "--batch-size", "32"),
    *("--threads", "1", "--workers", "0", "--device", "cpu", "--patience", "0"),
]
CHANGING = re.compile(r"[0-9a-f]{16,64}|\d{10}\.\S*|(?<=-)[0-9a-f]{8,}")
NAMED_BY_DATA = re.compile(r"^(\d+|images/.*|img_.*\.jpg)$")
# Of a run or checkpoint inside something else, the names of its files are enough.
RUN_INSIDE = re.compile(r"^(fold-\d+|trials/\d+|members/\w+)/")


@pytest.fixture(scope="module")
def place(make_campus: CampusMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that commands write."""
    folder = tmp_path_factory.mktemp("keys")
    make_campus(folder / "campus", spots=8, headings=(20.0, 110.0, 200.0, 290.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Forks(folder / "forks").put_in(patch)
        points = ["--gallery-points", "4"]
        _typed("train", "campus", "--run", "runs/first", *TINY, "--epochs", "2", *points)
        # One export shows the keys of all.
        second = [*TINY, "--epochs", "1", "--seed", "1", *points, "--no-export-onnx"]
        _typed("train", "campus", "--run", "runs/second", *second)
        _typed("calibrate", "runs/first", "--device", "cpu")
        _typed("evaluate", "runs/first", "--no-plots", "--device", "cpu")
        _typed("ensemble", "runs/first", "runs/second", "--out", "two")
        folds = ["--folds", "2", "--epochs", "1", "--no-plots"]
        _typed("crossval", "campus", "--out", "cv/first", *TINY, *folds)
        base = ["--base", "runs/first/config.json", "--epochs", "1", "--trials", "2"]
        vary = ["--vary", "stage2.lr_heads=1e-4..1e-2 log", "--sampler", "random"]
        _typed("tune", "campus", "--study", "studies/first", *base, *vary, "--pruner", "none")
    return folder


def _typed(*words: str) -> None:
    assert main(list(words)) == 0


@pytest.mark.parametrize(
    "name", ["campus", "runs/first", "runs/first/reports", "two", "cv/first", "studies/first"]
)
def test_files_and_their_keys_are_as_stored(place: Path, name: str) -> None:
    lines = []
    for path in sorted((place / name).rglob("*")):
        inside = path.relative_to(place / name).as_posix()
        skipped = name == "runs/first" and inside.startswith("reports/")
        if path.is_file() and path.suffix != ".jpg" and not skipped:
            lines.append(CHANGING.sub("#", inside))
            if not RUN_INSIDE.match(inside):
                lines += [f"    {key}" for key in sorted(set(_keys(path)))]
    check_text(f"files/{name.replace('/', '-')}.txt", "\n".join(lines) + "\n")


def test_a_waiting_job_is_as_stored(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody works the queue off here.
    for module in ("queue", "queueing"):
        monkeypatch.setattr(f"core.cli.{module}.ensure_runner", lambda root: None)
    _typed("train", str(place / "campus"), "--run", str(tmp_path / "first"), *TINY, "--queue")
    lines = []
    for path in sorted(tmp_path.rglob("*")):
        if path.is_file():
            lines += [path.relative_to(tmp_path).as_posix()]
            lines += [f"    {key}" for key in sorted(set(_keys(path)))]
    check_text("files/queue.txt", "\n".join(lines) + "\n")


def _keys(path: Path) -> Iterator[str]:
    """The keys of a file: of nested JSON, of every line of JSON, of a table, of tensors."""
    if path.suffix == ".json":
        yield from _nested(json.loads(path.read_text(encoding="utf-8")))
    elif path.suffix in {".jsonl", ".log"}:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("{"):
                yield from _nested(json.loads(line))
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as stream:
            yield from next(csv.reader(stream))
    elif path.suffix == ".safetensors":
        with safe_open(path, "numpy") as tensors:
            for name in tensors.keys():
                part = tensors.get_slice(name)
                yield f"{name} {part.get_dtype()} {part.get_shape()}"


def _nested(value: Any, where: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _nested(inner, f"{where}.{'KEY' if NAMED_BY_DATA.match(key) else key}")
    elif isinstance(value, list):
        for inner in value or [None]:
            yield from _nested(inner, f"{where}[]")
    else:
        kind = (
            "number"
            if isinstance(value, int | float) and not isinstance(value, bool)
            else (type(value).__name__)
        )
        yield f"{where} {kind}"


def test_a_run_that_is_stopped_and_continued_ends_bit_for_bit_the_same(
    place: Path, tmp_path: Path
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    words = [*TINY, "--epochs", "5", "--stage1.epochs", "1", "--no-export-onnx"]
    _typed("train", str(place / "campus"), "--run", str(whole), *words)
    watch = threading.Thread(target=_interrupt_after, args=(stopped / "events.jsonl", 2))
    watch.start()
    assert main(["train", str(place / "campus"), "--run", str(stopped), *words]) == 130
    watch.join()
    assert 2 <= len((stopped / "events.jsonl").read_text().splitlines()) < 6
    _typed("train", "--run", str(stopped), "--resume")
    for kind in ("best", "last"):
        (one,) = (whole / "checkpoints" / kind).glob("model-*")
        (other,) = (stopped / "checkpoints" / kind).glob("model-*")
        assert one.read_bytes() == other.read_bytes()
    assert _figures(whole) == _figures(stopped)


def _interrupt_after(path: Path, lines: int) -> None:
    """Press Ctrl-C once a file has so many lines."""
    deadline = time.monotonic() + 300.0
    while time.monotonic() < deadline:
        if path.is_file() and path.read_bytes().count(b"\n") >= lines:
            os.kill(os.getpid(), signal.SIGINT)
            return
        time.sleep(0.005)


def _figures(run: Path) -> list[dict[str, Any]]:
    """What is known of each epoch, but for the time that it took."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [
        {key: event[key] for key in ("stage", "epoch", "lr", "train", "validation", "best")}
        for event in events
    ]
