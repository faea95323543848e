"""Signals of how much a photo is like the campus: what refusal looks at; greater is more like it.

Each is known from distances to training photos (Sun et al. 2022, "Out-of-distribution detection
with deep nearest neighbors"), from how far the neighbours agree about place, direction and region
(Zaffar et al. 2024, SUE), from how decided the network is (Liu et al. 2020, energy), or from how
many points of a photo lie as in a training photo.
"""

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from core.confidence.evidence import Evidence
from core.dataset.decode import Pixels
from core.geo import Floats, distance_m, heading_error_deg
from core.labels import LABELS, Label

_AGREE_M, _AGREE_DEG = 20.0, 20.0
_SOFTNESS = 0.03
_VOTERS = 8
_RANDOM_DEG = 90.0
BEST_POINTS = "best_points"


def network_features(
    region_probabilities: Floats,
    heading_length: Floats,
    features: NDArray[np.float32],
    labels: Collection[Label] = LABELS,
) -> dict[str, Floats]:
    """Signals of the network alone, each `(n,)`; none of a label that it does not predict."""
    share = np.clip(region_probabilities, 1e-12, 1.0)
    signals: dict[str, Floats] = {}
    if "region" in labels:
        signals["region_certainty"] = np.asarray((share * np.log(share)).sum(axis=1))
    if "heading" in labels:
        signals["heading_length"] = np.log(np.maximum(heading_length, 1e-3))
    signals["feature_length"] = np.log(np.maximum(np.linalg.norm(features, axis=1), 1e-6))
    return signals


def view_features(log_shares: Floats) -> dict[str, Floats]:
    """Signals of a place head, each `(n,)`.

    Args:
        log_shares: `(n, views)` logits of the views.
    """
    highest = log_shares.max(axis=1, keepdims=True)
    energy = highest[:, 0] + np.log(np.exp(log_shares - highest).sum(axis=1))
    share = np.exp(log_shares - energy[:, None])
    certainty = (share * np.log(np.clip(share, 1e-12, 1.0))).sum(axis=1)
    return {
        "view_certainty": np.asarray(certainty),
        "view_energy": np.asarray(energy),
        "view_share": np.log(np.maximum(share.max(axis=1), 1e-12)),
    }


def neighbour_features(
    evidence: Evidence,
    region_probabilities: Floats,
    raw_m: Floats,
    raw_deg: Floats,
    labels: Collection[Label] = LABELS,
) -> dict[str, Floats]:
    """Signals of the training photos most alike, each `(n,)`; none without a gallery.

    Neighbours without a heading or a region have no weight in the signals of headings or regions.

    Args:
        evidence: Neighbours of one network.
        region_probabilities: `(n, R)` of the region head.
        raw_m: `(n, 2)` positions of the network.
        raw_deg: `(n,)` headings of the network.
        labels: What the network predicts; signals of other labels are left out.
    """
    if evidence.similarity.shape[1] == 0:
        return {}
    places = evidence.position_m
    middle = np.median(places[:, :_VOTERS], axis=1)
    signals: dict[str, Floats] = {
        "nearest": evidence.similarity[:, 0],
        "near_5": evidence.similarity[:, :5].mean(axis=1),
        "near_all": evidence.similarity.mean(axis=1),
    }
    if "position" in labels and "heading" in labels:
        weight = evidence.labelled_weights("heading", _SOFTNESS)
        signals["agree_view"] = _agreement(places, np.nan_to_num(evidence.heading_deg), weight)
    if "position" in labels:
        spread = np.median(distance_m(places[:, :_VOTERS], middle[:, None]), axis=1)
        signals["agree_place"] = -np.log(spread + 1.0)
    mean_deg, length = evidence.mean_heading(_SOFTNESS)
    if "heading" in labels:
        signals["agree_heading"] = length
    if "region" in labels:
        weight = evidence.labelled_weights("region", _SOFTNESS)
        rows = np.arange(len(weight))[:, None]
        votes = region_probabilities[rows, evidence.region]
        signals["agree_region"] = (weight * votes).sum(axis=1)
    if "position" in labels:
        signals["moved"] = -np.log(distance_m(raw_m, middle) + 1.0)
    if "heading" in labels:
        # Without a neighbour's heading the turn is that of a random one, on average.
        turned = np.where(length == 0.0, _RANDOM_DEG, heading_error_deg(raw_deg, mean_deg))
        signals["turned"] = -np.log(turned + 5.0)
    return signals


def point_features(agreeing: NDArray[np.int64]) -> dict[str, Floats]:
    """Signals of geometric verification, each `(n,)`.

    Args:
        agreeing: `(n, k)` points that lie as those of the k training photos most alike do; see
            `core.retrieval.verification`.
    """
    return {
        BEST_POINTS: np.log1p(agreeing.max(axis=1, initial=0)),
        "points": np.log1p(agreeing.mean(axis=1) if agreeing.shape[1] else agreeing.sum(axis=1)),
    }


def _agreement(places: Floats, headings: Floats, weight: Floats) -> Floats:
    """Mean likeness of the views of two neighbours drawn by weight, `(n,)`."""
    total = np.zeros(len(weight))
    for column in range(weight.shape[1]):
        away = distance_m(places, places[:, [column]]) / _AGREE_M
        turned = heading_error_deg(headings, headings[:, [column]]) / _AGREE_DEG
        alike = np.exp(-0.5 * (away**2 + turned**2))
        total += weight[:, column] * (weight * alike).sum(axis=1)
    return total


# Appearance: colours, where they lie, and how fine the texture is. A network trained on places
# ignores what all of them share, so a drawing or a page may look to it like some place. These
# numbers need no network; what no camera took there lies far from those of all genuine photos.


_SIDE, _CELLS, _SCALES = 96, 2, 4
_LEAST = 1e-3
SIZE = 3 * _CELLS**2 + 6 * _SCALES + 6


def appearance(photos: Pixels) -> Floats:
    """Describe n photos `(n, s, s, 3)` by `SIZE` numbers each, `(n, SIZE)`."""
    return np.array([_described(photo) for photo in photos]).reshape(len(photos), SIZE)


def _described(photo: Pixels) -> Floats:
    rule = cv2.INTER_AREA if photo.shape[0] > _SIDE else cv2.INTER_LINEAR
    pixels = cv2.resize(photo, (_SIDE, _SIDE), interpolation=rule).astype(np.float32) / 255.0
    light = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    red_green = pixels[..., 0] - pixels[..., 1]
    blue_yellow = (pixels[..., 0] + pixels[..., 1]) / 2.0 - pixels[..., 2]
    planes = (light, red_green, blue_yellow)
    cells = [cv2.resize(p, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).ravel() for p in planes]
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    edges = np.abs(np.diff(colour, axis=1)).mean()
    overall = [
        colour.mean(), colour.std(), light.std(), red_green.std(), blue_yellow.std(),
        np.log(edges + _LEAST),
    ]  # fmt: skip
    return np.concatenate([*cells, _textures(light), overall]).astype(np.float64)


def _textures(light: np.ndarray) -> Floats:
    """Strength of edges across and down, at four scales: mean, middle and strongest."""
    strengths = []
    for _ in range(_SCALES):
        for axis in (0, 1):
            step = np.abs(np.diff(light, axis=axis))
            strengths += [step.mean(), *np.quantile(step, (0.5, 0.95))]
        half = (light.shape[1] // 2, light.shape[0] // 2)
        light = cv2.resize(light, half, interpolation=cv2.INTER_AREA)
    return np.log(np.asarray(strengths, np.float64) + _LEAST)
