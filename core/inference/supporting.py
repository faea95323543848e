"""The support of answers: neighbours on the whole campus, and signals of strangeness."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats
from core.inference.network import Answers
from core.refine.gallery import Gallery
from core.refine.local_features import LocalFeatures
from core.refine.verification import agreeing_points
from core.trust.signals import (
    neighbour_signals,
    network_signals,
    point_signals,
    view_signals,
)
from core.trust.support import Support, most_alike


def make_support(
    answers: Answers,
    raw_m: Floats,
    raw_deg: Floats,
    gallery: Gallery | None,
    exclude_ids: Sequence[str | None] | None,
    local: LocalFeatures | None = None,
) -> Support:
    """Find the training photos most like each photo, and say how much it is like the campus.

    Args:
        answers: What the network says of n photos.
        raw_m: `(n, 2)` its positions in metres.
        raw_deg: `(n,)` its headings.
        gallery: Training photos, or None.
        exclude_ids: Per photo the id of a training photo that it must not find, or None.
        local: Points of the photos, where the gallery has some to compare them with.
    """
    found, rows = _neighbours(answers, gallery, exclude_ids)
    length = np.hypot(answers.heading[:, 0], answers.heading[:, 1])
    signals = network_signals(answers.probabilities, length, answers.features)
    if answers.views.shape[1]:
        signals |= view_signals(answers.views)
    signals |= neighbour_signals(found, answers.probabilities, raw_m, raw_deg)
    agreeing = verified(local, gallery, rows)
    if agreeing is not None:
        signals |= point_signals(agreeing)
    return replace(found, signals=np.stack(list(signals.values()), axis=1), names=tuple(signals))


def verified(
    local: LocalFeatures | None, gallery: Gallery | None, rows: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """How many points agree with those of some training photos, `(n, k)`; None without any."""
    if local is None or gallery is None or gallery.local is None:
        return None
    return agreeing_points(local, gallery.local, rows)


def _neighbours(
    answers: Answers, gallery: Gallery | None, exclude_ids: Sequence[str | None] | None
) -> tuple[Support, NDArray[np.int64]]:
    """The neighbours, and their rows of the gallery."""
    n = len(answers.features)
    if gallery is None:
        nothing = Support(
            np.empty((n, 0, 2)), np.empty((n, 0)), np.empty((n, 0), np.int64), np.empty((n, 0)),
            np.empty(0, np.int64), np.empty(0), answers.appearance, np.empty((n, 0)), (),
        )  # fmt: skip
        return nothing, np.empty((n, 0), np.int64)
    rows, similarity = most_alike(answers.features, gallery, gallery.rows_of(exclude_ids, n))
    found = Support(
        gallery.position_m[rows], gallery.heading_deg[rows], gallery.region[rows], similarity,
        np.zeros(rows.shape[1], np.int64), np.ones(1), answers.appearance, np.empty((n, 0)), (),
    )  # fmt: skip
    return found, rows
