"""Pictures below maps: where they lie, from each source of their place, and what is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from core.dataset import base_picture
from core.dataset.base_layer import read_base_layer
from core.dataset.base_picture import read_base_picture
from core.errors import LabelError
from core.geo import CoordinateFrame, LocalFrame

# Top left, top right, bottom right, bottom left: 0.002 degrees high, 0.004 wide.
CORNERS = [[12.002, 77.0], [12.002, 77.004], [12.0, 77.004], [12.0, 77.0]]
DEGREES = LocalFrame(CoordinateFrame("degrees"), (12.001, 77.002))


def place(root: Path, text: str, name: str = "map.png", size: tuple[int, int] = (40, 20)) -> None:
    Image.new("RGB", size, "red").save(root / name)
    (root / "campus.toml").write_text(text, encoding="utf-8")


def test_a_picture_lies_at_its_corners(tmp_path: Path) -> None:
    place(tmp_path, f'[map]\npicture = "map.png"\ncorners = {CORNERS}\nattribution = "Ours"')
    base = read_base_layer(tmp_path)
    assert base is not None
    assert base.shapes == ()
    assert base.sources == "Ours"
    picture = base.picture
    assert picture is not None
    assert picture.corners.tolist() == CORNERS
    metres = picture.corners_m(DEGREES)
    assert metres is not None
    assert metres[0] == pytest.approx([110.6, -217.8], abs=0.3)
    with Image.open(io.BytesIO(picture.content)) as drawn:
        assert (drawn.format, drawn.size) == ("WEBP", (40, 20))
    # A map in metres without degrees cannot show it.
    assert picture.corners_m(LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))) is None


def test_bounds_are_corners_and_labels_in_metres_have_corners_in_metres(tmp_path: Path) -> None:
    place(tmp_path, '[map]\npicture = "map.png"\nbounds = [12.0, 77.0, 12.002, 77.004]')
    picture = read_base_picture(tmp_path)
    assert picture is not None
    assert picture.corners.tolist() == CORNERS
    plan = '[frame]\nkind = "planar_metres"\n[map]\npicture = "map.png"\nbounds = [0, 10, 50, 90]'
    place(tmp_path, plan)
    picture = read_base_picture(tmp_path)
    assert picture is not None
    frame = LocalFrame(CoordinateFrame("planar_metres"), (10.0, 20.0))
    assert picture.corners_m(frame) == pytest.approx(
        np.array([[40.0, -10.0], [40.0, 70.0], [-10.0, 70.0], [-10.0, -10.0]])
    )


def test_a_world_file_tells_the_middle_of_the_first_pixel(tmp_path: Path) -> None:
    place(tmp_path, '[map]\npicture = "map.png"')
    (tmp_path / "map.pgw").write_text("0.0001\n0\n0\n-0.0001\n77.00005\n12.00195\n")
    picture = read_base_picture(tmp_path)
    assert picture is not None
    assert picture.corners == pytest.approx(np.array(CORNERS))


def geotiff(path: Path, keys: list[int], scale: float, corner: tuple[float, float]) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33550], tags.tagtype[33550] = (scale, scale, 0.0), 12
    tags[33922], tags.tagtype[33922] = (0.0, 0.0, 0.0, *corner, 0.0), 12
    tags[34735], tags.tagtype[34735] = (1, 1, 0, len(keys) // 4, *keys), 3
    Image.new("RGB", (40, 20), "red").save(path, tiffinfo=tags, compression="tiff_lzw")


def test_a_geotiff_needs_no_setting_and_is_projected_to_degrees(tmp_path: Path) -> None:
    path = tmp_path / "campus.tif"
    geotiff(path, [2048, 0, 1, 4326], 0.0001, (77.0, 12.002))
    picture = read_base_picture(tmp_path)
    assert picture is not None
    assert picture.corners == pytest.approx(np.array(CORNERS))
    # UTM zone 43 north: its central meridian is 75 degrees east, at 500 km.
    geotiff(path, [1024, 0, 1, 1, 3072, 0, 1, 32643], 1.0, (500_000.0, 1_327_000.0))
    picture = read_base_picture(tmp_path)
    assert picture is not None
    assert picture.corners[0] == pytest.approx([12.003, 75.0], abs=0.002)
    assert (picture.corners[0] - picture.corners[3])[0] * 110_600 == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[map]\npicture = "gone.png"', "gone.png, which is not there"),
        ('[map]\npicture = "../map.png"', "a file beside the labels"),
        ('[map]\npicture = "map.png"', "unknown where it lies"),
        ('[map]\npicture = "map.png"\ncorners = [[1, 2]]', "four pairs"),
        ('[map]\npicture = "map.png"\ncorners = {crossed}', "cross"),
        ('[map]\npicture = "map.png"\ncorners = {mirrored}', "mirror"),
        ('[map]\npicture = "map.png"\ncorners = {huge}', "to 20 km"),
        ('[map]\npicture = "map.png"\ncorners = {utm}', "no degrees"),
        ('[map]\npicture = "map.png"\ncrs = "EPSG:1"\ncorners = {utm}', "coordinate system"),
        ('[map]\npicture = "labels.csv"\ncorners = {corners}', "no picture"),
    ],
)
def test_a_wrong_place_is_refused_in_a_sentence(tmp_path: Path, toml: str, said: str) -> None:
    (tmp_path / "labels.csv").write_text("filename\n")
    one, two, three, four = CORNERS
    values = {
        "crossed": [one, three, two, four],
        "mirrored": [four, three, two, one],
        "huge": [[13, 77.0], [13, 77.004], [12, 77.004], [12, 77.0]],
        "utm": [[1327000, 500000], [1327000, 500900], [1326000, 500900], [1326000, 500000]],
        "corners": CORNERS,
    }
    place(tmp_path, toml.format(**values))
    with pytest.raises(LabelError, match=said):
        read_base_picture(tmp_path)


def test_size_in_pixels_and_depth_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, f'[map]\npicture = "map.png"\ncorners = {CORNERS}', size=(3300, 20))
    picture = read_base_picture(tmp_path)
    assert picture is not None
    with Image.open(io.BytesIO(picture.content)) as drawn:
        assert max(drawn.size) == base_picture.DRAWN_SIDE_PX
    monkeypatch.setattr(base_picture, "MOST_PIXELS", 60_000)
    with pytest.raises(LabelError, match="3,300 x 20 pixels"):
        read_base_picture(tmp_path)
    Image.fromarray(np.zeros((20, 40), np.uint16)).save(tmp_path / "map.png")
    with pytest.raises(LabelError, match="8 bits"):
        read_base_picture(tmp_path)
    (tmp_path / "map.png").write_bytes((tmp_path / "map.png").read_bytes()[:60])
    with pytest.raises(LabelError, match=r"map\.png"):
        read_base_picture(tmp_path)
