import os
import shutil
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from core.dataset.labels import Dataset, read_dataset
from core.dataset.layout import LabelFile, dataset_state
from core.dataset.photo_names import FoundPhotos, find_photos


def photos(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\xff\xd8\xff a photo")


def found(root: Path, *names: str, folder: str = "images", part: str = "") -> FoundPhotos:
    folders = (root / folder, root) if (root / folder).is_dir() else (root,)
    return find_photos(root, LabelFile(root / "labels.csv", part, folders), pd.Series(list(names)))


def renamed(small_campus: Path, rename: dict[str, str]) -> Dataset:
    """The small campus with other names in its table."""
    table = pd.read_csv(small_campus / "labels.csv", dtype=str)
    table["filename"] = table["filename"].map(lambda name: rename.get(name, name))
    table.to_csv(small_campus / "labels.csv", index=False)
    return read_dataset(small_campus)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_another_unicode_form_are_matched_with_a_note(
    small_campus: Path, form: str
) -> None:
    other = "NFD" if form == "NFC" else "NFC"
    names = {path.name: f"Café_{path.name}" for path in (small_campus / "images").iterdir()}
    for old, new in names.items():
        (small_campus / "images" / old).rename(
            small_campus / "images" / unicodedata.normalize(form, new)
        )
    dataset = renamed(
        small_campus, {old: unicodedata.normalize(other, new) for old, new in names.items()}
    )
    assert len(dataset) == 48
    assert "48 names in labels.csv differ from the file on disk in Unicode form" in dataset.notes[0]
    assert all(Path(path).is_file() for path in dataset.table["path"])


@pytest.mark.parametrize("where", ["DCIM/100APPLE", "images/2024/03/walk0", "images/Region0"])
@pytest.mark.parametrize("full", [True, False])
def test_photos_are_found_at_any_depth(small_campus: Path, where: str, full: bool) -> None:
    names = [path.name for path in (small_campus / "images").iterdir()]
    (small_campus / where).parent.mkdir(parents=True, exist_ok=True)
    (small_campus / "images").rename(small_campus / "moved")
    (small_campus / where).parent.mkdir(parents=True, exist_ok=True)
    (small_campus / "moved").rename(small_campus / where)
    dataset = renamed(small_campus, {name: f"{where}/{name}" for name in names} if full else {})
    assert len(dataset) == 48
    assert dataset.notes == ()
    assert dataset.table["photo_id"][0] == f"{where}/img_0000.jpg"


def test_a_bare_name_of_two_folders_is_refused_with_both(tmp_path: Path) -> None:
    photos(tmp_path, "images/a/IMG_1.jpg", "images/b/IMG_1.jpg", "images/b/IMG_2.jpg")
    result = found(tmp_path, "IMG_1.jpg", "IMG_2.jpg", "a/IMG_1.jpg", "IMG_1.png")
    assert result.faults == (
        "ambiguous photo: a/IMG_1.jpg, b/IMG_1.jpg", "", "",
        "ambiguous photo: a/IMG_1.jpg, b/IMG_1.jpg",
    )  # fmt: skip
    assert result.photo_ids[1:3] == ("images/b/IMG_2.jpg", "images/a/IMG_1.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "/home/anna/campus/images/walk0/IMG_1.jpg",
        "C:\\Users\\Anna\\campus\\images\\walk0\\IMG_1.jpg",
        "D:\\photos\\walk0\\IMG_1.jpg",
        "\\\\server\\share\\walk0\\IMG_1.jpg",
        "../campus/images/walk0/IMG_1.jpg",
        "./images/walk0/IMG_1.jpg",
        "file:///home/anna/campus/images/walk0/IMG_1.jpg",
    ],
)
def test_paths_of_another_machine_are_found_by_their_tail(tmp_path: Path, name: str) -> None:
    photos(tmp_path, "images/walk0/IMG_1.jpg", "images/walk1/IMG_1.jpg")
    result = found(tmp_path, name)
    assert result.photo_ids == ("images/walk0/IMG_1.jpg",)
    assert result.faults == ("",)
    assert ("in folder (first: " in "".join(result.notes)) == (not name.startswith("./"))


def test_absolute_paths_into_the_folder_are_names_like_others(tmp_path: Path) -> None:
    photos(tmp_path, "images/IMG_1.jpg", "images/a/IMG_1.jpg")
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    for root in (tmp_path, link):
        result = found(root, str(tmp_path / "images" / "IMG_1.jpg"))
        assert (result.photo_ids, result.faults, result.notes) == (("images/IMG_1.jpg",), ("",), ())


def test_a_photo_of_another_folder_is_never_taken(tmp_path: Path) -> None:
    photos(tmp_path, "images/walk1/IMG_1.jpg", "images/IMG_2.jpg", "images/walk1/IMG_2.jpg")
    result = found(tmp_path, "walk3/IMG_1.jpg", "walk3/IMG_2.jpg", "images/IMG_2.jpg")
    assert result.faults == (
        "photo missing here, but in another folder (walk1/IMG_1.jpg)",
        "ambiguous photo: IMG_2.jpg, walk1/IMG_2.jpg",
        "",
    )


def test_two_names_of_one_photo_are_refused_with_both(tmp_path: Path) -> None:
    photos(tmp_path, "images/IMG_1.jpg", "images/IMG_2.jpg")
    result = found(tmp_path, "walk0/IMG_1.jpg", "walk1/IMG_1.jpg", "IMG_2.jpg", "img_2.JPG")
    both = "ambiguous photo: walk0/IMG_1.jpg, walk1/IMG_1.jpg would all be IMG_1.jpg"
    assert result.faults == (
        both, both, "", "ambiguous photo: IMG_2.jpg, img_2.JPG would all be IMG_2.jpg"
    )  # fmt: skip


def test_zeros_cut_by_a_spreadsheet(tmp_path: Path) -> None:
    photos(tmp_path, "images/000000.jpg", "images/000012.jpg", "images/12.png", "images/000007.jpg")
    result = found(tmp_path, "0", "7.0", "7.jpg", "12", "13", "000012.jpg")
    assert result.photo_ids[0] == "images/000000.jpg"
    assert result.faults == (
        "",
        "ambiguous photo: 7.0, 7.jpg would all be 000007.jpg",
        "ambiguous photo: 7.0, 7.jpg would all be 000007.jpg",
        "",
        "photo missing, maybe leading zeros were cut (photos here are like 000000.jpg)",
        "",
    )
    # To the letter but for the ending; more than that is not needed.
    assert result.photo_ids[3] == "images/12.png"
    alone = found(tmp_path, "7")
    assert alone.photo_ids == ("images/000007.jpg",)
    assert alone.notes == (
        "1 names in labels.csv differ from the file on disk in leading zeros "
        "(first: 7 is 000007.jpg)",
    )


def test_a_number_of_two_photos_is_refused_with_both(tmp_path: Path) -> None:
    photos(tmp_path, "images/0012.jpg", "images/000012.jpg")
    assert found(tmp_path, "12").faults == ("ambiguous photo: 000012.jpg, 0012.jpg",)


def test_names_that_differ_by_case_alone_are_two_photos(tmp_path: Path) -> None:
    photos(tmp_path, "images/A.jpg", "images/a.jpg")
    if len(list((tmp_path / "images").iterdir())) == 1:
        pytest.skip("this disk folds case")
    result = found(tmp_path, "A.jpg", "a.jpg", "a.JPG")
    assert result.faults == ("", "", "ambiguous photo: A.jpg, a.jpg")


def test_photos_of_another_part_are_never_taken(tmp_path: Path) -> None:
    photos(tmp_path, "images_train/img_1.jpg", "other/img_2.jpg")
    result = found(tmp_path, "img_1.jpg", "img_2.jpg", folder="images_val", part="val")
    assert result.faults == ("photo missing", "")
    assert result.photo_ids[1] == "other/img_2.jpg"
    assert "images_train/img_1.jpg" not in result.unlabelled


def test_hidden_files_and_folders_are_no_photos(tmp_path: Path) -> None:
    photos(tmp_path, "images/IMG_1.jpg", "images/._IMG_1.jpg", "images/.trash/IMG_2.jpg")
    result = found(tmp_path, "IMG_1.jpg", "IMG_2.jpg")
    assert result.faults == ("", "photo missing")
    assert result.unlabelled == ()


def test_a_folder_that_links_to_itself_is_read_once(tmp_path: Path) -> None:
    photos(tmp_path, "images/a/IMG_1.jpg")
    (tmp_path / "images" / "a" / "loop").symlink_to(tmp_path / "images")
    assert found(tmp_path, "IMG_1.jpg").faults == ("",)


def test_a_changed_folder_at_any_depth_changes_the_state(small_campus: Path) -> None:
    deep = small_campus / "images" / "2024" / "03"
    deep.mkdir(parents=True)
    before = dataset_state(small_campus)
    os.utime(deep, ns=(1, 1))
    assert dataset_state(small_campus) != before
    before = dataset_state(small_campus)
    shutil.rmtree(deep)
    assert dataset_state(small_campus) != before
