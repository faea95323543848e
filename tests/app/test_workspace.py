from pathlib import Path

import pytest

from app import cache
from app.workspace import Workspace, has_labels, workspace


def _card(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}", encoding="utf-8")
    return folder


def test_an_empty_workspace_has_nothing(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "absent")
    assert place.datasets() == []
    assert place.checkpoints() == []


def test_the_demo_comes_first(tmp_path: Path) -> None:
    for name in ("alpha", "demo", "empty"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data" / "alpha" / "labels_train.CSV").touch()
    (tmp_path / "data" / "demo" / "labels.csv").touch()
    _card(tmp_path / "checkpoints" / "a")
    _card(tmp_path / "checkpoints" / "demo-campus")
    _card(tmp_path / "runs" / "one" / "checkpoints" / "best")
    (tmp_path / "runs" / "unfinished").mkdir()
    place = Workspace(tmp_path)
    assert [folder.name for folder in place.datasets()] == ["demo", "alpha"]
    assert [place.label(folder) for folder in place.checkpoints()] == [
        "checkpoints/demo-campus", "checkpoints/a", "runs/one/checkpoints/best",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["Train/labels.csv", "standorte.csv", "labels.xlsx", "labels.txt", "photos.geojson"]
)
def test_a_folder_with_a_label_table_of_any_format_is_offered(tmp_path: Path, name: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "stray.csv").touch()
    (tmp_path / "notes.txt").touch()
    assert not has_labels(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert has_labels(tmp_path)


def test_the_workspace_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARINGS_WORKSPACE", str(tmp_path))
    assert workspace().root == tmp_path.resolve()


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    assert cache.stamp(file) == ()
    file.write_text("a", encoding="utf-8")
    before = cache.stamp(file)
    file.write_text("ab", encoding="utf-8")
    assert cache.stamp(file) != before
