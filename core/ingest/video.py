"""A video of a walk as photos: frames at regular times, with positions from a GPX track.

OpenCV decodes the frames; it turns them upright as the file says. The time of the first frame has
to be given with its zone: what cameras write as creation time is local time or UTC, as they please.
"""

import io
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from PIL import Image

from core.dataset.decode import Pixels
from core.dataset.exif import PhotoExif
from core.errors import ConfigError
from core.files import parsed_xml
from core.geo import CoordinateFrame
from core.ingest.photos import QUALITY, Copy, LeftOut, Source
from core.ingest.schema import VIDEO_SUFFIXES, IngestConfig

NO_DIRECTION = "a video says no direction, and the way of a track is not that of the camera"
# Between points of a track that are farther apart in time, the way is unknown.
LONGEST_GAP_S = 60.0
# A file that breaks off holds fewer frames than it says.
_WHOLE_SHARE = 0.98


@dataclass(frozen=True)
class Track:
    """The points of a GPX track.

    Attributes:
        seconds: Seconds since 1970 in UTC, rising.
        latitude: WGS 84 degrees of each point.
        longitude: WGS 84 degrees of each point, next to one another across the antimeridian.
    """

    seconds: tuple[float, ...]
    latitude: tuple[float, ...]
    longitude: tuple[float, ...]

    def at(self, time: datetime) -> tuple[float, float] | None:
        """Latitude and longitude at a time, between the points around it; None if it has none."""
        now = time.timestamp()
        after = bisect_left(self.seconds, now)
        if after < len(self.seconds) and self.seconds[after] == now:
            share, before = 0.0, after
        elif 0 < after < len(self.seconds):
            before = after - 1
            gap = self.seconds[after] - self.seconds[before]
            if gap > LONGEST_GAP_S:
                return None
            share = (now - self.seconds[before]) / gap
        else:
            return None
        place = [
            (1.0 - share) * axis[before] + share * axis[after]
            for axis in (self.latitude, self.longitude)
        ]
        return place[0], (place[1] + 180.0) % 360.0 - 180.0


def read_track(path: Path) -> Track:
    """Read the track points of a GPX file that have a time.

    Raises:
        ConfigError: It cannot be read, or has fewer than two such points.
    """
    try:
        root = parsed_xml(path.read_bytes())
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise ConfigError(f"the track {path} cannot be read: {error}") from error
    points: dict[float, tuple[float, float]] = {}
    for element in root.iter():
        if element.tag.rpartition("}")[2] != "trkpt":
            continue
        text = next((e.text or "" for e in element if e.tag.rpartition("}")[2] == "time"), "")
        try:
            time = datetime.fromisoformat(text.strip())
            place = float(element.get("lat", "")), float(element.get("lon", ""))
        except ValueError:
            continue
        if abs(place[0]) <= 90.0 and abs(place[1]) <= 180.0:
            # GPX 1.1: times are UTC.
            points[time.replace(tzinfo=time.tzinfo or UTC).timestamp()] = place
    if len(points) < 2:
        raise ConfigError(f"the track {path} has fewer than two track points (trkpt) with a time")
    seconds = sorted(points)
    places = CoordinateFrame("degrees").unwrapped(np.array([points[when] for when in seconds]))
    return Track(tuple(seconds), tuple(places[:, 0].tolist()), tuple(places[:, 1].tolist()))


def copy_frames(
    config: IngestConfig, folder: Path, progress: Callable[[int, int], None] | None
) -> tuple[list[Copy], list[LeftOut]]:
    """Write a frame every so many seconds as a JPEG, with its time and the position of the track.

    Returns:
        The frames that have a position, and those that have none.

    Raises:
        ConfigError: The options do not fit together, or the track or the video cannot be read.
    """
    start = config.first_frame
    if config.track is None or start is None:
        raise ConfigError(
            "a video needs --track FILE.gpx and --video-start, the time of its first frame with "
            "its zone, such as 2024-03-05T15:03:20+01:00"
        )
    track = read_track(config.track)
    copies: list[Copy] = []
    left_out: list[LeftOut] = []
    for seconds, pixels in _frames(config.photos, config.every, left_out, progress):
        relative = f"{config.photos.name} at {seconds:.1f} s"
        time = start + timedelta(seconds=round(seconds, 1))
        position = track.at(time)
        if position is None:
            left_out.append(LeftOut(relative, "the track has no points around its time"))
            continue
        name = f"{config.photos.stem}_{seconds:07.1f}.jpg"
        stream = io.BytesIO()
        Image.fromarray(_small(pixels, config.size)).save(stream, "JPEG", quality=QUALITY)
        (folder / name).write_bytes(stream.getvalue())
        height, width = pixels.shape[:2]
        whole = "seconds" if time.microsecond == 0 else "milliseconds"
        taken = time.isoformat(sep=" ", timespec=whole)
        exif = PhotoExif(width, height, 1, *position, taken=taken)
        source = Source(config.photos, relative, exif, None, None, {"heading": NO_DIRECTION})
        copies.append(Copy(source, name, None, None))
    return copies, left_out


def _frames(
    path: Path,
    every_s: float,
    left_out: list[LeftOut],
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[float, Pixels]]:
    """Yield `(seconds, RGB pixels)` of the first frame in each step; say if the file breaks off."""
    video = cv2.VideoCapture(str(path))
    try:
        said = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        due, seconds, number = 0.0, 0.0, 0
        while video.grab():
            number += 1
            seconds = float(video.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0
            # Frames come a little early or late; half a millisecond is no step.
            if seconds >= due - 5e-4:
                due = (seconds + 5e-4) // every_s * every_s + every_s
                read, pixels = video.retrieve()
                if read:
                    yield seconds, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
            if progress and number <= said:
                progress(number, said)
    finally:
        video.release()
    if not number:
        raise ConfigError(
            f"no frame of {path} can be decoded: it is no video, damaged or of another format "
            f"({', '.join(suffix[1:] for suffix in VIDEO_SUFFIXES)} are read)"
        )
    if number < _WHOLE_SHARE * said:
        left_out.append(LeftOut(path.name, f"it breaks off: {seconds:.0f} s could be decoded"))


def _small(pixels: Pixels, size: int | None) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(1.0, (size or max(width, height)) / max(width, height))
    if scale == 1.0:
        return pixels
    smaller = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA), np.uint8)
