"""What an attribution method returns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Attribution:
    """How much each pixel of one photo moved one output of the network.

    Attributes:
        method: Key of the method in METHODS.
        label: The target in words: `Library Plaza`, `Heading 213°`, `Main Gate rather than Lake`.
        map: `(s, s)` float32; positive pixels raised the score, negative ones lowered it.
        photo: `(s, s, 3)` uint8, as the network saw it.
        answer: The network's answer for the photo, in words: `Library Plaza 98 %`.
        score: The number that is explained, for the photo.
        baseline_score: The same for the baseline; None for methods without one.
        baseline_answer: The network's answer for the baseline, in words.
        delta: `map.sum() - (score - baseline_score)`: how far the attributions are from adding up
            (completeness); None for methods that do not promise to.
    """

    method: str
    label: str
    answer: str
    map: NDArray[np.float32]
    photo: NDArray[np.uint8]
    score: float
    baseline_score: float | None = None
    delta: float | None = None
    baseline_answer: str | None = None

    def __post_init__(self) -> None:
        """Check shapes and that every attribution is a number."""
        side = self.photo.shape[0]
        if self.photo.shape != (side, side, 3) or self.photo.dtype != np.uint8:
            raise ValueError(
                f"photo must be (s, s, 3) uint8, got {self.photo.shape} {self.photo.dtype}"
            )
        if self.map.shape != (side, side) or self.map.dtype != np.float32:
            raise ValueError(
                f"map must be ({side}, {side}) float32, got {self.map.shape} {self.map.dtype}"
            )
        if not np.isfinite(self.map).all():
            raise ValueError("map holds values that are not finite")

    @property
    def relative_delta(self) -> float | None:
        """The delta as a share of the difference to be explained; None where there is none."""
        if self.delta is None or self.baseline_score is None:
            return None
        difference = abs(self.score - self.baseline_score)
        return abs(self.delta) / difference if difference > 0 else None


# Blending an attribution with its photo, in numpy.


# Okabe-Ito orange and blue: told apart by colour-blind readers, and apart from a grey photo.
POSITIVE = (230, 159, 0)
NEGATIVE = (0, 114, 178)
_LUMA = np.array([0.299, 0.587, 0.114])


def blend(
    attribution: Attribution, *, opacity: float = 0.85, percentile: float = 99.0
) -> NDArray[np.uint8]:
    """Draw positive attributions orange and negative ones blue over the photo in grey.

    Args:
        attribution: Map and photo.
        opacity: Cover of the strongest pixels, in [0, 1].
        percentile: Of the map's sizes; whatever is stronger is drawn as strong as this, so that a
            few extreme pixels do not hide the rest.

    Returns:
        `(s, s, 3)` uint8 RGB.
    """
    return overlay(attribution.photo, attribution.map, opacity=opacity, percentile=percentile)


def overlay(
    photo: NDArray[np.uint8],
    values: NDArray[np.float32],
    *,
    opacity: float = 0.85,
    percentile: float = 99.0,
) -> NDArray[np.uint8]:
    """Draw any map `(s, s)` over a photo `(s, s, 3)` in the same way as `blend`."""
    grey = (photo @ _LUMA)[..., None].repeat(3, axis=2)  # (s, s, 3)
    share = scaled(values, percentile=percentile)  # (s, s)
    colour = np.where(share[..., None] >= 0, POSITIVE, NEGATIVE)  # (s, s, 3)
    cover = opacity * np.abs(share)[..., None]
    return np.asarray((1 - cover) * grey + cover * colour + 0.5, np.uint8)


def scaled(values: NDArray[np.float32], *, percentile: float = 99.0) -> NDArray[np.float64]:
    """Bring a map into [-1, 1], keeping zero at zero: divided by a percentile of its sizes."""
    top = float(np.percentile(np.abs(values), percentile))
    if top == 0.0:
        top = float(np.abs(values).max()) or 1.0
    return np.clip(values.astype(np.float64) / top, -1.0, 1.0)
