"""Photos that a trained network takes for one another though their labels contradict.

Two photos are taken for one another where each is the other's nearest, and more alike than three in
four of those nearest pairs whose labels agree: the dataset itself says what alike is. Where labels
agree nothing is found, for photos of one spot are meant to look alike; copies are a matter of
`photo_twins`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.audit.check import photos
from core.audit.disagreement import disagreement
from core.audit.finding import Finding
from core.audit.naming import row_finding
from core.audit.photo_scan import photo_facts
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.geo import Floats

KINDS = {
    "look_alike_elsewhere": "a photo that a network takes for one whose labels contradict",
}
# Fewer pairs than these whose labels agree do not say what alike means.
FEWEST_PAIRS = 10
# Labels are apart for good, not by what GPS and hands are off.
APART = 0.5
LIKER_THAN = 0.75
_AT_ONCE = 64

Features = NDArray[np.float32]
FeaturesOf = Callable[[list[str]], Features]


def needs(rows: LabelRows, config: AuditConfig) -> str:
    """Need photos and a network."""
    if config.checkpoint is None:
        return "it needs a trained model (--checkpoint DIR)"
    return photos(rows, config)


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Compare every photo with the one that the network of `config.checkpoint` finds nearest."""
    assert config.checkpoint is not None
    yield from find_with(rows, network_features(config.checkpoint))


def find_with(rows: LabelRows, features_of: FeaturesOf) -> Iterator[Finding]:
    """Compare photos by features: `features_of(paths)` gives `(n, D)` for n photos."""
    readable = [row for row, fact in enumerate(photo_facts(rows)) if fact and not fact.fault]
    if len(readable) < 2:
        return
    number = np.array(readable)
    other, alike = nearest(features_of([str(rows.text["path"].iat[row]) for row in readable]))
    found = [
        disagreement(rows, int(number[place]), int(number[other[place]]))
        for place in range(len(number))
    ]
    amount = np.array([each.amount for each in found])
    agreeing = alike[amount == 0.0]
    if len(agreeing) < FEWEST_PAIRS:
        return
    usual = float(np.quantile(agreeing, LIKER_THAN))
    mutual = other[other] == np.arange(len(other))
    for place in np.flatnonzero((amount >= APART) & (alike >= usual) & mutual):
        least = (alike[place] - usual) / max(1.0 - usual, 1e-9)
        row, match = int(number[place]), int(number[other[place]])
        yield row_finding(
            rows, row, "look_alike_elsewhere", "", "",
            float(np.clip(0.3 + 0.5 * amount[place] * least, 0.0, 0.8)),
            f"the network finds it as like {rows.text['photo_id'].iat[match]} "
            f"({alike[place]:.3f}) as one spot's most alike photos are ({usual:.3f}): "
            f"{found[place].words}",
        )  # fmt: skip


def nearest(features: Features) -> tuple[NDArray[np.int64], Floats]:
    """The most similar other photo of each `(n,)`, and the cosine `(n,)`, of features `(n, D)`."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(length == 0.0, 1.0, length)
    other = np.empty(len(unit), np.int64)
    alike = np.empty(len(unit), np.float64)
    for start in range(0, len(unit), 512):
        cosine = unit[start : start + 512] @ unit.T
        cosine[np.arange(len(cosine)), start + np.arange(len(cosine))] = -2.0
        other[start : start + 512] = cosine.argmax(axis=1)
        alike[start : start + 512] = cosine.max(axis=1)
    return other, alike


def network_features(checkpoint: Path) -> FeaturesOf:
    """Features of a checkpoint's network, photos decoded as it was trained."""
    from core.inference.predictor import load_predictor  # torch: only for those who ask

    predictor = load_predictor(checkpoint)

    def features_of(paths: list[str]) -> Features:
        parts = []
        for start in range(0, len(paths), _AT_ONCE):
            pixels = np.stack([predictor.decode(path) for path in paths[start : start + _AT_ONCE]])
            parts.append(predictor.predict_photos(pixels).features)
        return np.concatenate(parts)

    return features_of
