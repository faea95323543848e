"""The support of answers: neighbours on the whole campus, and signals of strangeness."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.dataset.campus import ASSUMED_HFOV_DEG
from core.geo import Floats
from core.inference.network import Answers
from core.refine.alike import most_alike, verify_alike
from core.refine.gallery import Gallery
from core.refine.local_features import LocalFeatures
from core.refine.schema import RefineConfig
from core.refine.verification import Verified
from core.trust.signals import (
    neighbour_signals,
    network_signals,
    point_signals,
    view_signals,
)
from core.trust.support import Support


def make_support(
    answers: Answers,
    raw_m: Floats,
    raw_deg: Floats,
    gallery: Gallery | None,
    exclude_ids: Sequence[str | None] | None,
    verified: Verified | None = None,
) -> Support:
    """Find the training photos most like each photo, and say how much it is like the campus.

    Args:
        answers: What the network says of n photos.
        raw_m: `(n, 2)` its positions in metres.
        raw_deg: `(n,)` its headings.
        gallery: Training photos, or None.
        exclude_ids: Per photo the id of a training photo that it must not find, or None.
        verified: Points of the photos, where the gallery has some to compare them with.
    """
    found = _neighbours(answers, gallery, exclude_ids)
    length = np.hypot(answers.heading[:, 0], answers.heading[:, 1])
    signals = network_signals(answers.probabilities, length, answers.features)
    if answers.views.shape[1]:
        signals |= view_signals(answers.views)
    signals |= neighbour_signals(found, answers.probabilities, raw_m, raw_deg)
    if verified is not None:
        signals |= point_signals(verified.points)
    return replace(found, signals=np.stack(list(signals.values()), axis=1), names=tuple(signals))


def compare(
    answers: Answers,
    local: LocalFeatures | None,
    gallery: Gallery | None,
    exclude_ids: Sequence[str | None] | None,
    config: RefineConfig,
) -> Verified | None:
    """Compare photos point by point with the training photos most alike; None without points.

    Args:
        answers: What the network says of n photos.
        local: Their points, or None.
        gallery: Training photos, or None.
        exclude_ids: As for `make_support`.
        config: Names the field of view by which headings are turned.
    """
    if gallery is None or local is None:
        return None
    hfov_deg = config.turn_hfov_deg or ASSUMED_HFOV_DEG
    excluded = gallery.rows_of(exclude_ids, len(local))
    return verify_alike(answers.features, local, gallery, excluded, hfov_deg)


def _neighbours(
    answers: Answers, gallery: Gallery | None, exclude_ids: Sequence[str | None] | None
) -> Support:
    n = len(answers.features)
    if gallery is None:
        return Support(
            np.empty((n, 0, 2)), np.empty((n, 0)), np.empty((n, 0), np.int64), np.empty((n, 0)),
            np.empty(0, np.int64), np.empty(0), answers.appearance, np.empty((n, 0)), (),
        )  # fmt: skip
    rows, similarity = most_alike(answers.features, gallery, gallery.rows_of(exclude_ids, n))
    return Support(
        gallery.position_m[rows], gallery.heading_deg[rows], gallery.region[rows], similarity,
        np.zeros(rows.shape[1], np.int64), np.ones(1), answers.appearance, np.empty((n, 0)), (),
    )  # fmt: skip
