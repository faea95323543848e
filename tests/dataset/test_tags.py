from pathlib import Path

import pytest

from core.dataset.labels import read_dataset
from core.dataset.layout import dataset_state
from core.dataset.tags import change_tags, read_tags, tags_text
from core.errors import LabelError


def test_tags_are_given_taken_and_kept_beside_the_labels(tmp_path: Path) -> None:
    assert read_tags(tmp_path) == {}
    change_tags(tmp_path, ["a.jpg", "b,c.jpg"], add="  too   dark ")
    change_tags(tmp_path, ["a.jpg"], add="mirror")
    made = change_tags(tmp_path, ["a.jpg"], add="mirror")
    assert (
        made == read_tags(tmp_path) == {"a.jpg": ("too dark", "mirror"), "b,c.jpg": ("too dark",)}
    )
    assert (tmp_path / "tags.csv").read_text() == tags_text(made)
    change_tags(tmp_path, ["a.jpg", "b,c.jpg"], remove="too dark")
    assert read_tags(tmp_path) == {"a.jpg": ("mirror",)}
    change_tags(tmp_path, ["a.jpg"], remove="mirror")
    assert not (tmp_path / "tags.csv").exists()


def test_a_damaged_table_of_tags_is_named(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("photo,tag\na,b\n")
    with pytest.raises(LabelError, match="needs the header photo_id,tag"):
        read_tags(tmp_path)
    (tmp_path / "tags.csv").write_text("photo_id,tag\na\n")
    with pytest.raises(LabelError, match="line 2"):
        read_tags(tmp_path)


def test_tags_are_no_labels_and_change_no_data_set(shared_campus: Path, tmp_path: Path) -> None:
    for path in shared_campus.iterdir():
        if path.name != ".bearings":
            (tmp_path / path.name).symlink_to(path)
    before, state = read_dataset(tmp_path), dataset_state(tmp_path)
    change_tags(tmp_path, before.table["photo_id"][:3].tolist(), add="first")
    assert dataset_state(tmp_path) == state
    assert read_dataset(tmp_path).table.equals(before.table)
