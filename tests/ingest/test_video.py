"""Frames of a generated video, whose brightness encodes their time, along a generated track."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from core.__main__ import main
from core.dataset.decode import decode_display
from core.dataset.labels import read_dataset
from core.errors import ConfigError
from core.ingest.build import ingest
from core.ingest.schema import IngestConfig
from core.ingest.video import NO_DIRECTION, read_track

START = datetime(2024, 3, 5, 14, 3, 20, tzinfo=UTC)
LOCAL = "2024-03-05T15:03:20+01:00"
RATE = 10


def write_video(path: Path, seconds: float = 20.0, size: tuple[int, int] = (160, 120)) -> Path:
    """A frame's brightness is ten times its second."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, size)
    for frame in range(int(seconds * RATE)):
        video.write(np.full((size[1], size[0], 3), round(10 * frame / RATE), np.uint8))
    video.release()
    return path


def write_track(path: Path, points: list[tuple[float, float, float]], ending: str = "Z") -> Path:
    """`(seconds after the start, latitude, longitude)` of each point."""
    written = "".join(
        f'<trkpt lat="{north}" lon="{east}"><ele>3</ele>'
        f"<time>{(START + timedelta(seconds=s)).isoformat()[:19]}{ending}</time></trkpt>"
        for s, north, east in points
    )
    path.write_text(
        '<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
        f"{written}</trkseg></trk></gpx>"
    )
    return path


WALK = [(-5.0, 17.0, 78.0), (5.0, 17.001, 78.002), (15.0, 17.002, 78.002)]


@pytest.fixture
def walk(tmp_path: Path) -> dict[str, object]:
    return {
        "photos": write_video(tmp_path / "walk.mp4"),
        "track": write_track(tmp_path / "walk.gpx", WALK),
        "video_start": LOCAL,
        "out": tmp_path / "out",
    }


def test_frames_have_the_position_of_the_track_at_their_time(walk: dict[str, object]) -> None:
    made = ingest(IngestConfig.model_validate(walk))
    labels = pd.read_csv(made.folder / "labels.csv").set_index("source")
    assert labels.index.tolist() == [f"walk.mp4 at {s:.1f} s" for s in range(0, 16, 2)]
    assert labels["latitude"].to_numpy() == pytest.approx(17.0 + (np.arange(0, 16, 2) + 5) * 1e-4)
    east = 78.0 + np.minimum(np.arange(0, 16, 2) + 5, 10) * 2e-4
    assert labels["longitude"].to_numpy() == pytest.approx(east)
    assert labels["angle"].isna().all()
    assert set(labels["lacks"]) == {f"heading: {NO_DIRECTION}"}
    # The frame shows what its time says.
    for seconds, name in zip(range(0, 16, 2), labels["filename"], strict=True):
        pixels = decode_display(made.folder / "images" / name)
        assert pixels.shape == (120, 160, 3)
        assert pixels.mean() == pytest.approx(10 * seconds, abs=5)
    # The track ends after 15 seconds.
    assert [each.relative for each in made.left_out] == [
        "walk.mp4 at 16.0 s", "walk.mp4 at 18.0 s",
    ]  # fmt: skip
    dataset = read_dataset(made.folder)
    assert dataset.table["minute"].iloc[1] == pytest.approx(15 * 60 + 3 + 22 / 60)
    assert dataset.labels[0] == "position"


def test_frames_every_half_second_in_a_smaller_size(walk: dict[str, object]) -> None:
    made = ingest(IngestConfig.model_validate(walk | {"every": 0.5, "size": 80}))
    labels = pd.read_csv(made.folder / "labels.csv")
    assert len(labels) == 31
    assert labels["timestamp"][1] == "2024-03-05 15:03:20.500+01:00"
    assert decode_display(made.folder / "images" / labels["filename"][3]).shape == (60, 80, 3)
    assert len(read_dataset(made.folder)) == 31


def test_a_pause_of_the_track_gives_no_position(tmp_path: Path) -> None:
    path = write_track(tmp_path / "a.gpx", [(0, 17, 78), (60, 17.6, 78), (121, 18, 78)])
    track = read_track(path)
    assert track.at(START + timedelta(seconds=30)) == pytest.approx((17.3, 78.0))
    assert track.at(START + timedelta(seconds=60)) == pytest.approx((17.6, 78.0))
    assert track.at(START + timedelta(seconds=90)) is None
    assert track.at(START + timedelta(seconds=121)) == pytest.approx((18.0, 78.0))
    assert track.at(START - timedelta(seconds=1)) is None


def test_times_without_a_zone_are_utc_and_the_antimeridian_is_crossed(tmp_path: Path) -> None:
    points = [(0.0, 17.0, 179.999), (10.0, 17.0, -179.997)]
    track = read_track(write_track(tmp_path / "a.gpx", points, ending=""))
    assert track.at(START + timedelta(seconds=5)) == pytest.approx((17.0, -179.999))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"track": None}, "needs --track"),
        ({"video_start": None}, "needs --track FILE.gpx and --video-start"),
        ({"track": "none.gpx"}, "cannot be read"),
        ({"photos": "none.mp4"}, "there is no video"),
    ],
)
def test_what_is_missing_is_named(
    walk: dict[str, object], change: dict[str, object], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        ingest(IngestConfig.model_validate(walk | change))


def test_tracks_and_videos_that_cannot_be_read_are_refused(
    walk: dict[str, object], tmp_path: Path
) -> None:
    track = tmp_path / "bare.gpx"
    track.write_text('<gpx><wpt lat="1" lon="2"/></gpx>')
    with pytest.raises(ConfigError, match="fewer than two track points"):
        ingest(IngestConfig.model_validate(walk | {"track": track}))
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(b"\0" * 5000)
    with pytest.raises(ConfigError, match=r"no frame of .* can be decoded"):
        ingest(IngestConfig.model_validate(walk | {"photos": torn}))
    late = write_track(tmp_path / "late.gpx", [(900, 17, 78), (910, 17, 78)])
    with pytest.raises(ConfigError, match="does not cover the video"):
        ingest(IngestConfig.model_validate(walk | {"track": late}))
    assert not (tmp_path / "out").exists()


def test_the_command(walk: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ingest", str(walk["photos"]), "--out", str(walk["out"])]
    assert main([*words, "--video-start", "2024-03-05T15:03:20"]) == 1
    assert "with its zone" in capsys.readouterr().err
    assert main([*words, "--track", str(walk["track"]), "--video-start", LOCAL]) == 0
    told = capsys.readouterr().err
    assert "8 photos; 2 files left out" in told
    assert f"8 x kept without heading: {NO_DIRECTION}" in told
    folder = [*words[:1], str(Path(str(walk["photos"])).parent), "--out", "x"]
    assert main([*folder, "--track", str(walk["track"])]) == 1
    assert "belong to a video" in capsys.readouterr().err
