"""Sun, sky light and haze at one moment of a visit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.float32]
LATITUDE_DEG = 12.0


@dataclass(frozen=True)
class Light:
    """Light for one photo; colours are RGB factors on textures in 0..1.

    Attributes:
        sun_azimuth: radians clockwise from north.
        sun_elevation: radians.
        sun: direct sun; zero under thick cloud.
        ambient: light from the whole sky.
        zenith, horizon: sky colours.
        cloud: share of the sky under cloud, 0..1.
        drift_m: cloud pattern offset ``(2,)``.
        haze_m: distance at which haze takes 63 % of the contrast.
    """

    sun_azimuth: float
    sun_elevation: float
    sun: Rgb
    ambient: Rgb
    zenith: Rgb
    horizon: Rgb
    cloud: float
    drift_m: npt.NDArray[np.float64]
    haze_m: float


def sun_position(hour: float, declination_deg: float) -> tuple[float, float]:
    """Azimuth (clockwise from north) and elevation of the sun, radians, at local solar time.

    Source: the spherical triangle pole-zenith-sun; see Meeus, Astronomical Algorithms, ch. 13.
    """
    phi, delta = np.deg2rad(LATITUDE_DEG), np.deg2rad(declination_deg)
    turn = np.deg2rad((hour - 12.0) * 15.0)
    up = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(turn)
    east = -np.cos(delta) * np.sin(turn)
    north = np.cos(phi) * np.sin(delta) - np.sin(phi) * np.cos(delta) * np.cos(turn)
    return float(np.arctan2(east, north) % (2 * np.pi)), float(np.arcsin(np.clip(up, -1, 1)))


def make_light(hour: float, declination_deg: float, cloud: float, drift_m: npt.ArrayLike,
               haze_m: float = 700.0) -> Light:  # fmt: skip
    """Light at a local solar ``hour`` with a given cloud share; low sun is warm and weak."""
    azimuth, elevation = sun_position(hour, declination_deg)
    lift = float(np.clip(np.sin(max(elevation, 0.03)) / 0.9, 0, 1))
    warm = np.array([1.0, 0.62 + 0.34 * lift**0.6, 0.34 + 0.56 * lift**0.6])
    clear = float(np.clip((0.85 - cloud) / 0.5, 0, 1))
    sun = warm * (0.35 + 0.65 * lift**0.5) * clear * 0.95
    grey = np.array([0.78, 0.8, 0.84])
    blue = np.array([0.62, 0.76, 1.0])
    ambient = (grey * cloud + blue * (1 - cloud)) * (0.34 + 0.3 * lift + 0.12 * cloud)
    zenith = np.array([0.22, 0.42, 0.78]) * (1 - cloud) + np.array([0.56, 0.6, 0.66]) * cloud
    horizon = np.array([0.72, 0.8, 0.88]) * (1 - cloud) + np.array([0.74, 0.76, 0.78]) * cloud
    horizon = horizon * (0.75 + 0.25 * lift) * (warm * 0.35 + 0.65)
    return Light(azimuth, elevation, sun.astype(np.float32), ambient.astype(np.float32),
                 (zenith * (0.6 + 0.4 * lift)).astype(np.float32), horizon.astype(np.float32),
                 cloud, np.asarray(drift_m, dtype=np.float64), haze_m)  # fmt: skip
