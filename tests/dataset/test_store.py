import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.dataset.decode import counters, decode_photo
from core.dataset.labels import read_dataset
from core.dataset.layout import store_folder
from core.dataset.store import open_store, prepare_dataset
from core.errors import ImageError, LabelError

SIZE = 24


def decodes_of(root: Path, size: int = SIZE) -> int:
    before = counters.photos
    open_store(read_dataset(root), size)
    return counters.photos - before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:700])


def test_rows_are_those_of_the_dataset(small_campus: Path) -> None:
    dataset = read_dataset(small_campus)
    store = open_store(dataset, SIZE)
    assert store.photos.shape == (48, SIZE, SIZE, 3)
    for row in (0, 17, 47):
        wanted, _ = decode_photo(dataset.table["path"][row], size=SIZE)
        np.testing.assert_array_equal(store.photos[row], wanted)
    np.testing.assert_allclose(store.hfov_deg, 65.0)


def test_a_second_opening_decodes_nothing_and_writes_nothing(small_campus: Path) -> None:
    assert decodes_of(small_campus) == 48
    folder = small_campus / ".bearings"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert decodes_of(small_campus) == 0
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_only_the_photo_that_changed_is_decoded_again(small_campus: Path) -> None:
    decodes_of(small_campus)
    changed = small_campus / "images" / "img_0005.jpg"
    Image.new("RGB", (96, 96), "magenta").save(changed)
    assert decodes_of(small_campus) == 1
    store = open_store(read_dataset(small_campus), SIZE)
    np.testing.assert_allclose(store.photos[5].mean(axis=(0, 1)), [255, 0, 255], atol=4)


def test_a_photo_of_the_same_size_and_other_content_is_noticed(small_campus: Path) -> None:
    decodes_of(small_campus)
    path = small_campus / "images" / "img_0005.jpg"
    content = bytearray(path.read_bytes())
    content[-30] ^= 0xFF
    path.write_bytes(content)
    assert decodes_of(small_campus) == 1


def test_touched_and_renamed_photos_are_recognised_by_content(small_campus: Path) -> None:
    decodes_of(small_campus)
    os.utime(small_campus / "images" / "img_0000.jpg", (1, 1))
    (small_campus / "images" / "img_0001.jpg").rename(small_campus / "images" / "new.jpg")
    table = pd.read_csv(small_campus / "labels.csv")
    table.loc[1, "filename"] = "new.jpg"
    table.to_csv(small_campus / "labels.csv", index=False)
    assert decodes_of(small_campus) == 0


def test_rows_in_another_order_are_rearranged_without_decoding(small_campus: Path) -> None:
    first = open_store(read_dataset(small_campus), SIZE).photos.copy()
    table = pd.read_csv(small_campus / "labels.csv")
    table.iloc[::-1].to_csv(small_campus / "labels.csv", index=False)
    assert decodes_of(small_campus) == 0
    np.testing.assert_array_equal(open_store(read_dataset(small_campus), SIZE).photos, first[::-1])


def test_an_open_store_outlives_its_replacement(small_campus: Path) -> None:
    dataset = read_dataset(small_campus)
    store = open_store(dataset, SIZE)
    first = store.photos[0].copy()
    Image.new("RGB", (96, 96), "magenta").save(small_campus / "images" / "img_0000.jpg")
    open_store(dataset, SIZE)
    np.testing.assert_array_equal(store.photos[0], first)
    assert len(list((small_campus / ".bearings").glob("*.u8"))) == 1


def test_sizes_live_side_by_side(small_campus: Path) -> None:
    assert decodes_of(small_campus, 24) == 48
    assert decodes_of(small_campus, 32) == 48
    assert decodes_of(small_campus, 24) == 0


@pytest.mark.parametrize("damage", ["torn index", "short pixels", "other version", "no pixels"])
def test_a_damaged_store_is_made_again(small_campus: Path, damage: str) -> None:
    decodes_of(small_campus)
    folder = small_campus / ".bearings"
    index, pixels = folder / f"photos-{SIZE}.json", next(folder.glob("*.u8"))
    if damage == "torn index":
        index.write_text(index.read_text(encoding="utf-8")[:200], encoding="utf-8")
    elif damage == "short pixels":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif damage == "other version":
        value = json.loads(index.read_text(encoding="utf-8"))
        index.write_text(json.dumps({**value, "version": 0}), encoding="utf-8")
    else:
        pixels.unlink()
    assert decodes_of(small_campus) == 48


def test_an_interrupted_build_leaves_the_old_store(
    small_campus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decodes_of(small_campus)
    cut_short = small_campus / "images" / "img_0003.jpg"
    Image.new("RGB", (96, 96), "magenta").save(cut_short)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(read_dataset(small_campus), SIZE, stop)
    files = sorted(path.name for path in (small_campus / ".bearings").iterdir())
    assert [name.split("-")[0] for name in files] == ["photos", "photos"]
    assert decodes_of(small_campus) == 1


def test_two_builders_at_once_leave_one_sound_store(small_campus: Path) -> None:
    dataset = read_dataset(small_campus)
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(lambda _: open_store(dataset, SIZE), range(2)))
    np.testing.assert_array_equal(stores[0].photos, stores[1].photos)
    assert decodes_of(small_campus) == 0


def test_a_read_only_dataset_is_left_alone(
    small_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small_campus.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert store_folder(small_campus).is_relative_to(tmp_path / "cache")
        assert decodes_of(small_campus) == 48
        assert decodes_of(small_campus) == 0
        assert not (small_campus / ".bearings").exists()
    finally:
        small_campus.chmod(stat.S_IRWXU)


def test_a_store_that_cannot_be_written_says_how_much_it_needs(small_campus: Path) -> None:
    (small_campus / ".bearings").write_text("in the way", encoding="utf-8")
    with pytest.raises(ImageError, match=r"cannot be written .* MB"):
        open_store(read_dataset(small_campus), SIZE)


def test_progress_is_told(tmp_path: Path, make_campus: object) -> None:
    root = make_campus(tmp_path / "c", spots=9)  # type: ignore[operator]
    told: list[tuple[int, int]] = []
    open_store(read_dataset(root), SIZE, lambda done, total: told.append((done, total)))
    assert told == [(64, 72), (72, 72)]


def test_fields_of_view_are_those_of_the_stored_square(small_campus: Path) -> None:
    Image.new("RGB", (200, 100), "teal").save(small_campus / "images" / "img_0000.jpg")
    table = pd.read_csv(small_campus / "labels.csv")
    table["hfov"] = [90.0, 60.0] + [np.nan] * 46
    table.to_csv(small_campus / "labels.csv", index=False)
    store = open_store(read_dataset(small_campus), SIZE)
    np.testing.assert_allclose(store.hfov_deg[:3], [np.rad2deg(2 * np.arctan(0.5)), 60.0, 65.0])


def test_unreadable_photos_are_left_out_by_name_and_never_grey(
    tmp_path: Path, make_campus: object
) -> None:
    root = make_campus(tmp_path / "c", spots=25)  # type: ignore[operator]
    cut(root / "images" / "img_0007.jpg")
    cut(root / "images" / "img_0100.jpg")
    dataset, store = prepare_dataset(root, SIZE)
    assert len(dataset) == len(store.photos) == len(store.hfov_deg) == 198
    assert dataset.excluded["photo_id"].tolist() == ["images/img_0007.jpg", "images/img_0100.jpg"]
    assert dataset.excluded["reason"].str.startswith("photo cannot be read: ").all()
    for row in (6, 7, 197):
        wanted, _ = decode_photo(dataset.table["path"][row], size=SIZE)
        np.testing.assert_array_equal(store.photos[row], wanted)


def test_known_faults_are_not_decoded_again_but_a_mended_photo_is(
    tmp_path: Path, make_campus: object
) -> None:
    root = make_campus(tmp_path / "c", spots=25)  # type: ignore[operator]
    photo = root / "images" / "img_0007.jpg"
    whole = photo.read_bytes()
    cut(photo)
    prepare_dataset(root, SIZE)
    before = counters.photos
    assert len(prepare_dataset(root, SIZE)[0]) == 199
    assert counters.photos == before
    photo.write_bytes(whole)
    dataset, store = prepare_dataset(root, SIZE)
    assert counters.photos == before + 1
    assert len(dataset) == len(store.photos) == 200


def test_missing_and_unreadable_photos_count_together(tmp_path: Path, make_campus: object) -> None:
    root = make_campus(tmp_path / "c", spots=25)  # type: ignore[operator]
    (root / "images" / "img_0000.jpg").unlink()
    (root / "images" / "img_0001.jpg").unlink()
    assert len(prepare_dataset(root, SIZE)[0]) == 198
    cut(root / "images" / "img_0002.jpg")
    with pytest.raises(LabelError, match="3 of 200 labelled photos") as caught:
        prepare_dataset(root, SIZE)
    assert "2 x photo missing" in str(caught.value)
    assert "1 x photo cannot be read: images/img_0002.jpg" in str(caught.value)
    assert len(prepare_dataset(root, SIZE, allow_missing=True)[0]) == 197


def test_opening_names_what_it_cannot_read(small_campus: Path) -> None:
    cut(small_campus / "images" / "img_0007.jpg")
    with pytest.raises(ImageError, match=r"1 of 48 photos .*img_0007\.jpg"):
        open_store(read_dataset(small_campus), SIZE)


def test_no_readable_photo_at_all_is_refused(small_campus: Path) -> None:
    for photo in (small_campus / "images").iterdir():
        cut(photo)
    with pytest.raises(ImageError, match="no photo can be read"):
        prepare_dataset(small_campus, SIZE, allow_missing=True)
