"""Geometric verification of a photo's candidates, beside the loop that it replaced."""

from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.effort import CHECKPOINT, Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.inference.loading import load_predictor
from core.retrieval import neighbours
from core.retrieval.local_features import LocalFeatures
from core.retrieval.verification import Rows, verify

_GOAL = 4.0
_SIDE, _TOLERANCE, _TRIES, _LEAST, _LEAST_AREA = 224.0, 0.03 * 224.0, 500, 4, 0.05
_LOOP, _HERE = "the earlier loop", "here"


def measure(effort: Effort) -> list[str]:
    """Time both on the queries and candidates of the shipped checkpoint, and compare counts."""
    predictor = load_predictor(CHECKPOINT)
    files = sorted((effort.demo / "images").iterdir())[: 2 if effort.quick else 24]
    with patch.object(neighbours, "verify", wraps=verify) as seen:
        predictor.predict_photos(np.stack([predictor.decode(file) for file in files]))
    query, gallery, rows, hfov_deg = seen.call_args.args[:4]
    ratio = gallery.method.detector.ratio

    def here() -> Rows:
        return verify(query, gallery, rows, hfov_deg).inliers

    spent = timed(
        {_LOOP: lambda: _earlier(query, gallery, rows, ratio), _HERE: here}, effort.rounds
    )
    same = _earlier(query, gallery, rows, ratio) == here()
    a_photo = {name: [each / len(rows) for each in own] for name, own in spent.items()}
    times = times_faster(spent, _HERE, _LOOP)
    return [
        *compared(a_photo, _LOOP, "ms a photo"),
        "",
        f"{rows.shape[1]} candidates of each of {len(rows)} photos, {gallery.method.features} and "
        f"an affine map. {same.sum():,} of {same.size:,} counts of inliers are the same.",
        *verdict(
            f"at least {_GOAL:g} times faster, and the same counts",
            f"{times:.3g} times",
            met=times >= _GOAL and bool(same.all()),
            missed_in=here,
        ),
    ]


def _earlier(query: LocalFeatures, gallery: LocalFeatures, rows: Rows, ratio: float) -> Rows:
    """Inliers `(n, k)`: each pair unpacked, matched by a partition, and joined by RANSAC."""
    inliers = np.zeros(rows.shape, np.int64)
    for photo, candidates in enumerate(rows):
        for column, row in enumerate(candidates):
            (place, described), (other, known) = query.of(photo), gallery.of(int(row))
            if min(len(described), len(known)) < _LEAST:
                continue
            cosine = described @ known.T
            nearest = cosine.argmax(axis=1)
            mutual = cosine.argmax(axis=0)[nearest] == np.arange(len(cosine))
            second, first = np.partition(cosine, -2, axis=1)[:, -2:].T
            away = np.sqrt(np.maximum(2.0 - 2.0 * np.stack([first, second]), 0.0))
            mine = np.flatnonzero(mutual & (away[0] < ratio * away[1]))
            if len(mine) < _LEAST:
                continue
            affine, inside = cv2.estimateAffine2D(
                place[mine] * np.float32(_SIDE), other[nearest[mine]] * np.float32(_SIDE),
                method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE, maxIters=_TRIES,
            )  # fmt: skip
            if affine is not None and np.linalg.det(affine[:, :2]) >= _LEAST_AREA:
                inliers[photo, column] = int(inside.sum())
    return inliers
