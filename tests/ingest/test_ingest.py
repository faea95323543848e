import io
import json
import os
import platform
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.__main__ import main
from core.dataset.decode import decode_display
from core.dataset.labels import read_dataset
from core.errors import ConfigError
from core.ingest.build import ingest, regions_by_place
from core.ingest.photos import MAGNETIC, NO_DIRECTION, NO_POSITION, NOTHING, UNSAID, copy_names
from core.ingest.schema import IngestConfig
from tests.phone_photos import phone_photo

LATITUDE, LONGITUDE = 17.44512345, -78.34998765


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    """Six photos in two places, in folders named by them."""
    folder = tmp_path / "phone"
    for number in range(6):
        place = ("gate", "lake")[number % 2]
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / f"IMG_{number // 2}.jpg").write_bytes(
            phone_photo(
                latitude=LATITUDE + 0.004 * (number % 2) + 1e-5 * number,
                longitude=LONGITUDE,
                direction=30.125 + number,
                orientation=6 if number == 2 else 1,
                seed=number,
            )
        )
    return folder


def made(phone: Path, **options: object) -> Path:
    out = phone.parent / "dataset"
    ingest(IngestConfig.model_validate({"photos": phone, "out": out, **options}))
    return out


def test_the_dataset_says_what_the_photos_say(phone: Path) -> None:
    dataset = read_dataset(made(phone, regions=2))
    assert len(dataset) == 6
    assert dataset.excluded.empty
    assert dataset.notes == ()
    table = dataset.table.set_index("filename")
    for number in range(6):
        row = table.loc[f"{('gate', 'lake')[number % 2]}_IMG_{number // 2}.jpg"]
        wanted = LATITUDE + 0.004 * (number % 2) + 1e-5 * number
        assert row["latitude"] == pytest.approx(wanted, abs=1e-7)
        assert row["longitude"] == pytest.approx(LONGITUDE, abs=1e-7)
        assert row["heading_deg"] == pytest.approx(30.125 + number, abs=1e-3)
        assert row["minute"] == pytest.approx(15 * 60 + 3 + 20 / 60)
        # North of the other; numbered from the north.
        assert row["region"] == ("2", "1")[number % 2]
    # 4:3 at 26 mm, and the same camera on end.
    assert table.loc["lake_IMG_0.jpg", "hfov_deg"] == pytest.approx(67.3, abs=0.05)
    assert table.loc["gate_IMG_1.jpg", "hfov_deg"] == pytest.approx(53.06, abs=0.05)


def test_copies_hold_upright_pixels_and_nothing_else(phone: Path) -> None:
    originals = {path: path.read_bytes() for path in phone.rglob("*.jpg")}
    out = made(phone, region_from_folders=True)
    for copy in (out / "images").iterdir():
        content = copy.read_bytes()
        for trace in (b"Exif", b"secret", b"xmp", b"http", b"ICC_PROFILE", b"MPF", b"Photoshop"):
            assert trace not in content
        with Image.open(io.BytesIO(content)) as opened:
            assert dict(opened.getexif()) == {}
            assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    turned = phone / "gate" / "IMG_1.jpg"
    wanted = decode_display(turned).astype(int)
    assert wanted.shape == (96, 72, 3)
    got = decode_display(out / "images" / "gate_IMG_1.jpg").astype(int)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).mean() < 12  # noise, encoded twice
    assert {path: path.read_bytes() for path in phone.rglob("*.jpg")} == originals


def test_folders_become_named_regions(phone: Path) -> None:
    dataset = read_dataset(made(phone, region_from_folders=True))
    assert dataset.campus.region_names == {"1": "gate", "2": "lake"}
    assert set(dataset.table.loc[dataset.table["region"] == "1", "filename"]) == {
        "gate_IMG_0.jpg", "gate_IMG_1.jpg", "gate_IMG_2.jpg"
    }  # fmt: skip


def test_a_folder_may_be_called_anything(phone: Path) -> None:
    (phone / "gate").rename(phone / 'the "old" gate 🚪\\')
    dataset = read_dataset(made(phone, region_from_folders=True))
    assert dataset.campus.region_names["2"] == 'the "old" gate 🚪\\'


def test_what_lacks_one_label_is_kept_without_it(phone: Path) -> None:
    (phone / "nowhere.jpg").write_bytes(phone_photo(latitude=None))
    (phone / "aimless.jpg").write_bytes(phone_photo(direction=None))
    (phone / "unsaid.jpg").write_bytes(phone_photo(reference=None))
    (phone / "magnetic.jpg").write_bytes(phone_photo(reference="M"))
    (phone / "beyond.jpg").write_bytes(phone_photo(direction=361.0))
    out = made(phone)
    labels = pd.read_csv(out / "labels.csv").set_index("source")
    assert "Region_ID" not in labels
    assert "[regions]" not in (out / "campus.toml").read_text()
    for name, lack in {
        "nowhere.jpg": f"position: {NO_POSITION}",
        "aimless.jpg": f"heading: {NO_DIRECTION}",
        "unsaid.jpg": f"heading: {UNSAID}",
        "magnetic.jpg": f"heading: {MAGNETIC}",
        "beyond.jpg": "heading: its GPS direction is no angle: 361.0",
    }.items():
        row = labels.loc[name]
        assert row["lacks"] == lack
        assert pd.isna(row["angle"]) == lack.startswith("heading")
        assert pd.isna(row["latitude"]) == lack.startswith("position")
    assert labels.loc["nowhere.jpg", "angle"] == 90.0
    assert pd.isna(labels.loc["gate/IMG_0.jpg", "lacks"])
    assert len(pd.read_csv(out / "left_out.csv")) == 0


def test_what_cannot_be_used_is_left_out_by_name(phone: Path) -> None:
    (phone / "bare.jpg").write_bytes(phone_photo(latitude=None, direction=None))
    (phone / "zero.jpg").write_bytes(phone_photo(latitude=0.0, longitude=0.0))
    (phone / "torn.jpg").write_bytes(phone_photo(size=(400, 300))[:9000])
    (phone / "notes.txt").write_text("hello")
    (phone / "album.json").write_text("{}")
    (phone / "live.MOV").write_bytes(b"ftypqt")
    (phone / "new.HEIC").write_bytes(b"ftypheic")
    (phone / "raw.DNG").write_bytes(b"II*")
    (phone / ".thumbs").mkdir()
    (phone / ".thumbs" / "x.jpg").write_bytes(phone_photo())
    out = made(phone, regions=1)
    left = pd.read_csv(out / "left_out.csv").set_index("source")["reason"]
    assert len(left) == 8
    assert left["bare.jpg"] == NOTHING
    assert "0, 0" in left["zero.jpg"]
    assert "cannot be read" in left["torn.jpg"]
    assert "cannot be read" in left["new.HEIC"]
    assert "camera raw" in left["raw.DNG"]
    assert "none of" in left["notes.txt"]
    assert "it is a video" in left["live.MOV"]
    assert "no photo of its name" in left["album.json"]
    assert len(read_dataset(out)) == 6
    assert len(list((out / "images").iterdir())) == 6


def test_a_folder_as_region_keeps_a_photo_without_a_position(phone: Path) -> None:
    (phone / "gate" / "bare.jpg").write_bytes(phone_photo(latitude=None, direction=None))
    out = made(phone, region_from_folders=True)
    row = pd.read_csv(out / "labels.csv").set_index("source").loc["gate/bare.jpg"]
    assert row["Region_ID"] == 1
    assert row[["latitude", "longitude", "angle"]].isna().all()


def test_headings_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "a.jpg").write_bytes(phone_photo(latitude=None))
    with pytest.raises(ConfigError, match=f"1 x {NO_POSITION}"):
        made(tmp_path / "phone")


@pytest.mark.trap(name="magnetic and true north")
def test_declination_turns_magnetic_directions_alone(phone: Path) -> None:
    (phone / "magnetic.jpg").write_bytes(phone_photo(reference="M", direction=1.0))
    out = made(phone, declination=-2.5)
    labels = pd.read_csv(out / "labels.csv").set_index("filename")
    assert labels.loc["magnetic.jpg", "angle"] == 358.5
    assert labels.loc["magnetic.jpg", "heading_reference"] == "magnetic"
    assert labels.loc["gate_IMG_0.jpg", "angle"] == 30.125
    assert labels.loc["gate_IMG_0.jpg", "heading_reference"] == "true"


def test_size_bounds_the_longest_side(phone: Path) -> None:
    out = made(phone, size=64)
    with Image.open(out / "images" / "lake_IMG_0.jpg") as copy:
        assert copy.size == (64, 48)


def test_nothing_is_overwritten(phone: Path) -> None:
    out = phone.parent / "dataset"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        made(phone)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("place", ["phone/dataset", "."])
def test_a_dataset_inside_the_originals_is_refused(phone: Path, place: str) -> None:
    with pytest.raises(ConfigError, match=r"one another|not empty"):
        ingest(IngestConfig(photos=phone, out=phone.parent / place))
    assert not (phone / "dataset").exists()


def test_a_failure_leaves_nothing(phone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("core.ingest.build.write_tables", fail)
    with pytest.raises(OSError, match="disk full"):
        made(phone)
    assert [path.name for path in phone.parent.iterdir()] == ["phone"]


def test_the_copies_of_a_killed_ingest_are_removed_by_the_next(phone: Path) -> None:
    killed = phone.with_name(f".data.999999999@{platform.node()}.abcdefgh")
    other = phone.with_name(f".other.999999999@{platform.node()}.abcdefgh")
    at_work = phone.with_name(f".data.{os.getpid()}@{platform.node()}.abcdefgh")
    for folder in (killed, other, at_work):
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "copy.jpg").write_bytes(b"half")
    out = phone.with_name("data")
    ingest(IngestConfig(photos=phone, out=out))
    assert (out / "labels.csv").is_file()
    assert sorted(path.name for path in phone.parent.iterdir() if path != phone) == sorted(
        [out.name, other.name, at_work.name]
    )


def test_photos_without_any_exif_are_refused_with_the_reasons(tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    Image.new("RGB", (64, 48)).save(folder / "a.jpg")
    with pytest.raises(ConfigError, match=f"1 x {NOTHING}"):
        ingest(IngestConfig(photos=folder, out=tmp_path / "out"))


def test_regions_do_not_depend_on_the_order_of_photos() -> None:
    rng = np.random.default_rng(3)
    position = np.array([17.445, 78.349]) + rng.normal(0.0, 0.002, (200, 2))
    region = regions_by_place(position, 6, 0)
    order = rng.permutation(200)
    assert np.array_equal(regions_by_place(position[order], 6, 0), region[order])
    assert set(region) == set(range(1, 7))
    north = [position[region == number, 0].mean() for number in range(1, 7)]
    assert north == sorted(north, reverse=True)
    assert set(regions_by_place(position[[0, 0, 1]], 5, 0)) == {1, 2}


def test_copies_of_equal_names_are_told_apart() -> None:
    names = copy_names(["a/b.jpg", "a_b.png", "A/b.jpeg", "c.jpg"])
    assert list(names.values()) == ["a_b.jpg", "a_b-2.jpg", "A_b-3.jpg", "c.jpg"]


def test_copies_have_names_that_windows_takes() -> None:
    names = copy_names(["con.jpg", "NUL.2024.png", "gate/aux.jpg", "lpt1 .jpg", "console.jpg"])
    assert list(names.values()) == [
        "_con.jpg", "_NUL.2024.jpg", "gate_aux.jpg", "_lpt1.jpg", "console.jpg",
    ]  # fmt: skip


def test_the_command_says_what_it_did(phone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (phone / "notes.txt").write_text("hello")
    out = phone.parent / "dataset"
    assert main(["ingest", str(phone), "--out", str(out), "--regions", "2"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert "6 photos in 2 regions; 1 files left out" in told.err
    (phone / "aimless.jpg").write_bytes(phone_photo(direction=None))
    assert main(["ingest", str(phone), "--out", str(phone.parent / "plain")]) == 0
    told = capsys.readouterr()
    assert "7 photos; 1 files left out" in told.err
    assert f"1 x kept without heading: {NO_DIRECTION}" in told.err
    assert "training makes regions of the positions" in told.err
    assert main(["ingest", str(phone), "--out", str(out)]) == 1
    assert "not empty" in capsys.readouterr().err
    both = ["ingest", str(phone), "--out", "x", "--regions", "2", "--region-from-folders"]
    assert main(both) == 1
    assert "exclude" in capsys.readouterr().err


def test_directions_without_a_reference_count_from_the_north_that_is_named(phone: Path) -> None:
    (phone / "unsaid.jpg").write_bytes(phone_photo(reference=None, direction=10.0))
    out = made(phone, direction_reference="magnetic", declination=2.0)
    labels = pd.read_csv(out / "labels.csv").set_index("filename")
    assert labels.loc["unsaid.jpg", "angle"] == 12.0
    assert labels.loc["gate_IMG_0.jpg", "angle"] == 30.125


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("IMG_9.jpg", "IMG_9.jpg.json"),
        ("IMG_9.jpg", "IMG_9.jpg.supplemental-metadata.json"),
        ("IMG_9.jpg", "IMG_9.jpg.supplemental-me.json"),
        ("IMG_9(1).jpg", "IMG_9.jpg(1).json"),
        ("IMG_9(1).jpg", "IMG_9.jpg.supplemental-metadata(1).json"),
        (f"{'x' * 50}.jpg", f"{'x' * 46}.json"),
    ],
)
def test_positions_are_read_from_sidecars_of_google_takeout(
    phone: Path, photo: str, sidecar: str
) -> None:
    (phone / photo).write_bytes(phone_photo(latitude=None))
    zero, there = {"latitude": 0.0, "longitude": 0.0}, {"latitude": 17.5, "longitude": -78.25}
    content = json.dumps({"title": photo, "geoDataExif": zero, "geoData": there})
    (phone / sidecar).write_text(content, encoding="utf-8")
    labels = pd.read_csv(made(phone) / "labels.csv").set_index("source")
    assert labels.loc[photo, ["latitude", "longitude"]].tolist() == [17.5, -78.25]
    assert len(labels) == 7
    assert len(pd.read_csv(phone.parent / "dataset" / "left_out.csv")) == 0


def test_the_time_of_google_takeout_stands_in_for_one_that_a_photo_lacks(phone: Path) -> None:
    (phone / "without.jpg").write_bytes(phone_photo(taken=None))
    (phone / "with.jpg").write_bytes(phone_photo())
    for name in ("without.jpg", "with.jpg"):
        content = {"title": name, "photoTakenTime": {"timestamp": "1709618420"}}
        (phone / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    labels = pd.read_csv(made(phone) / "labels.csv").set_index("source")["timestamp"]
    assert labels["without.jpg"] == "2024-03-05 06:00:20 UTC"
    assert not labels["with.jpg"].endswith("UTC")


def test_two_sidecars_and_a_damaged_one_are_named(phone: Path) -> None:
    for name in ("two.jpg", "torn.jpg"):
        (phone / name).write_bytes(phone_photo(latitude=None))
    for name in ("two.jpg.json", "two.jpg.supplemental-metadata.json", "torn.jpg.json"):
        (phone / name).write_text("{", encoding="utf-8")
    left = pd.read_csv(made(phone) / "left_out.csv").set_index("source")["reason"]
    assert "two.jpg.json and two.jpg.supplemental-metadata.json" in left["two.jpg"]
    assert "torn.jpg.json is damaged" in left["torn.jpg"]
