from pathlib import Path

import pytest

from core.__main__ import main
from core.jobs.notes import Notes, write_notes
from tests.app.run_folders import write_run


def test_runs_are_listed_with_tags_and_chosen_by_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, tags in (("first", ("night", "base")), ("second", ("night",)), ("third", ())):
        write_notes(write_run(tmp_path, name).path, Notes(tags=tags))
    folder = str(tmp_path / "runs")
    assert main(["runs", folder]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("tags")
    assert next(line for line in lines if line.startswith("first")).endswith("night, base")
    assert main(["runs", folder, "--tag", "NIGHT", "--tag", "base"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["run", "first"]
    assert main(["runs", folder, "--tag", "day"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "no run with the tag day" in told.err


def test_damaged_notes_hide_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (write_run(tmp_path, "first").path / "notes.json").write_text("{", encoding="utf-8")
    assert main(["runs", str(tmp_path / "runs")]) == 0
    told = capsys.readouterr()
    assert "first" in told.out
    assert "notes.json is damaged" in told.err


def test_a_run_is_deleted_once_it_is_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notes(write_run(tmp_path, "first").path, Notes(text="old"))
    write_run(tmp_path, "second")
    path = tmp_path / "runs" / "first"
    assert main(["delete", str(path)]) == 0
    told = capsys.readouterr()
    assert path.is_dir()
    assert "training run" in told.err
    assert "2 epochs" in told.err
    assert "its note and tags" in told.err
    assert "--yes" in told.err
    assert main(["delete", str(path), "--yes"]) == 0
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["second"]
    assert main(["delete", str(path), "--yes"]) == 1
    assert "holds no run" in capsys.readouterr().err
