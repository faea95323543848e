import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import FrameError
from core.geo import CoordinateFrame, LocalFrame
from core.tables.formats import read_raw
from core.walk.export import written
from core.walk.times import order_of_times
from core.walk.walk import Walk, make_walk
from tests.walk.walks import straight, walk_prediction

MARKUP = "<b>&\"'\x07.jpg"


@pytest.fixture(scope="module")
def walk() -> Walk:
    """Ten photos with a jump before the sixth, and one without a time; one has a hostile name."""
    truth = straight(11, 10.0)
    truth[5:, 1] += 400.0
    names = ("a.jpg", MARKUP, *(f"{letter}.jpg" for letter in "cdefghijk"))
    prediction = walk_prediction(truth[:, None], np.ones((11, 1)), names=names)
    times = [*(f"10:00:{5 * row:02d}" for row in range(10)), ""]
    return make_walk(prediction, order_of_times(times, names), truth)


@pytest.mark.parametrize("form", ["gpx", "kml"])
def test_tracks_open_in_a_reader(walk: Walk, form: str, tmp_path: Path) -> None:
    path = tmp_path / f"walk.{form}"
    path.write_text(written(walk, form), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert "&lt;b&gt;&amp;" in text
    assert "<b>" not in text
    table = read_raw(path)
    assert (
        table.rows[table.header.index("name")]
        .isin(["a.jpg", MARKUP.replace("\x07", "\ufffd")])
        .sum()
        == 2
    )
    assert text.count("<trkpt" if form == "gpx" else "<Point>") == 10
    assert text.count("<trkseg>") == (2 if form == "gpx" else 0)
    assert "faster than the speed limit" in text


def test_json_csv_and_geojson_hold_every_photo_of_the_track(walk: Walk) -> None:
    entries = json.loads(written(walk, "json"))
    assert [entry["filename"] for entry in entries[:3]] == ["a.jpg", MARKUP, "c.jpg"]
    assert [entry["segment"] for entry in entries] == [*[0] * 5, *[1] * 5, None]
    assert [entry["flags"] for entry in entries[4:7]] == [[], ["jump"], []]
    assert entries[10]["flags"] == ["no time"]
    assert entries[1]["seconds"] == 5.0
    assert entries[1]["north_m"] == pytest.approx(10.0, abs=8.0)
    assert entries[1]["latitude_deg"] == pytest.approx(17.445 + 10.0 / 110_700, abs=1e-4)
    assert 0.0 < entries[1]["radius_50_m"] < entries[1]["radius_90_m"]
    assert entries[10]["north_m"] is None
    assert entries[10]["north_alone_m"] == 100.0
    rows = list(csv.DictReader(io.StringIO(written(walk, "csv"))))
    assert [row["flags"] for row in rows] == [*[""] * 5, "jump", *[""] * 4, "no time"]
    features = json.loads(written(walk, "geojson"))["features"]
    kinds = [item["geometry"]["type"] for item in features]
    assert kinds == ["LineString", "LineString", *["Point"] * 10]
    assert features[0]["geometry"]["coordinates"][0] == features[2]["geometry"]["coordinates"]


def test_planar_metres_have_no_track_on_earth() -> None:
    truth = straight(2)
    planar = LocalFrame(CoordinateFrame("planar_metres"), (0.0, 0.0))
    prediction = walk_prediction(truth[:, None], np.ones((2, 1)), frame=planar)
    times = order_of_times(["10:00", "10:01"], prediction.filenames)
    flat = make_walk(prediction, times, truth)
    assert json.loads(written(flat, "json"))[1]["latitude"] == pytest.approx(20.0, abs=6.0)
    with pytest.raises(FrameError, match="planar metres"):
        written(flat, "gpx")
