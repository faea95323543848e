"""SIFT keypoints (Lowe 2004, "Distinctive image features from scale-invariant keypoints").

Descriptors have the square root of Arandjelovic and Zisserman 2012, "Three things everyone should
know to improve object retrieval".
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.retrieval.projection import Features

_CONTRAST = 0.02


class Sift:
    """SIFT at 224 pixels: about 22 ms a photo on one core; larger photos cost more than they give.

    Attributes:
        side: Photos are resized to this side in pixels; places are pixels of it.
        width: Numbers of a descriptor.
        ratio: A match must be nearer than this share of the second nearest.
        whiten: Strength of whitening of the stored descriptors.
    """

    side = 224
    width = 128
    ratio = 0.9
    whiten = 1.0

    def detect(self, photo: NDArray[np.uint8], most: int) -> tuple[NDArray[np.float32], Features]:
        """The strongest points `(p, 2)` of a photo `(s, s, 3)`, and descriptors of length 1."""
        light = resized(np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8), self.side)
        # Points beyond the strongest get no descriptor, which is a third of the work; those that
        # are as strong as the last one stay, so that the choice among equals is made below.
        sift = cv2.SIFT.create(nfeatures=most, contrastThreshold=_CONTRAST)
        keypoints, descriptors = sift.detectAndCompute(light, None) if most else ((), None)
        if descriptors is None:
            return np.empty((0, 2), np.float32), np.empty((0, self.width), np.float32)
        # Equal ones in the order that OpenCV gives all points, which it loses with `nfeatures`.
        rank = [(-each.response, *each.pt, -each.size, each.angle) for each in keypoints]
        order = np.lexsort(np.array(rank).T[::-1])[:most]
        place = np.array([point.pt for point in keypoints], np.float32)[order]
        total = descriptors[order].sum(axis=1, keepdims=True)
        return place, np.sqrt(descriptors[order] / np.maximum(total, 1e-12))


def resized(photo: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A photo resized to a square of `side` pixels."""
    rule = cv2.INTER_AREA if photo.shape[0] > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(photo, (side, side), interpolation=rule), np.uint8)
