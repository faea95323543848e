import shutil
from pathlib import Path

import pandas as pd
import pytest

from core.dataset.labels import read_dataset
from core.errors import LabelError


def course_layout(root: Path, parts: dict[str, tuple[str, str]]) -> None:
    """Rearrange the small campus into parts: `{part: (label file, photo folder)}`."""
    table = pd.read_csv(root / "labels.csv")
    photos = (root / "images").rename(root.parent / "originals")
    for number, (labels, folder) in enumerate(parts.values()):
        rows = table.iloc[number :: len(parts)].copy()
        (root / folder).mkdir(parents=True)
        (root / labels).parent.mkdir(parents=True, exist_ok=True)
        names = [f"img_{row:04d}.jpg" for row in range(len(rows))]
        for old, new in zip(rows["filename"], names, strict=True):
            shutil.copy(photos / old, root / folder / new)
        rows.assign(filename=names).to_csv(root / labels, index=False)
    (root / "labels.csv").unlink()


@pytest.mark.parametrize(
    ("train", "val"),
    [
        (("labels_train.csv", "images_train"), ("labels_val.csv", "images_val")),
        (("train_label.csv", "train_images"), ("val_label.csv", "val_images")),
        (("Train_Labels.CSV", "images/train"), ("Valid-labels.csv", "images/val")),
        (("train/labels.csv", "train/images"), ("val/labels.csv", "val/images")),
        (("train.csv", "images_train/images_train"), ("val.csv", "images_val/images_val")),
        (("labels_train.csv", "train"), ("labels_validation.csv", "validation")),
    ],
)
def test_the_course_layout_and_its_variants(
    small_campus: Path, train: tuple[str, str], val: tuple[str, str]
) -> None:
    course_layout(small_campus, {"train": train, "val": val})
    dataset = read_dataset(small_campus)
    assert dataset.table["official"].value_counts().to_dict() == {"train": 24, "val": 24}
    # Both parts name img_0000.jpg: the path keeps them apart.
    assert dataset.table["filename"].duplicated().any()
    assert dataset.table["photo_id"][0] == f"{train[1]}/img_0000.jpg"
    assert dataset.notes == ()


def test_a_test_file_is_read_when_it_is_there(small_campus: Path) -> None:
    parts = {p: (f"labels_{p}.csv", f"images_{p}") for p in ("train", "val", "test")}
    course_layout(small_campus, parts)
    counts = read_dataset(small_campus).table["official"].value_counts().to_dict()
    assert counts == {"train": 16, "val": 16, "test": 16}


def test_an_updated_file_is_preferred_with_a_note(small_campus: Path) -> None:
    parts = {p: (f"labels_{p}.csv", f"images_{p}") for p in ("train", "val")}
    course_layout(small_campus, parts)
    table = pd.read_csv(small_campus / "labels_train.csv")
    table.assign(angle=123.0).to_csv(small_campus / "labels_train_updated.csv", index=False)
    dataset = read_dataset(small_campus)
    assert (dataset.headings_deg[:24] == 123.0).all()
    assert dataset.notes == ("labels_train_updated.csv was read and labels_train.csv passed over",)


def test_two_files_for_one_part_are_refused(small_campus: Path) -> None:
    for name in ("labels_train.csv", "train_labels.csv"):
        shutil.copy(small_campus / "labels.csv", small_campus / name)
    (small_campus / "labels.csv").unlink()
    with pytest.raises(LabelError, match="label the same part"):
        read_dataset(small_campus)


def test_labels_of_the_whole_and_of_parts_are_refused(small_campus: Path) -> None:
    shutil.copy(small_campus / "labels.csv", small_campus / "labels_val.csv")
    with pytest.raises(LabelError, match="whole dataset and for parts"):
        read_dataset(small_campus)
    assert len(read_dataset(small_campus / "labels.csv")) == 48


def test_other_csv_files_are_not_taken_for_labels(small_campus: Path) -> None:
    shutil.copy(small_campus / "labels.csv", small_campus / "labels_without_images.csv")
    (small_campus / "truth.csv").write_text("x\n1\n", encoding="utf-8")
    assert len(read_dataset(small_campus)) == 48


def test_a_folder_without_labels_says_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "survey.csv").write_text("x\n1\n", encoding="utf-8")
    with pytest.raises(LabelError) as caught:
        read_dataset(tmp_path)
    assert "labels_train.csv with images_train/" in str(caught.value)
    assert "survey.csv" in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv"])
def test_a_path_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabelError, match="nowhere"):
        read_dataset(tmp_path / name)


def test_one_csv_file_is_read_with_the_photos_beside_it(small_campus: Path) -> None:
    (small_campus / "labels.csv").rename(small_campus / "my survey.csv")
    dataset = read_dataset(small_campus / "my survey.csv")
    assert len(dataset) == 48
    assert dataset.root == small_campus
    assert set(dataset.table["official"]) == {""}


def test_photos_may_lie_beside_the_labels(small_campus: Path) -> None:
    for photo in (small_campus / "images").iterdir():
        photo.rename(small_campus / photo.name)
    (small_campus / "images").rmdir()
    dataset = read_dataset(small_campus)
    assert dataset.table["photo_id"][0] == "img_0000.jpg"


def test_hidden_files_of_macos_are_no_label_files(small_campus: Path) -> None:
    (small_campus / "._labels.csv").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    assert len(read_dataset(small_campus)) == 48


@pytest.mark.parametrize("name", ["environ", "key.pem"])
def test_a_file_that_is_no_table_is_refused_and_none_of_it_is_quoted(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("PASSWORD=letmein\0HOME=/root\n", encoding="utf-8")
    with pytest.raises(LabelError, match="is no label table by its name") as caught:
        read_dataset(tmp_path / name)
    assert "letmein" not in str(caught.value)


def test_a_region_with_an_endless_name_is_refused(small_campus: Path) -> None:
    path = small_campus / "labels.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[3, "Region_ID"] = "9" * 5000
    table.to_csv(path, index=False)
    with pytest.raises(LabelError, match=r"labels\.csv: a region has a name of 5,000 characters"):
        read_dataset(small_campus)
