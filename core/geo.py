"""Coordinate frames, local metres, distances and headings: all geometry of Bearings, in float64.

Conventions, stated once: position arrays are `(n, 2)`, ordered `[latitude, longitude]` in label
units or degrees and `[north_m, east_m]` in metres. Headings are degrees clockwise from true north
in `[0, 360)`; a heading's unit vector is `(cos, sin)`, that is `(north, east)`.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import FrameError

if TYPE_CHECKING:
    from pyproj import Transformer

Floats = NDArray[np.float64]
FrameKind = Literal["degrees", "scaled_degrees", "planar_metres"]


@dataclass(frozen=True)
class CoordinateFrame:
    """What the numbers in the latitude and longitude columns of a label file mean.

    Attributes:
        kind: `degrees` (WGS 84), `scaled_degrees` (degrees = origin + scale * label) or
            `planar_metres` (latitude column = metres north, longitude column = metres east).
        scale: Degrees per label unit; only for `scaled_degrees`.
        origin_latitude: Degrees at label 0; only for `scaled_degrees`.
        origin_longitude: Degrees at label 0; only for `scaled_degrees`.
    """

    kind: FrameKind
    scale: float = 1.0
    origin_latitude: float = 0.0
    origin_longitude: float = 0.0

    def __post_init__(self) -> None:
        """Reject a frame that cannot place anything on Earth."""
        if self.kind not in ("degrees", "scaled_degrees", "planar_metres"):
            raise FrameError(
                f"frame kind {self.kind!r} is unknown: write degrees, scaled_degrees or "
                "planar_metres under [frame] in campus.toml"
            )
        if not np.isfinite(self.scale) or self.scale == 0.0:
            raise FrameError(f"frame scale must be a finite number other than 0, got {self.scale}")

    @property
    def has_degrees(self) -> bool:
        """Whether positions can be placed on Earth (maps of the world, GeoJSON)."""
        return self.kind != "planar_metres"

    @property
    def unit(self) -> str:
        """The unit of the label columns, for axis titles and reports."""
        return {"degrees": "°", "scaled_degrees": "label units", "planar_metres": "m"}[self.kind]

    @property
    def turn(self) -> float:
        """Label units of longitude in a whole turn about the Earth; infinite if planar."""
        return 360.0 / abs(self.scale) if self.has_degrees else float("inf")

    def middle(self, labels: ArrayLike) -> Floats:
        """Return the median `(2,)` of label positions `(n, 2)`, also across the antimeridian."""
        values = _pairs(labels)
        middle = np.median(self.unwrapped(values), axis=0)
        if self.kind == "degrees" and abs(middle[1]) > 180.0:
            middle[1] -= np.copysign(360.0, middle[1])
        return np.asarray(middle, np.float64)

    def unwrapped(self, labels: ArrayLike, about: float | None = None) -> Floats:
        """Move longitudes by whole turns next to one another, so that differences are short.

        An area on both sides of 180 degrees has longitudes of both signs, 360 degrees apart.
        Numbers that are no longitudes stay as they are, and so do all of an ordinary area.

        Args:
            labels: Label positions `(n, 2)`.
            about: The longitude, in label units, to bring them next to; that of their own
                circular median if absent.
        """
        values = _pairs(labels)
        if not self.has_degrees:
            return values
        origin = self.origin_longitude / self.scale
        real = np.abs(values[:, 1] + origin) <= self.turn
        if about is None:
            if not real.any() or np.ptp(values[real, 1]) <= self.turn / 2.0:
                return values
            about = self._circular_median(values[real, 1])
        moved = values.copy()
        turns = np.round((about - values[real, 1]) / self.turn)
        moved[real, 1] = values[real, 1] + self.turn * turns
        return moved

    def _circular_median(self, longitudes: Floats) -> float:
        """The longitude about which half of the others lie on each side, in label units."""
        mean_deg, _ = circular_mean_deg(longitudes / self.turn * 360.0)
        middle = float(mean_deg) / 360.0 * self.turn
        for _ in range(2):
            # Rows of other places pull the mean away; the median about it comes back.
            turns = np.round((middle - longitudes) / self.turn)
            middle = float(np.median(longitudes + self.turn * turns))
        return middle

    def to_degrees(self, labels: ArrayLike) -> Floats:
        """Turn label positions `(n, 2)` into WGS 84 degrees `(n, 2)` `[latitude, longitude]`.

        Raises:
            FrameError: The frame is planar, or a result lies outside the range of degrees.
        """
        values = _pairs(labels)
        if self.kind == "planar_metres":
            raise FrameError(
                "positions are planar metres and have no latitude and longitude in degrees: "
                "give campus.toml a frame of kind degrees or scaled_degrees to use a world map"
            )
        if self.kind == "scaled_degrees":
            values = values * self.scale + [self.origin_latitude, self.origin_longitude]
        outside = (np.abs(values[:, 0]) > 90.0) | (np.abs(values[:, 1]) > 360.0)
        if outside.any():
            first = int(np.flatnonzero(outside)[0])
            raise FrameError(
                f"{int(outside.sum()):,} positions are no degrees (first: row {first}, "
                f"{values[first].tolist()}): correct the labels or the [frame] in campus.toml"
            )
        return values

    def from_degrees(self, degrees: ArrayLike) -> Floats:
        """Turn WGS 84 degrees `(n, 2)` into label positions `(n, 2)`."""
        values = _pairs(degrees)
        if self.kind == "planar_metres":
            raise FrameError("degrees cannot be written as planar metres without a datum")
        if self.kind == "scaled_degrees":
            offset = values - [self.origin_latitude, self.origin_longitude]
            # The short way round the Earth from the origin.
            offset[:, 1] -= 360.0 * np.round(offset[:, 1] / 360.0)
            return offset / self.scale
        return values


@dataclass(frozen=True)
class LocalFrame:
    """Local metres about a fixed origin, tied to the frame of a label file.

    Degrees are projected with WGS 84's azimuthal equidistant projection (PROJ `aeqd`, Snyder 1987,
    p. 191) about the origin: within 1 km of it, planar distances are geodesics to under a
    millimetre.

    Attributes:
        frame: What label units mean.
        origin: `(latitude, longitude)` of the local origin, in label units.
    """

    frame: CoordinateFrame
    origin: tuple[float, float]

    @classmethod
    def about(cls, frame: CoordinateFrame, labels: ArrayLike) -> Self:
        """Make the local frame about the median of label positions `(n, 2)`.

        The median keeps the origin on campus when some labels are grossly wrong.
        """
        middle = frame.middle(labels)
        return cls(frame, (float(middle[0]), float(middle[1])))

    @cached_property
    def _transformer(self) -> "Transformer":
        latitude, longitude = self.frame.to_degrees([self.origin])[0]
        return _azimuthal(float(latitude), float(longitude))

    def to_metres(self, labels: ArrayLike) -> Floats:
        """Turn label positions `(n, 2)` into `(n, 2)` `[north_m, east_m]`."""
        if not self.frame.has_degrees:
            return _pairs(labels) - np.asarray(self.origin, np.float64)
        return self.from_degrees(self.frame.to_degrees(labels))

    def to_labels(self, metres: ArrayLike) -> Floats:
        """Turn `(n, 2)` `[north_m, east_m]` into label positions `(n, 2)`."""
        if not self.frame.has_degrees:
            return _pairs(metres) + np.asarray(self.origin, np.float64)
        labels = self.frame.from_degrees(self.to_degrees(metres))
        if self.frame.kind == "degrees":
            return labels
        return self.frame.unwrapped(labels, about=self.origin[1])

    def to_degrees(self, metres: ArrayLike, *, unwrapped: bool = False) -> Floats:
        """Turn `(n, 2)` `[north_m, east_m]` into WGS 84 degrees.

        Args:
            metres: Local positions.
            unwrapped: Whether longitudes may leave [-180, 180] to stay next to the origin's, as
                polygons and maps need where an area lies across the antimeridian.

        Raises:
            FrameError: Positions are planar metres.
        """
        values = _pairs(metres)
        longitude, latitude = self._transformer.transform(
            values[:, 1], values[:, 0], direction="INVERSE"
        )
        degrees = np.column_stack([latitude, longitude])
        if not unwrapped:
            return degrees
        about = self.frame.to_degrees([self.origin])[0, 1]
        return CoordinateFrame("degrees").unwrapped(degrees, about=float(about))

    def from_degrees(self, degrees: ArrayLike) -> Floats:
        """Turn WGS 84 degrees `(n, 2)` into `(n, 2)` `[north_m, east_m]`; FrameError if planar."""
        values = _pairs(degrees)
        east, north = self._transformer.transform(values[:, 1], values[:, 0])
        return np.column_stack([north, east])


@lru_cache(maxsize=8)
def _azimuthal(latitude: float, longitude: float) -> "Transformer":
    """Degrees to metres about an origin; kept, as making one takes longer than most of its uses."""
    from pyproj import Transformer  # Slow to import, and lists of runs need none.

    local = f"+proj=aeqd +lat_0={latitude:.12f} +lon_0={longitude:.12f} +datum=WGS84 +units=m"
    return Transformer.from_crs("EPSG:4326", local, always_xy=True)


def distance_m(first_m: ArrayLike, second_m: ArrayLike) -> Floats:
    """Distances `(n,)` in metres between `(n, 2)` local positions (either may be `(2,)`)."""
    difference = np.asarray(first_m, np.float64) - np.asarray(second_m, np.float64)
    return np.asarray(np.hypot(difference[..., 0], difference[..., 1]))


# Ten times the usual distance from the middle is another place, a typing error or no fix.
FAR_SPREADS = 10.0
# Keeps the rule sane if most photos share one point and the spread is next to nothing.
SMALLEST_SPREAD_M = 10.0
# In distances within which 95 % of the positions lie.
OFF_CAMPUS_REACHES = 4.0


def far_from_middle(position_m: ArrayLike) -> NDArray[np.bool_]:
    """Flag `(n,)` positions `(n, 2)` over ten times the median distance from their median."""
    points = _pairs(position_m)
    if not len(points):
        return np.zeros(0, np.bool_)
    from_middle_m = distance_m(points, np.median(points, axis=0))
    spread_m = max(float(np.median(from_middle_m)), SMALLEST_SPREAD_M)
    return np.asarray(from_middle_m > FAR_SPREADS * spread_m)


def off_campus(position_m: ArrayLike) -> NDArray[np.bool_]:
    """Flag `(n,)` the few positions `(n, 2)` that would stretch the view of all others.

    They are far from the middle, and also far beyond 95 % of the positions: the second spot
    of a small campus is no outlier.
    """
    points = _pairs(position_m)
    far = far_from_middle(points)
    if not far.any():
        return far
    from_middle_m = distance_m(points, np.median(points, axis=0))
    return far & (from_middle_m > OFF_CAMPUS_REACHES * np.quantile(from_middle_m, 0.95))


def wrap_heading_deg(heading_deg: ArrayLike) -> Floats:
    """Bring headings of any size into `[0, 360)`."""
    wrapped = np.mod(np.asarray(heading_deg, np.float64), 360.0)
    # A tiny negative angle rounds up to exactly 360 in np.mod.
    return np.where(wrapped >= 360.0, 0.0, wrapped)


def heading_difference_deg(first_deg: ArrayLike, second_deg: ArrayLike) -> Floats:
    """Signed turn from `second` to `first` in degrees, in `[-180, 180)`, the short way round."""
    difference = np.asarray(first_deg, np.float64) - np.asarray(second_deg, np.float64)
    return np.mod(difference + 180.0, 360.0) - 180.0


def heading_error_deg(first_deg: ArrayLike, second_deg: ArrayLike) -> Floats:
    """Absolute angle between two headings in degrees, in `[0, 180]`."""
    return np.abs(heading_difference_deg(first_deg, second_deg))


def heading_unit(heading_deg: ArrayLike) -> Floats:
    """Unit vectors `(..., 2)` `(cos, sin)` of headings `(...)`: `(north, east)` components."""
    radians = np.deg2rad(np.asarray(heading_deg, np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=-1)


def heading_from_unit(unit: ArrayLike) -> Floats:
    """Headings `(...)` in `[0, 360)` of vectors `(..., 2)` `(cos, sin)` of any length.

    The zero vector points nowhere; it gives 0, as `atan2(0, 0)` does.
    """
    vector = np.asarray(unit, np.float64)
    return wrap_heading_deg(np.rad2deg(np.arctan2(vector[..., 1], vector[..., 0])))


def circular_mean_deg(
    heading_deg: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Weighted circular mean over the last axis (Mardia & Jupp 2000, eq. 2.2.4).

    Args:
        heading_deg: Headings `(..., k)` in degrees.
        weights: Non-negative weights `(..., k)`; equal when absent.

    Returns:
        The mean headings `(...)` in `[0, 360)` and the mean resultant lengths `(...)` in `[0, 1]`:
        1 when all agree, 0 when they cancel and the mean says nothing.
    """
    units = heading_unit(heading_deg)
    share = np.ones(units.shape[:-1]) if weights is None else np.asarray(weights, np.float64)
    total = share.sum(axis=-1)
    mean = (units * share[..., None]).sum(axis=-2) / np.where(total == 0, 1.0, total)[..., None]
    return heading_from_unit(mean), np.hypot(mean[..., 0], mean[..., 1])


def _pairs(values: ArrayLike) -> Floats:
    array = np.asarray(values, np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"positions must have shape (n, 2), got {array.shape}")
    return array


def inside(polygon: ArrayLike, points: ArrayLike) -> NDArray[np.bool_]:
    """Flag the points `(n, 2)` within the polygon `(k, 2)`: even-odd rule (Franklin's PNPOLY)."""
    first, every = np.asarray(polygon, np.float64), np.asarray(points, np.float64)
    second = np.roll(first, -1, axis=0)
    north, east = every[:, None, 0], every[:, None, 1]
    spans = (first[:, 0] > north) != (second[:, 0] > north)
    rise = np.where(second[:, 0] == first[:, 0], 1.0, second[:, 0] - first[:, 0])
    crossing = first[:, 1] + (north - first[:, 0]) * (second[:, 1] - first[:, 1]) / rise
    return np.asarray(np.sum(spans & (east < crossing), axis=1) % 2 == 1)
