"""Photos with corners enough to be recognised by: boxes of all sizes and shades."""

import shutil
from pathlib import Path

import cv2
import numpy as np

SIDE = 224


def scene(seed: int, side: int = SIDE) -> np.ndarray:
    """A photo of one made-up place, `(side, side, 3)`."""
    rng = np.random.default_rng(seed)
    photo = np.full((side, side, 3), 120, np.uint8)
    for _ in range(60):
        x, y = rng.integers(0, side, 2)
        width, height = rng.integers(side // 30, side // 6, 2)
        photo[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return photo


def stepped_aside(photo: np.ndarray, turn_deg: float = 4.0, zoom: float = 1.15) -> np.ndarray:
    """The same place from a little nearer, the camera held askew."""
    side = photo.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), turn_deg, zoom)
    return cv2.warpAffine(photo, turn, (side, side), borderMode=cv2.BORDER_REFLECT)


def furnish(campus: Path, root: Path) -> Path:
    """Copy a campus to `root` and put scenes into its photos: three in a row show one place."""
    shutil.copytree(campus, root, ignore=shutil.ignore_patterns(".bearings"))
    for index, path in enumerate(sorted((root / "images").iterdir())):
        wide = np.concatenate([scene(index // 3), scene(1000 + index // 3)], axis=1)
        left = 24 * (index % 3)
        cv2.imwrite(str(path), wide[:, left : left + SIDE])
    return root
