"""Views of a generated panorama, whose columns encode their bearing in colour."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.__main__ import main
from core.dataset.decode import Pixels, decode_display
from core.dataset.exif import read_exif
from core.dataset.labels import Dataset, read_dataset
from core.geo import heading_error_deg
from core.ingest.build import Ingested, ingest
from core.ingest.panorama import Sphere, sphere_of
from core.ingest.schema import IngestConfig
from core.splits.protocols import make_split
from tests.phone_photos import phone_photo

WIDTH, HEIGHT = 720, 360


def panorama(first_deg: float, last_deg: float, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Pixels whose red and green are cosine and sine of their bearing, and blue their row."""
    bearing = np.deg2rad(np.linspace(first_deg, last_deg, width, endpoint=False))
    bearing += np.deg2rad((last_deg - first_deg) / width / 2)
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = np.round(128 + 100 * np.cos(bearing))
    pixels[..., 1] = np.round(128 + 100 * np.sin(bearing))
    pixels[..., 2] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    return pixels


def bearing_of(pixels: np.ndarray, x: float = 0.5) -> float:
    """Bearing that a column of a view shows, about its middle row, averaged over a few pixels."""
    row, column = pixels.shape[0] // 2, int(pixels.shape[1] * x)
    seen = pixels[row - 6 : row + 6, column - 2 : column + 2].reshape(-1, 3).mean(axis=0) - 128
    return float(np.rad2deg(np.arctan2(seen[1], seen[0])) % 360)


def gpano(**values: object) -> bytes:
    values = {"ProjectionType": "equirectangular"} | values
    inner = " ".join(f'GPano:{name}="{value}"' for name, value in values.items())
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><d {inner}/></x:xmpmeta>".encode()


def full(**values: object) -> bytes:
    size = {"FullPanoWidthPixels": WIDTH, "FullPanoHeightPixels": HEIGHT}
    return gpano(**size, **values)


def write(path: Path, pixels: np.ndarray, xmp: bytes | None, **exif: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"direction": None, "focal35": None} | exif
    path.write_bytes(phone_photo(pixels=pixels, xmp=xmp, **settings))


def cut(folder: Path, **options: object) -> tuple[Ingested, pd.DataFrame]:
    config = {"photos": folder, "out": folder.parent / "out", "panorama": True, **options}
    made = ingest(IngestConfig.model_validate(config))
    return made, pd.read_csv(made.folder / "labels.csv")


@pytest.mark.parametrize("middle", [77.5, 0.0, 350.0])
@pytest.mark.trap(name="heading of a panorama's views")
def test_each_view_shows_the_bearing_of_its_heading(tmp_path: Path, middle: float) -> None:
    pixels = panorama(middle - 180, middle + 180)
    write(tmp_path / "in/p.jpg", pixels, full(PoseHeadingDegrees=middle))
    made, labels = cut(tmp_path / "in")
    assert (made.panoramas, made.photos) == (1, 8)
    assert sorted((labels["angle"] - middle).mod(360).round(3)) == [45.0 * n for n in range(8)]
    assert set(labels["hfov_deg"]) == {65.0}
    assert set(labels["panorama_id"]) == {"p.jpg"}
    assert labels["latitude"].to_numpy() == pytest.approx(17.445)
    for row in labels.itertuples():
        view = decode_display(made.folder / "images" / row.filename)
        assert view.shape[0] == view.shape[1]
        assert heading_error_deg(bearing_of(view), row.angle) < 1.0
        # The seam of the panorama lies anywhere in a view, not only in its middle.
        for x in (0.1, 0.3, 0.7, 0.9):
            off = np.rad2deg(np.arctan((2 * x - 1) * np.tan(np.deg2rad(32.5))))
            assert heading_error_deg(bearing_of(view, x), row.angle + off) < 1.5


def test_a_direction_in_exif_is_that_of_the_middle(tmp_path: Path) -> None:
    write(tmp_path / "in/p.jpg", panorama(-80, 280), full(), direction=100.0, reference="T")
    made, labels = cut(tmp_path / "in", views=4, view_hfov=90)
    assert labels["angle"].tolist() == [100.0, 190.0, 280.0, 10.0]
    for row in labels.itertuples():
        view = decode_display(made.folder / "images" / row.filename)
        assert heading_error_deg(bearing_of(view), row.angle) < 1.0


def test_views_without_a_direction_have_positions_only(tmp_path: Path) -> None:
    write(tmp_path / "in/p.jpg", panorama(0, 360), full())
    made, labels = cut(tmp_path / "in")
    assert len(labels) == 8
    assert labels["angle"].isna().all()
    assert labels["latitude"].notna().all()
    assert sum(made.lacks.values()) == 8


def leaning(pitch_deg: float, roll_deg: float) -> Pixels:
    """Pixels as in `panorama`, but blue is their elevation, seen by a camera that leans."""
    pitch, roll = np.deg2rad([pitch_deg, roll_deg])
    # North, east and up of the axes of the camera: ahead, to its right and its top.
    ahead = np.array([np.cos(pitch), 0.0, np.sin(pitch)])
    top = np.array([-np.sin(pitch), 0.0, np.cos(pitch)])
    east = np.array([0.0, 1.0, 0.0])
    axes = np.stack([
        ahead, np.cos(roll) * east - np.sin(roll) * top, np.sin(roll) * east + np.cos(roll) * top
    ])  # fmt: skip
    across = np.deg2rad((np.arange(WIDTH) + 0.5) / WIDTH * 360 - 180)[None, :]
    above = np.deg2rad(90 - (np.arange(HEIGHT) + 0.5) / HEIGHT * 180)[:, None]
    seen = np.stack(np.broadcast_arrays(
        np.cos(above) * np.cos(across), np.cos(above) * np.sin(across), np.sin(above)
    ), axis=-1) @ axes  # fmt: skip
    bearing = np.arctan2(seen[..., 1], seen[..., 0])
    colours = [128 + 100 * np.cos(bearing), 128 + 100 * np.sin(bearing), 128 + 100 * seen[..., 2]]
    return np.round(np.stack(colours, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize(("pitch", "roll"), [(20.0, 0.0), (0.0, -15.0), (12.0, 30.0)])
def test_views_of_a_leaning_panorama_are_level(tmp_path: Path, pitch: float, roll: float) -> None:
    tags = {"PosePitchDegrees": pitch, "PoseRollDegrees": roll, "PoseHeadingDegrees": 0}
    write(tmp_path / "in/p.jpg", leaning(pitch, roll), full(**tags))
    made, labels = cut(tmp_path / "in", views=4, view_hfov=60)
    assert made.tilted == 1
    for row in labels.itertuples():
        view = decode_display(made.folder / "images" / row.filename)
        assert heading_error_deg(bearing_of(view), row.angle) < 2.0
        middle = view[view.shape[0] // 2 - 2 : view.shape[0] // 2 + 2, :, 2].astype(float)
        # The horizon is the middle row, from its left end to its right one.
        assert np.abs(middle - 128).max() < 8


def test_shape_counts_only_if_asked(tmp_path: Path) -> None:
    write(tmp_path / "in/p.jpg", panorama(-180, 180), None, direction=0.0)
    made, labels = cut(tmp_path / "in")
    assert (made.panoramas, len(labels)) == (0, 1)
    assert "panorama_id" not in labels
    made, labels = cut(tmp_path / "in", out=tmp_path / "shape", panorama_shape=True)
    assert (made.panoramas, len(labels)) == (1, 8)


def test_a_panorama_is_one_photo_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in/p.jpg", panorama(-180, 180), full(PoseHeadingDegrees=0))
    assert main(["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    assert "1 panoramas were kept whole: --panorama" in capsys.readouterr().err
    options = ["--panorama", "--views", "6", "--view-hfov", "80", "--size", "96"]
    assert main(["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "cut"), *options]) == 0
    assert "1 panoramas were cut into views of 80 degrees" in capsys.readouterr().err
    sizes = {decode_display(path).shape[:2] for path in (tmp_path / "cut" / "images").iterdir()}
    assert sizes == {(96, 96)}


def cropped(left: int, width: int, top: int = 0, height: int = HEIGHT) -> dict[str, int]:
    return {
        "CroppedAreaLeftPixels": left, "CroppedAreaTopPixels": top,
        "CroppedAreaImageWidthPixels": width, "CroppedAreaImageHeightPixels": height,
    }  # fmt: skip


def test_of_half_a_turn_only_views_inside_are_cut(tmp_path: Path) -> None:
    # 180 degrees about the middle, 60 above and 60 below the horizon.
    crop = cropped(180, 360, 60, 240)
    pixels = panorama(10, 190, 360, 240)
    write(tmp_path / "in/p.jpg", pixels, full(PoseHeadingDegrees=100, **crop))
    made, labels = cut(tmp_path / "in", view_hfov=60)
    assert sorted(labels["angle"]) == [55.0, 100.0, 145.0]
    for row in labels.itertuples():
        view = decode_display(made.folder / "images" / row.filename)
        assert heading_error_deg(bearing_of(view), row.angle) < 1.0


def test_the_heading_of_a_lopsided_crop_is_unknown(tmp_path: Path) -> None:
    pixels = panorama(-180, 0, 360)
    write(tmp_path / "in/p.jpg", pixels, full(PoseHeadingDegrees=0, **cropped(0, 360)))
    _, labels = cut(tmp_path / "in")
    assert labels["angle"].isna().all()
    assert "two columns" in labels["lacks"].iloc[0]


def test_a_wide_band_is_cut_without_the_rows_it_lacks(tmp_path: Path) -> None:
    crop = cropped(0, WIDTH, 140, 80)
    pixels = panorama(-180, 180, WIDTH, 80)
    write(tmp_path / "in/p.jpg", pixels, full(PoseHeadingDegrees=0, **crop))
    made, labels = cut(tmp_path / "in")
    assert len(labels) == 8
    view = decode_display(made.folder / "images" / labels["filename"][0])
    # 20 degrees above and below the horizon, of the 32.5 to either side.
    share = np.tan(np.deg2rad(20)) / np.tan(np.deg2rad(32.5))
    assert view.shape[0] / view.shape[1] == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(
    ("xmp", "why"),
    [
        (gpano(ProjectionType="cylindrical"), "cylindrical"),
        (full(**cropped(600, 360)), "do not fit"),
        (gpano(FullPanoWidthPixels=900, FullPanoHeightPixels=800), "do not fit"),
    ],
)
def test_tags_that_cannot_be_followed_are_named(tmp_path: Path, xmp: bytes, why: str) -> None:
    write(tmp_path / "in/good.jpg", panorama(-180, 180), full(PoseHeadingDegrees=0))
    write(tmp_path / "in/p.jpg", panorama(-180, 180), xmp)
    made, labels = cut(tmp_path / "in")
    assert set(labels["source"]) == {"good.jpg"}
    assert [why in each.reason for each in made.left_out] == [True]


def test_a_resized_panorama_keeps_its_tags(tmp_path: Path) -> None:
    write(tmp_path / "p.jpg", panorama(-180, 180, 360, 180), full(PoseHeadingDegrees=12))
    assert sphere_of(read_exif(tmp_path / "p.jpg"), by_shape=False) == Sphere()


@pytest.mark.parametrize("protocol", ["random", "spot", "visit", "block"])
def test_splits_keep_the_views_of_a_panorama_together(tmp_path: Path, protocol: str) -> None:
    for number in range(30):
        write(
            tmp_path / f"in/p{number}.jpg",
            panorama(-180, 180, 160, 80),
            gpano(PoseHeadingDegrees=number),
            latitude=17.445 + 1e-4 * number,
            taken=f"2024:03:{1 + number % 28:02d} 15:{number:02d}:20",
        )
    made, _ = cut(tmp_path / "in", views=4, region_from_folders=True)
    dataset = read_dataset(made.folder)
    for seed, fold in ((0, None), (1, None), (2, 0), (2, 1)):
        parts = make_split(dataset, protocol, seed, fold=fold, cell_m=20, buffer_m=2).parts
        assert_views_are_together(dataset, parts)


def assert_views_are_together(dataset: Dataset, parts: Mapping[str, str]) -> None:
    of = dataset.table["photo_id"].map(parts)
    assert (of.groupby(dataset.table["panorama_id"]).nunique() == 1).all()
    assert len(set(of)) > 2


@pytest.mark.parametrize("protocol", ["random", "spot", "visit"])
def test_views_without_a_position_stay_together_too(tmp_path: Path, protocol: str) -> None:
    for number in range(40):
        write(
            tmp_path / f"in/{'gate' if number % 2 else 'lake'}/p{number}.jpg",
            panorama(-180, 180, 160, 80),
            gpano(PoseHeadingDegrees=number),
            latitude=None,
            taken=f"2024:03:{1 + number % 28:02d} 15:{number:02d}:20",
        )
    made, _ = cut(tmp_path / "in", views=4, region_from_folders=True)
    dataset = read_dataset(made.folder)
    assert dataset.labels == ("heading", "region")
    for seed in range(2):
        assert_views_are_together(dataset, make_split(dataset, protocol, seed).parts)
