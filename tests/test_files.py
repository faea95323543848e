import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from core.errors import CheckpointError, RunError
from core.files import (
    append_json_line,
    parsed_xml,
    read_json_lines,
    read_object,
    read_regular,
    read_stored,
    sweep,
    write_bytes,
    write_json,
    write_text,
)


@pytest.mark.trap(name="files read half written")
def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "card.json"
    write_text(target, "old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_text(target, "new")
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_the_folder_is_synced_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync, rename = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        happened.append("folder" if is_folder else "file")
        sync(descriptor)

    def note_rename(source: str | Path, target: str | Path) -> None:
        happened.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    write_text(tmp_path / "card.json", "new")
    assert happened == ["file", "rename", "folder"]


def test_written_files_make_their_folder_and_can_be_read_by_the_group(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "weights.bin"
    write_bytes(target, b"\x00\x01")
    assert target.read_bytes() == b"\x00\x01"
    assert target.stat().st_mode & 0o044 == 0o044


def test_json_keeps_text_and_refuses_nan(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    write_json(target, {"name": "Café", "n": 3})
    assert "Café" in target.read_text(encoding="utf-8")
    assert json.loads(target.read_text(encoding="utf-8")) == {"name": "Café", "n": 3}
    with pytest.raises(ValueError, match="JSON"):
        write_json(target, {"loss": float("nan")})
    assert json.loads(target.read_text(encoding="utf-8"))["n"] == 3


@pytest.mark.trap(name="files read half written")
class Stored(BaseModel):
    name: str
    n: int = 0


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b'{"name": "gate", "n": "many"}', "n must be a whole number"),
        (b'{"n": 3}', "name"),
        (b'{"name": "ga', "Unterminated"),
        (b'["gate"]', "no JSON object"),
        (b'{"name": "\xff"}', "utf-8"),
        (b"[" * 100_000, "recursion"),
        (b'{"name": ' + b"[" * 99 + b"]" * 99 + b"}", "60 levels"),
        (b'{"name": "gate", "n": ' + b"9" * 5000 + b"}", "4300 digits"),
        (b'{"name": "gate", "n": NaN}', "n: NaN"),
        (b'{"name": "gate", "more": {"n": [1, 1e999]}}', "more.n.1: the number 1e999"),
        (b'{"name": "\\ud800"}', "surrogates"),
    ],
)
def test_a_damaged_file_says_where_why_and_what_to_do(
    tmp_path: Path, content: bytes, cause: str
) -> None:
    path = tmp_path / "stored.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as raised:
        read_stored(path, Stored, "train again", CheckpointError)
    message = str(raised.value)
    assert message.startswith(f"{path} is damaged (")
    assert cause in message
    assert message.endswith("): train again")


def test_a_stored_file_is_read_back_or_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "stored.json"
    assert read_stored(path, Stored) is None
    assert read_object(path / "below" / "a-file.json") is None
    write_json(path, {"name": "Café", "n": 3})
    assert read_stored(path, Stored) == Stored(name="Café", n=3)
    assert read_object(path) == {"name": "Café", "n": 3}
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="is damaged"):
        read_object(tmp_path / "folder")


def test_a_torn_last_line_is_left_for_later(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    assert read_json_lines(events) == []
    append_json_line(events, {"epoch": 1})
    append_json_line(events, {"epoch": 2})
    with events.open("a", encoding="utf-8") as stream:
        stream.write('{"epoch": 3, "lo')
    assert read_json_lines(events) == [{"epoch": 1}, {"epoch": 2}]


def test_a_line_torn_by_a_kill_costs_no_other_line(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    append_json_line(events, {"epoch": 1})
    with events.open("ab") as stream:
        stream.write(b'{"note": "Caf' + b"\xc3")
    append_json_line(events, {"epoch": 2})
    assert read_json_lines(events) == [{"epoch": 1}, {"epoch": 2}]


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    killed = (
        "import os, signal, sys; from pathlib import Path; from core.files import write_text; "
        "os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL); "
        "write_text(Path(sys.argv[1]) / 'deep' / 'card.json', 'new')"
    )
    ended = subprocess.run([sys.executable, "-c", killed, str(tmp_path)], cwd=Path.cwd())
    assert ended.returncode == -9
    (left,) = (tmp_path / "deep").iterdir()
    # As if this very process were writing it.
    living = left.with_name(
        left.name.replace(left.name.split("@")[0].split(".")[-1], str(os.getpid()))
    )
    living.touch()
    for name in (".lock", ".hidden", "card.json"):
        (tmp_path / name).touch()
    sweep(tmp_path / "deep", "other.json")
    assert left.exists()
    sweep(tmp_path)
    assert not left.exists()
    assert living.exists()
    assert {path.name for path in tmp_path.iterdir()} == {".lock", ".hidden", "card.json", "deep"}


@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "card.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=f"{path} is damaged"):
        read_object(path, "copy it", CheckpointError)


def test_a_file_beyond_any_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(bytes(2_000_001))
    assert len(read_regular(path, 2_000_001)) == 2_000_001
    with pytest.raises(OSError, match="larger than 2 million bytes"):
        read_regular(path, 2_000_000)


def test_a_message_that_quotes_a_hostile_file_stays_short() -> None:
    message = str(RunError(f"{'a' * 9_000_000} is no region"))
    assert len(message) < 4_100
    assert message.endswith(" is no region")


def test_an_xml_document_with_entities_is_refused() -> None:
    assert parsed_xml(b"<gpx><trk/></gpx>")[0].tag == "trk"
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    with pytest.raises(ValueError, match="document type"):
        parsed_xml(bomb)
