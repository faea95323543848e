"""Every command where it cannot write: one line with what, where and how to go on; no traceback."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.__main__ import COMMANDS, main
from core.errors import storage_text
from tests.phone_photos import phone_photo

TINY = (
    "--backbone test_resnet --weights random --input-size 32 --epochs 1 --batch-size 16 "
    "--split random --threads 1 --workers 0 --device cpu --model.place-anchors 0"
).split()
CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phone")
    for number in range(2):
        (folder / f"IMG_{number}.jpg").write_bytes(phone_photo(size=(400, 300), seed=number))
    return folder


@pytest.fixture(scope="module")
def report(shared_campus: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "all"
    words = ["evaluate", checkpoint, shared_campus, "--part", "all", "--out", out, "--no-plots"]
    assert main([*map(str, words), *CPU]) == 0
    return out


@pytest.fixture(scope="module")
def other(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another network for the same campus."""
    from tests.tiny_checkpoint import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("other"), shared_campus, seed=1)


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint as one file."""
    out = tmp_path_factory.mktemp("bundle") / "model.zip"
    assert main(["export", str(checkpoint), "--out", str(out)]) == 0
    return out


@pytest.fixture
def writers(
    shared_campus: Path, checkpoint: Path, other: Path, report: Path, phone: Path, bundle: Path
) -> dict[str, Callable[[Path], list[object]]]:
    """The words of every command that writes, below a folder where it should write."""
    campus = shared_campus
    photo = campus / "images" / "img_0000.jpg"
    # The seed of other tests, whose world is built.
    few = ["demo", "--photos", 2, "--seed", 3, "--workers", 1]
    return {
        "demo": lambda at: [*few, "--out", at / "demo"],
        "ingest": lambda at: ["ingest", phone, "--out", at / "ds"],
        "audit": lambda at: ["audit", campus, "--no-photos", "--out", at / "x.csv"],
        "train": lambda at: ["train", campus, "--run", at / "run", *TINY],
        "train --queue": lambda at: ["train", campus, "--run", at / "run", *TINY, "--queue"],
        "tune": lambda at: ["tune", campus, "--study", at / "s", "--trials", 1, *CPU],
        "tune --queue": lambda at: ["tune", campus, "--study", at / "s", *CPU, "--queue"],
        "evaluate": lambda at: [
            "evaluate", checkpoint, campus, "--part", "all", "--out", at / "report", *CPU,
        ],
        "crossval": lambda at: ["crossval", campus, "--out", at / "cv", "--folds", 2, *TINY],
        "predict": lambda at: ["predict", checkpoint, photo, "--out", at / "x.json", *CPU],
        "explain": lambda at: [
            "explain", checkpoint, photo, "--parts", 4, "--out", at / "x.txt", *CPU,
        ],
        "compare": lambda at: ["compare", report, report, "--out", at / "x.json"],
        "ensemble": lambda at: [
            "ensemble", checkpoint, other, "--out", at / "e", "--dataset", campus, *CPU,
        ],
        "export": lambda at: ["export", checkpoint, "--out", at / "model.zip"],
        "import": lambda at: ["import", bundle, "--out", at / "model"],
        "report": lambda at: ["report", report, "--out", at / "report.html"],
    }  # fmt: skip


WRITERS = (
    "demo", "ingest", "audit", "train", "train --queue", "tune", "tune --queue", "evaluate",
    "crossval", "predict", "explain", "compare", "ensemble", "export", "import", "report",
)  # fmt: skip


def test_every_command_is_walked() -> None:
    # These write only into the folder of a run or a checkpoint that is there already, or not at
    # all; `calibrate` is tried on a disk that cannot be written below.
    inside = {"calibrate", "runs", "queue", "follow", "look", "delete"}
    assert {words.split()[0] for words in WRITERS} | inside == COMMANDS.keys()


def told(words: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says that fails: its last line, after any progress."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    lines = capsys.readouterr().err.strip().splitlines()
    assert code == 1, lines
    assert "Traceback" not in "\n".join(lines)
    assert lines[-1].startswith("error: ")
    return lines[-1]


@pytest.mark.parametrize("command", WRITERS)
def test_a_path_below_a_file_is_one_sentence(
    command: str,
    writers: dict[str, Callable[[Path], list[object]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "a_file"
    file.write_text("mine", encoding="utf-8")
    line = told(writers[command](file), capsys)
    assert str(file) in line
    assert "part of this path is a file" in line
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("command", WRITERS)
def test_a_place_where_nothing_can_be_made_is_one_sentence(
    command: str,
    writers: dict[str, Callable[[Path], list[object]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = told(writers[command](Path("/proc/nowhere")), capsys)
    assert "/proc/nowhere" in line
    assert "cannot be used (No such file or directory)" in line


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [str(mount), "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def fill(disk: Path, left: int = 0) -> None:
    """Leave so many bytes on a disk."""
    content = bytes(shutil.disk_usage(disk).free - left)
    (disk / "filler").write_bytes(content)


@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk_is_one_sentence(
    command: str,
    writers: dict[str, Callable[[Path], list[object]]],
    disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill(disk)
    line = told(writers[command](disk), capsys)
    assert "No space left on device" in line
    assert "free some space there" in line


@pytest.mark.parametrize("command", WRITERS)
def test_a_read_only_disk_is_one_sentence(
    command: str,
    writers: dict[str, Callable[[Path], list[object]]],
    disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    remount_read_only(disk)
    line = told(writers[command](disk), capsys)
    assert str(disk) in line
    assert "Read-only file system" in line
    assert "choose a place where you may write" in line


def test_a_disk_that_fills_while_training_says_how_to_go_on(
    disk: Path, shared_campus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(disk, left=300_000)
    run = disk / "run"
    line = told(["train", shared_campus, "--run", run, *TINY, "--epochs", 3], capsys)
    assert "No space left on device" in line
    assert f"python -m core train --run {run} --resume" in line


def test_a_checkpoint_on_a_read_only_disk_is_not_calibrated(
    disk: Path,
    make_campus: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tests.tiny_checkpoint import make_checkpoint

    campus = make_campus(tmp_path / "campus", spots=16)
    make_checkpoint(disk / "model", campus)
    remount_read_only(disk)
    line = told(["calibrate", disk / "model", campus, *CPU], capsys)
    assert "Read-only file system" in line


def test_errors_of_other_kinds_keep_their_traceback() -> None:
    assert storage_text(OSError("no number")) is None
    assert storage_text(ConnectionRefusedError(111, "Connection refused")) is None
    moved = OSError(28, "No space left on device", "a.tmp", None, "a.json")
    assert (storage_text(moved) or "").startswith("a.json cannot be written (No space left on")
