"""The reference's augmentation as it ran, labels included.

    crop -> flip -> rotation (black corners) -> affine -> colour -> blur

Crops and affine maps leave every label as it is; the flip (360 - angle) and the rotation (+ angle)
change the heading in the heading network and nothing in the others. Rotation and affine map share
one warp, and hue turns in a chroma plane instead of HSV: the same distribution at a tenth of the
time. The reference names its steps; ranges that it does not name are torchvision's usual ones.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from core.dataset.augment import (
    colour_matrix,
    mean_colour,
    recolour,
    reference_mirror,
    reference_rotation,
)
from core.dataset.decode import Pixels
from core.geo import Floats, wrap_heading_deg

CROP_AREA = (0.8, 1.0)
CROP_RATIO = (3.0 / 4.0, 4.0 / 3.0)
FLIP_PROBABILITY = 0.5
ROTATION_DEG = 15.0


@dataclass(frozen=True)
class Recipe:
    """What one network's pipeline does beside crop, flip and rotation.

    Attributes:
        turns_label: Whether flip and rotation change the heading label.
        hue_deg: Largest turn of hue.
        blurs: Whether photos are blurred.
        translate: Largest shift of the affine map, as a share of the side; 0 for none.
        scale: Largest change of its scale.
        shear_deg: Largest shear.
    """

    turns_label: bool = False
    hue_deg: float = 0.0
    blurs: bool = False
    translate: float = 0.0
    scale: float = 0.0
    shear_deg: float = 0.0


RECIPES = {
    "region": Recipe(),
    "position": Recipe(hue_deg=36.0, blurs=True, translate=0.1, scale=0.1, shear_deg=5.0),
    "heading": Recipe(turns_label=True),
}


def reference_view(
    photo: Pixels, heading_deg: float, recipe: Recipe, rng: np.random.Generator, size: int
) -> tuple[Pixels, float]:
    """Make one training view of a photo `(s, s, 3)`, and the heading that the reference gives it.

    Returns:
        RGB pixels `(size, size, 3)` and degrees in `[0, 360)`.
    """
    view = _resized(random_crop(photo, rng), size)
    heading = heading_deg
    if rng.random() < FLIP_PROBABILITY:
        view = np.ascontiguousarray(view[:, ::-1])
        heading = reference_mirror(heading)
    angle = float(rng.uniform(-ROTATION_DEG, ROTATION_DEG))
    heading = reference_rotation(heading, angle)
    matrix = _about_centre(_affine(recipe, rng) @ _rotation(angle), size)
    view = np.asarray(cv2.warpAffine(view, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)
    view = _relit(view, recipe, rng)
    if recipe.blurs:
        sigma = float(rng.uniform(0.1, 2.0))
        view = np.asarray(cv2.GaussianBlur(view, (3, 3), sigma), np.uint8)
    return view, float(wrap_heading_deg(heading if recipe.turns_label else heading_deg))


def random_crop(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """Cut a rectangle of random area and aspect, as torchvision's RandomResizedCrop does."""
    side = photo.shape[0]
    for _ in range(10):
        area = float(rng.uniform(*CROP_AREA)) * side * side
        ratio = math.exp(float(rng.uniform(math.log(CROP_RATIO[0]), math.log(CROP_RATIO[1]))))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= side and 0 < height <= side:
            top = int(rng.integers(side - height + 1))
            left = int(rng.integers(side - width + 1))
            return photo[top : top + height, left : left + width]
    return photo


def _resized(photo: Pixels, size: int) -> Pixels:
    rule = cv2.INTER_AREA if photo.shape[0] > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(photo, (size, size), interpolation=rule), np.uint8)


def _rotation(angle_deg: float) -> Floats:
    """Counter-clockwise as seen, where y points down."""
    turn = math.radians(angle_deg)
    cos, sin = math.cos(turn), math.sin(turn)
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _affine(recipe: Recipe, rng: np.random.Generator) -> Floats:
    """Shift (as a share of the side), scale and shear, drawn anew."""
    right, down, grow, lean = rng.uniform(-1.0, 1.0, 4)
    scale = 1.0 + recipe.scale * grow
    shear = math.tan(math.radians(recipe.shear_deg * lean))
    return np.array(
        [
            [scale, scale * shear, recipe.translate * right],
            [0.0, scale, recipe.translate * down],
            [0.0, 0.0, 1.0],
        ]
    )


def _about_centre(matrix: Floats, size: int) -> Floats:
    """The map `(2, 3)` in pixels of a map about the centre in shares of the side."""
    middle = (size - 1) / 2.0
    to_unit = np.array([[1.0, 0.0, -middle], [0.0, 1.0, -middle], [0.0, 0.0, size]]) / size
    back = np.array([[size, 0.0, middle], [0.0, size, middle], [0.0, 0.0, 1.0]])
    return np.asarray((back @ matrix @ to_unit)[:2])


def _relit(photo: Pixels, recipe: Recipe, rng: np.random.Generator) -> Pixels:
    u = rng.uniform(-1.0, 1.0, 4)
    matrix = colour_matrix(
        mean_colour(photo),
        brightness=1.0 + 0.2 * u[0],
        contrast=1.0 + 0.2 * u[1],
        saturation=1.0 + 0.2 * u[2],
        hue_deg=recipe.hue_deg * u[3],
        gains=(1.0, 1.0, 1.0),
    )
    return recolour(photo, matrix)
