"""Parts of a photo that people can point at: superpixels, their description and their hiding."""

import warnings
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.cluster.vq import kmeans2

from core.dataset.decode import Pixels
from core.explain.words import listed_words

PARTS = 25
"""Parts that a photo is cut into: fine enough for a banner, few enough to hide one after another"""
# Superpixels are found on a smaller photo, whose noise is averaged away.
_CUT_PX = 96
# Weight of distance against colour: SLIC's m, in units of Lab (Achanta et al. 2012 take 1 to 40).
_COMPACTNESS = 12.0
# What hides a part is blurred by this share of the side, on a photo of a few pixels.
_FILL_PX, _FILL_SIGMA = 56, 7.0
_LARGE, _SMALL = 0.09, 0.02
# Of the box around a part: longer than this many times its other side is a band or a strip.
_ELONGATED = 2.2

# Pixels that vote for the colour of a part.
_VOTERS = 300
_BRIGHTEST, _DAYLIGHT, _MOST_GAIN = 95, 225.0, 2.5

Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Parts:
    """A photo cut into n connected parts.

    Attributes:
        photo: `(s, s, 3)` uint8.
        index: `(s, s)` the part of each pixel, 0 to n - 1; no part is empty.
    """

    photo: Pixels
    index: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of parts."""
        return int(self.index.max()) + 1

    def mask(self, parts: NDArray[np.int64] | list[int]) -> Masks:
        """`(s, s)` whether a pixel is of one of some parts."""
        return np.isin(self.index, parts)

    def share(self, parts: NDArray[np.int64] | list[int]) -> float:
        """The share of the photo that some parts cover."""
        return float(self.mask(parts).mean())


def cut(photo: Pixels, count: int = PARTS) -> Parts:
    """Cut a photo into about `count` superpixels: connected, of like colour, of similar size.

    k-means over colour (CIE Lab) and place that begins on a grid, as SLIC (Achanta et al. 2012)
    does; on so few pixels it needs no search window. Specks join the nearest part.

    Args:
        photo: `(s, s, 3)` uint8 RGB.
        count: Wished number of parts; the nearest square number is taken.
    """
    side = min(len(photo), _CUT_PX)
    small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)  # L 0 to 100
    along = max(1, round(count**0.5))
    rows, columns = np.mgrid[:side, :side] * (_COMPACTNESS * along / side)
    features = np.dstack([lab, rows, columns]).reshape(-1, 5)
    middles = ((np.arange(along) + 0.5) * side / along).astype(int)
    start = features.reshape(side, side, 5)[np.ix_(middles, middles)].reshape(-1, 5)
    with warnings.catch_warnings():
        # A part that loses all its pixels is one part less.
        warnings.filterwarnings("ignore", message="One of the clusters is empty")
        _, labels = kmeans2(features, start, iter=10, minit="matrix")
    index = _connected(labels.reshape(side, side))
    large = cv2.resize(
        index.astype(np.float32), photo.shape[1::-1], interpolation=cv2.INTER_NEAREST
    )
    return Parts(photo, np.unique(large, return_inverse=True)[1].reshape(photo.shape[:2]))


def _connected(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Keep the largest piece of each part; every other pixel joins the nearest such piece."""
    kept = np.full(labels.shape, -1, np.int64)
    for label in np.unique(labels):
        pieces, _ = ndimage.label(labels == label)
        largest = np.bincount(pieces.ravel())[1:].argmax() + 1
        kept[pieces == largest] = label
    nearest = ndimage.distance_transform_edt(kept < 0, return_distances=False, return_indices=True)
    return np.asarray(kept[tuple(nearest)])


def hide(photo: Pixels, mask: Masks) -> Pixels:
    """Return a photo whose masked pixels show the blurred colours around them.

    Neither the detail nor the colour of what is hidden remains, and the soft rim adds no edge that
    a keypoint could sit on. A photo that is hidden whole is one colour, its mean.

    Args:
        photo: `(s, s, 3)` uint8.
        mask: `(s, s)` what is hidden.
    """
    if not mask.any():
        return photo
    side = len(photo)
    seen = np.where(mask, 0.0, 1.0).astype(np.float32)[..., None]
    weighted = np.dstack([photo * seen, seen])
    small = cv2.resize(weighted, (_FILL_PX, _FILL_PX), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), _FILL_SIGMA)
    # Far from everything that is seen the mean takes over.
    trust = 1e-3
    mean = photo.reshape(-1, 3).mean(axis=0).astype(np.float32)
    fill = (blurred[..., :3] + trust * mean) / (blurred[..., 3:] + trust)
    rim = max(1.0, side / 112)
    wide = cv2.dilate(mask.astype(np.float32), np.ones((3, 3), np.uint8), iterations=round(rim))
    cover = np.maximum(cv2.GaussianBlur(wide, (0, 0), rim), mask)[..., None]
    filled = cv2.resize(fill, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(photo * (1.0 - cover) + filled * cover + 0.5, np.uint8)


def describe(parts: Parts, which: list[int]) -> str:
    """Return some parts in words: `the large purple area in the upper left and two grey bands …`.

    No object is named, as none is recognised: a part is its size, colour, shape and place.
    """
    phrases: dict[str, list[tuple[str, str]]] = {}
    for part in which:
        noun, place = _noun(parts, part), _place(parts.mask([part]))
        phrases.setdefault(f"{noun} {place}", []).append((noun, place))
    return listed_words([_phrase(same) for same in phrases.values()])


def _phrase(same: list[tuple[str, str]]) -> str:
    noun, place = same[0]
    if len(same) == 1:
        return f"the {noun} {place}"
    numbers = ("two", "three", "four", "five")
    many = numbers[len(same) - 2] if len(same) - 2 < len(numbers) else str(len(same))
    return f"{many} {noun}s {place}"


def _noun(parts: Parts, part: int) -> str:
    mask = parts.mask([part])
    size = float(mask.mean())
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    shape: Literal["band", "strip", "area"] = "area"
    if width > _ELONGATED * height:
        shape = "band"
    elif height > _ELONGATED * width:
        shape = "strip"
    big = "large " if size > _LARGE else "small " if size < _SMALL else ""
    # Eyes adapt to a dark photo: colours are named as if its brightest parts were in daylight.
    bright = max(np.percentile(parts.photo.max(axis=2), _BRIGHTEST), _DAYLIGHT / _MOST_GAIN)
    pixels = parts.photo[mask][:: max(1, int(mask.sum()) // _VOTERS)]
    lit = np.minimum(pixels * max(1.0, _DAYLIGHT / bright), 255.0).astype(np.uint8)
    return f"{big}{colour_name(lit)} {shape}"


def _place(mask: Masks) -> str:
    """Where the middle of a part is, in thirds of the photo."""
    rows, columns = np.nonzero(mask)
    down, across = (int(3 * (one.mean() + 0.5) / len(mask)) for one in (rows, columns))
    if (down, across) == (1, 1):
        return "in the centre"
    if down == 1:
        return "on the left" if across == 0 else "on the right"
    if across == 1:
        return "at the top" if down == 0 else "at the bottom"
    vertical, horizontal = ("upper", "", "lower")[down], ("left", "", "right")[across]
    return f"in the {vertical} {horizontal}"


# Upper ends of hues in degrees, in HSV; the last wraps round to red.
_HUES = (
    (16, "red"), (42, "orange"), (68, "yellow"), (160, "green"), (195, "turquoise"), (255, "blue"),
    (300, "purple"), (335, "pink"), (361, "red"),
)  # fmt: skip
# Upper ends of lightness, 0 to 100.
_GREYS = ((18, "black"), (42, "dark grey"), (68, "grey"), (88, "light grey"), (101, "white"))
# Below this chroma of Lab, and below this lightness, people call a colour grey or black.
_COLOURLESS, _DARK = 12.0, 9.0
# What is coloured catches the eye: a pixel counts 1 and its chroma over this.
_EYE_CHROMA = 15.0
# A second colour that counts this share of the first is named too.
_SECOND = 0.6


def colour_name(pixels: NDArray[np.uint8]) -> str:
    """Return the everyday name of the colour of pixels `(n, 3)` RGB: `red`, `dark green and grey`.

    Each pixel votes for the name of its colour, a coloured one with more weight than a grey one:
    the average of a mural is a grey that nobody sees in it.
    """
    row = pixels[None].astype(np.float32) / 255.0
    lightness, a, b = cv2.cvtColor(row, cv2.COLOR_RGB2LAB)[0].T
    hue = cv2.cvtColor(row, cv2.COLOR_RGB2HSV)[0, :, 0]
    chroma = np.hypot(a, b)
    votes: dict[str, float] = {}
    names = [_pixel_name(*one) for one in zip(lightness, chroma, hue, strict=True)]
    for name, weight in zip(names, 1.0 + chroma / _EYE_CHROMA, strict=True):
        votes[name] = votes.get(name, 0.0) + float(weight)
    ranked = sorted(votes, key=lambda name: -votes[name])
    alike = len(ranked) > 1 and ranked[0].split()[-1] == ranked[1].split()[-1]
    if len(ranked) > 1 and not alike and votes[ranked[1]] >= _SECOND * votes[ranked[0]]:
        return f"{ranked[0]} and {ranked[1]}"
    return ranked[0]


def _pixel_name(lightness: float, chroma: float, hue: float) -> str:
    if chroma < _COLOURLESS or lightness < _DARK:
        return next(name for end, name in _GREYS if lightness < end)
    name = next(name for end, name in _HUES if hue < end)
    if name == "orange":
        return "beige" if chroma < 30 and lightness > 55 else "brown" if lightness < 50 else name
    if name == "pink" and lightness < 45:
        return "purple" if hue < 320 else "red"
    if lightness < 32 and name in ("green", "blue", "purple", "turquoise", "red"):
        return f"dark {name}"
    return f"light {name}" if lightness > 75 and name in ("green", "blue") else name
