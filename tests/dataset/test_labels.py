import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.dataset.labels import PHOTO_COLUMNS, Dataset, read_dataset
from core.errors import FrameError, LabelError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "iiith"


def edit(root: Path, **columns: dict[int, object]) -> None:
    """Overwrite cells of labels.csv: `edit(root, angle={3: "north"})`."""
    table = pd.read_csv(root / "labels.csv", dtype=object)
    for column, cells in columns.items():
        for row, value in cells.items():
            table.loc[row, column] = value
    table.to_csv(root / "labels.csv", index=False)


def test_a_folder_is_read_whole(small_campus: Path) -> None:
    dataset = read_dataset(small_campus)
    assert len(dataset) == 48
    assert tuple(dataset.table.columns) == PHOTO_COLUMNS
    assert dataset.regions == ("1", "2", "3", "4")
    assert dataset.campus.region_names == {"1": "Gate"}
    assert dataset.notes == ()
    assert dataset.excluded.empty
    first = dataset.table.iloc[0]
    assert (first["photo_id"], first["filename"]) == ("images/img_0000.jpg", "img_0000.jpg")
    assert Path(first["path"]).is_absolute()
    assert first["minute"] == 540.0
    assert dataset.positions.shape == (48, 2)
    assert dataset.region_index.tolist() == [row // 12 for row in range(48)]


@pytest.mark.trap(name="latitude and longitude exchanged")
def test_latitude_and_longitude_are_not_swapped(small_campus: Path) -> None:
    # The campus lies far more east of Greenwich than north of the equator.
    middle = np.median(read_dataset(small_campus).positions, axis=0)
    np.testing.assert_allclose(middle, [17.445, 78.351], atol=0.002)


@pytest.mark.parametrize(
    "names",
    [
        ["file", "time", "lat", "lng", "heading", "region"],
        ["Image Name", "TIME", "Lat", "Long", "BEARING", "region id"],
        ["photo", "Timestamp", "LATITUDE", "lon", "Azimuth", "zone"],
        [" image", "timestamp", "latitude ", "longitude", "Yaw", "REGION_ID"],
    ],
)
def test_column_aliases_are_understood(small_campus: Path, names: list[str]) -> None:
    plain = read_dataset(small_campus)
    table = pd.read_csv(small_campus / "labels.csv")
    table.columns = pd.Index(names)
    table.to_csv(small_campus / "labels.csv", index=False)
    pd.testing.assert_frame_equal(read_dataset(small_campus).table, plain.table)


def test_missing_columns_are_listed_beside_those_found(small_campus: Path) -> None:
    table = pd.read_csv(small_campus / "labels.csv").drop(columns=["angle", "latitude"])
    table.to_csv(small_campus / "labels.csv", index=False)
    with pytest.raises(LabelError) as caught:
        read_dataset(small_campus)
    assert "latitude (or lat" in str(caught.value)
    assert "Found: filename, timestamp, longitude, Region_ID" in str(caught.value)


def test_a_column_that_occurs_twice_is_refused(small_campus: Path) -> None:
    table = pd.read_csv(small_campus / "labels.csv")
    table.insert(0, "lat", 0.0)
    table.to_csv(small_campus / "labels.csv", index=False)
    with pytest.raises(LabelError, match="'lat' and 'latitude' both mean latitude"):
        read_dataset(small_campus)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"filename,lat,lng,angle,region\n", "no rows"),
        (b"filename,lat,lng,angle,region\na,1,2,3,4,5\n", "not a CSV file"),
        (b"\xff\xfe\x00binary", "not a CSV file in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(small_campus: Path, content: bytes, message: str) -> None:
    (small_campus / "labels.csv").write_bytes(content)
    with pytest.raises(LabelError, match=message):
        read_dataset(small_campus)


def test_a_label_that_is_no_number_leaves_its_row_out(small_campus: Path) -> None:
    edit(small_campus, angle={3: "uphill"}, latitude={5: ""}, Region_ID={7: " "})
    dataset = read_dataset(small_campus, allow_missing=True)
    assert len(dataset) == 46
    reasons = dict(zip(dataset.excluded["photo_id"], dataset.excluded["reason"], strict=True))
    assert reasons == {
        "images/img_0003.jpg": "angle is not a number: 'uphill'",
        "images/img_0005.jpg": "latitude is empty",
    }


def test_more_than_one_percent_left_out_stops_unless_allowed(small_campus: Path) -> None:
    (small_campus / "images" / "img_0010.jpg").unlink()
    with pytest.raises(LabelError) as caught:
        read_dataset(small_campus)
    assert "1 of 48 labelled photos (2.1 %)" in str(caught.value)
    assert "1 x photo missing: images/img_0010.jpg" in str(caught.value)
    assert "--allow-missing" in str(caught.value)
    assert len(read_dataset(small_campus, allow_missing=True)) == 47


def test_one_percent_left_out_goes_on(tmp_path: Path, make_campus: object) -> None:
    root = make_campus(tmp_path / "c", spots=25, headings=(0.0,))  # type: ignore[operator]
    (root / "images" / "img_0010.jpg").unlink()
    dataset = read_dataset(root)
    assert len(dataset) == 99
    assert dataset.excluded["reason"].tolist() == ["photo missing"]


def test_no_photo_at_all_stops_even_when_allowed(small_campus: Path) -> None:
    shutil.rmtree(small_campus / "images")
    with pytest.raises(LabelError, match="48 of 48 labelled photos") as caught:
        read_dataset(small_campus, allow_missing=True)
    assert "looked for in" in str(caught.value)
    assert "--allow-missing" not in str(caught.value)


def test_files_that_are_no_photos_are_left_out_by_reason(small_campus: Path) -> None:
    (small_campus / "images" / "img_0000.jpg").write_bytes(b"")
    (small_campus / "images" / "img_0001.jpg").write_text("not a photo", encoding="utf-8")
    dataset = read_dataset(small_campus, allow_missing=True)
    assert dataset.excluded["reason"].tolist() == [
        "photo is an empty file",
        "photo is no JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF file",
    ]


def test_names_that_differ_in_case_or_ending_are_matched_with_a_note(small_campus: Path) -> None:
    images = small_campus / "images"
    (images / "img_0000.jpg").rename(images / "img_0000.JPG")
    (images / "img_0001.jpg").rename(images / "IMG_0001.jpeg")
    edit(
        small_campus, filename={2: "images/img_0002.jpg", 3: "img_0003", 4: "images\\img_0004.jpg"}
    )
    dataset = read_dataset(small_campus)
    assert len(dataset) == 48
    assert dataset.table["photo_id"][:5].tolist() == [
        "images/img_0000.JPG",
        "images/IMG_0001.jpeg",
        "images/img_0002.jpg",
        "images/img_0003.jpg",
        "images/img_0004.jpg",
    ]
    assert dataset.notes == (
        "1 names in labels.csv differ from the file on disk in case (first: img_0000.jpg is "
        "img_0000.JPG)",
        "2 names in labels.csv differ from the file on disk in ending (first: img_0001.jpg is "
        "IMG_0001.jpeg)",
    )


def test_an_ambiguous_name_is_not_guessed(small_campus: Path) -> None:
    images = small_campus / "images"
    for ending in ("png", "jpeg"):
        shutil.copy(images / "img_0000.jpg", images / f"img_0000.{ending}")
    (images / "img_0000.jpg").unlink()
    dataset = read_dataset(small_campus, allow_missing=True)
    assert dataset.excluded["reason"].tolist() == ["ambiguous photo: img_0000.jpeg, img_0000.png"]


@pytest.mark.parametrize("name", ["../labels.csv", "/etc/passwd", "C:\\photo.jpg"])
def test_names_outside_the_folder_are_refused(small_campus: Path, name: str) -> None:
    edit(small_campus, filename={0: name})
    dataset = read_dataset(small_campus, allow_missing=True)
    assert dataset.excluded["reason"].tolist() == [
        "photo missing, and its name points outside the dataset folder"
    ]


def test_of_identical_rows_the_first_is_kept(small_campus: Path) -> None:
    table = pd.read_csv(small_campus / "labels.csv")
    pd.concat([table, table.head(1)]).to_csv(small_campus / "labels.csv", index=False)
    # It lacks no photo, so it does not count among the 1 % that may be left out.
    dataset = read_dataset(small_campus)
    assert len(dataset) == 48
    assert dataset.excluded["reason"].tolist() == ["the same row occurs before"]


def test_of_contradicting_rows_none_is_kept(small_campus: Path) -> None:
    edit(small_campus, filename={1: "img_0000.jpg"})
    dataset = read_dataset(small_campus, allow_missing=True)
    assert len(dataset) == 46
    assert dataset.excluded["photo_id"].tolist() == ["images/img_0000.jpg"] * 2
    assert "contradict" in dataset.excluded["reason"][0]


@pytest.mark.trap(name="test photos cleaned away")
def test_far_outliers_are_kept_and_named(small_campus: Path) -> None:
    edit(small_campus, latitude={4: "18.445"})
    dataset = read_dataset(small_campus)
    assert len(dataset) == 48
    assert "1 photos are labelled more than 10 times" in dataset.notes[0]
    assert "img_0004.jpg (18.445, " in dataset.notes[0]


def test_photos_at_one_point_make_no_outlier_of_a_neighbour(small_campus: Path) -> None:
    same = dict.fromkeys(range(1, 48), "17.445")
    edit(
        small_campus, latitude={0: "17.44505", **same}, longitude=dict.fromkeys(range(48), "78.35")
    )
    assert read_dataset(small_campus).notes == ()


def test_a_position_off_the_earth_is_left_out(small_campus: Path) -> None:
    edit(small_campus, latitude={4: "1744.5"})
    dataset = read_dataset(small_campus, allow_missing=True)
    assert dataset.excluded["reason"].tolist() == ["position 1744.5, 78.349 is no place on Earth"]
    assert dataset.local_frame().to_metres(dataset.positions).shape == (47, 2)


def test_unlabelled_photos_and_unread_times_are_noted(small_campus: Path) -> None:
    shutil.copy(small_campus / "images" / "img_0000.jpg", small_campus / "images" / "extra.jpg")
    edit(small_campus, timestamp={0: "noon", 1: ""})
    notes = read_dataset(small_campus).notes
    assert notes[0] == "1 photos in images/ have no row in labels.csv: extra.jpg"
    assert notes[1] == "1 timestamps hold no time of day and count as unknown: noon"


def test_optional_columns_are_read(small_campus: Path) -> None:
    table = pd.read_csv(small_campus / "labels.csv")
    table.assign(hfov=66.0, walk="w1", visit=2).to_csv(small_campus / "labels.csv", index=False)
    first = read_dataset(small_campus).table.iloc[0]
    assert (first["hfov_deg"], first["walk"], first["visit"]) == (66.0, "w1", "2")


def test_unknown_coordinates_are_refused(small_campus: Path) -> None:
    (small_campus / "campus.toml").unlink()
    edit(small_campus, latitude=dict.fromkeys(range(48), "219698"))
    edit(small_campus, longitude=dict.fromkeys(range(48), "144782"))
    with pytest.raises(FrameError, match=r"campus\.toml"):
        read_dataset(small_campus)


def test_a_dataset_refuses_a_table_of_another_form(small_campus: Path) -> None:
    dataset = read_dataset(small_campus)
    with pytest.raises(ValueError, match="columns"):
        Dataset(
            dataset.root,
            dataset.campus,
            dataset.table.drop(columns="region"),
            dataset.excluded,
            (),
            dataset.regions,
        )


def test_photos_taken_out_take_their_region_along(small_campus: Path) -> None:
    dataset = read_dataset(small_campus)
    first = dataset.table.loc[dataset.table["region"] == "1", "photo_id"]
    rest = dataset.without(dict.fromkeys(first, "blurred"))
    assert rest.regions == ("2", "3", "4")
    assert len(rest) == 36
    assert rest.excluded["reason"].unique().tolist() == ["blurred"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real campus photos are not on this machine")
def test_the_real_photos_are_read() -> None:
    dataset = read_dataset(SHARED)
    assert len(dataset) == 275
    assert dataset.regions == tuple(str(region) for region in range(1, 16))
    assert "img_0159.jpg" in dataset.notes[0]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real campus labels are not on this machine")
def test_labels_without_photos_say_what_is_missing(tmp_path: Path) -> None:
    csv = SHARED / "labels_train_without_images.csv"
    with pytest.raises(LabelError, match=r"6,267 of 6,542 labelled photos .* cannot be used"):
        read_dataset(csv)
    shutil.copy(csv, tmp_path / "labels.csv")
    for given in (tmp_path, tmp_path / "labels.csv"):
        with pytest.raises(LabelError) as caught:
            read_dataset(given)
        message = str(caught.value)
        assert "6,542 of 6,542 labelled photos (100.0 %) cannot be used" in message
        assert f"looked for in {tmp_path}" in message
        assert "images/" in message


def test_a_cell_that_holds_a_book_does_not_fill_the_message(small_campus: Path) -> None:
    edit(small_campus, latitude={row: "word " * 10_000 for row in range(3)})
    edit(small_campus, filename={row: "a" * 100_000 + str(row) for row in range(3, 6)})
    with pytest.raises(LabelError, match="is not a number") as raised:
        read_dataset(small_campus)
    assert len(str(raised.value)) < 3_000
    assert read_dataset(small_campus, allow_missing=True).excluded["reason"].str.len().max() < 500
