from pathlib import Path

import pytest

from core.errors import RunError
from core.jobs.notes import Notes, has_tags, read_notes, write_notes


def test_notes_come_back_and_tags_are_tidy(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == Notes()
    write_notes(
        tmp_path, Notes(text="Öde bei Nacht", tags=(" baseline ", "night  walk", "baseline"))
    )
    found = read_notes(tmp_path)
    assert found.text == "Öde bei Nacht"
    assert found.tags == ("baseline", "night walk")


def test_all_wanted_tags_must_be_there() -> None:
    notes = Notes(tags=("Baseline", "night"))
    assert has_tags(notes, [])
    assert has_tags(notes, ["baseline"])
    assert has_tags(notes, ["night", "BASELINE"])
    assert not has_tags(notes, ["baseline", "day"])


def test_damaged_notes_are_told_and_a_deleted_run_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text('{"text": 3', encoding="utf-8")
    with pytest.raises(RunError, match=r"notes\.json is damaged"):
        read_notes(tmp_path)
    with pytest.raises(RunError, match="any more"):
        write_notes(tmp_path / "gone", Notes(text="x"))
    assert not (tmp_path / "gone").exists()
