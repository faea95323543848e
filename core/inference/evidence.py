"""The support of answers: neighbours on the whole campus, and signals of strangeness."""

from dataclasses import replace

import numpy as np

from core.confidence.evidence import Evidence
from core.confidence.ood import (
    neighbour_features,
    network_features,
    point_features,
    view_features,
)
from core.geo import Floats
from core.inference.network import NetworkOutputs
from core.retrieval.neighbours import Neighbours


def gather_evidence(
    answers: NetworkOutputs, raw_m: Floats, raw_deg: Floats, neighbours: Neighbours | None
) -> Evidence:
    """Collect the training photos most like each photo, and measure how like the campus it is.

    Args:
        answers: What the network says of n photos.
        raw_m: `(n, 2)` its positions in metres.
        raw_deg: `(n,)` its headings.
        neighbours: The search of the gallery for these photos; None without a gallery.
    """
    found = _nearest(answers, neighbours)
    length = np.hypot(answers.heading[:, 0], answers.heading[:, 1])
    signals = network_features(answers.probabilities, length, answers.features)
    if answers.views.shape[1]:
        signals |= view_features(answers.views)
    signals |= neighbour_features(found, answers.probabilities, raw_m, raw_deg)
    if neighbours is not None and neighbours.verified is not None:
        signals |= point_features(neighbours.verified.points)
    return replace(found, signals=np.stack(list(signals.values()), axis=1), names=tuple(signals))


def _nearest(answers: NetworkOutputs, neighbours: Neighbours | None) -> Evidence:
    n = len(answers.features)
    if neighbours is None:
        return Evidence(
            np.empty((n, 0, 2)), np.empty((n, 0)), np.empty((n, 0), np.int64), np.empty((n, 0)),
            np.empty(0, np.int64), np.empty(0), answers.appearance, np.empty((n, 0)), (),
        )  # fmt: skip
    gallery, rows = neighbours.gallery, neighbours.rows
    return Evidence(
        gallery.position_m[rows], gallery.heading_deg[rows], gallery.region[rows],
        neighbours.nearest, np.zeros(rows.shape[1], np.int64), np.ones(1), answers.appearance,
        np.empty((n, 0)), (),
    )  # fmt: skip
