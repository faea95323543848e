"""The rival without training: ridge and logistic regression on frozen backbone features."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.dataset.augment import resize_photo
from core.geo import Floats, distance_m, heading_error_deg, heading_from_unit, heading_unit
from core.model.backbone import normalise
from core.model.network import build_model
from core.model.schema import ModelConfig

Indices = npt.NDArray[np.int64]
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
PENALTIES = (10.0, 100.0, 1e3, 1e4, 1e5)


@dataclass(frozen=True)
class Photos:
    """What the rivals see of n photos: features `(n, d)`, regions, metres and headings."""

    features: npt.NDArray[np.float32]
    region: Indices
    position_m: Floats
    heading_deg: Floats


@dataclass(frozen=True)
class Guess:
    """What a rival says of photos; None where it says nothing."""

    region: Indices | None
    position_m: Floats | None
    heading_deg: Floats | None


def frozen_features(
    config: ModelConfig, regions: tuple[str, ...], photos: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Pooled features `(n, d)` of the untouched backbone, photos seen as in evaluation."""
    model = build_model(config, regions).eval()
    model.to(memory_format=torch.channels_last)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(photos), 32):
            seen = [resize_photo(photo, model.input_size) for photo in photos[start : start + 32]]
            images = normalise(np.stack(seen), model.mean, model.std)
            images = images.contiguous(memory_format=torch.channels_last)
            parts.append(model.features(images).float().numpy())
    return np.concatenate(parts)


def logistic_regression(photos: Photos, train: Indices, val: Indices, test: Indices) -> Guess:
    """Regions by logistic regression, positions by probability-weighted region centres.

    Its strength is chosen on `val`; then it is fitted again on both, as it needs no photos to
    select an epoch with. Centres are medians, which labels mistyped by kilometres do not move.
    """

    def fitted(rows: Indices, strength: float) -> LogisticRegression:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        return model.fit(photos.features[rows], photos.region[rows])

    def correct(strength: float) -> float:
        return float(fitted(train, strength).score(photos.features[val], photos.region[val]))

    both = np.concatenate([train, val])
    model = fitted(both, max(STRENGTHS, key=correct))
    share = model.predict_proba(photos.features[test])
    known = model.classes_
    centres = [np.median(photos.position_m[both][photos.region[both] == r], 0) for r in known]
    return Guess(known[share.argmax(axis=1)], share @ np.array(centres), None)


def ridge(photos: Photos, train: Indices, val: Indices, test: Indices) -> Guess:
    """Positions and heading unit vectors by ridge regression, each penalty chosen on `val`."""
    position = _ridge(photos, train, val, test, believable(photos, train), "position")
    heading = _ridge(photos, train, val, test, believable(photos, train), "heading")
    return Guess(None, position, heading_from_unit(heading))


def believable(photos: Photos, train: Indices) -> npt.NDArray[np.bool_]:
    """`(n,)` positions within 10 usual distances of the training part's median."""
    middle = np.median(photos.position_m[train], axis=0)
    distance = distance_m(photos.position_m, middle)
    return np.asarray(distance < 10.0 * np.median(distance[train]))


def _ridge(
    photos: Photos,
    train: Indices,
    val: Indices,
    test: Indices,
    believed: npt.NDArray[np.bool_],
    what: str,
) -> Floats:
    target = photos.position_m if what == "position" else heading_unit(photos.heading_deg)
    error: Callable[[Floats, Indices], float] = {
        "position": lambda guess, rows: float(
            np.median(distance_m(guess, photos.position_m[rows]))
        ),
        "heading": lambda guess, rows: float(
            heading_error_deg(heading_from_unit(guess), photos.heading_deg[rows]).mean()
        ),
    }[what]

    def predict(rows: Indices, penalty: float, asked: Indices) -> Floats:
        rows = rows[believed[rows]]
        model = make_pipeline(StandardScaler(), Ridge(alpha=penalty))
        found = model.fit(photos.features[rows], target[rows]).predict(photos.features[asked])
        return np.asarray(found, np.float64)

    best = min(PENALTIES, key=lambda penalty: error(predict(train, penalty, val), val))
    return predict(np.concatenate([train, val]), best, test)
