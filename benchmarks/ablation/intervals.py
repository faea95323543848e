"""Differences of two variants with intervals: seeds averaged, whole spots drawn."""

from dataclasses import dataclass

import numpy as np

from benchmarks.ablation.tables import MAAE, MEDIAN, REGION, Judged
from core.comparison.compare import clusters_of
from core.errors import ConfigError
from core.evaluation.intervals import (
    cluster_draws,
    joint_intervals,
    resampled_means,
    resampled_medians,
)
from core.evaluation.schema import Kind
from core.geo import Floats

DRAWS = 4000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Gap:
    """`candidate - reference` of region accuracy, median and MAAE, means over the seeds.

    Attributes:
        difference: `(3,)`.
        interval: `(3, 2)`; the three hold together with 95 % (Bonferroni).
    """

    difference: Floats
    interval: Floats


def gap(
    reference: Judged, candidate: Judged, kinds: tuple[Kind, Kind] = ("refined", "refined")
) -> Gap:
    """Compare two variants on the same photos and the seeds that both have.

    Every draw takes whole spots, the same for both and for all seeds; within it each seed's
    measures are taken and averaged. So the interval tells how other spots would move the
    difference, for these networks.

    Raises:
        ConfigError: They were judged on other photos, or share no seed.
    """
    seeds = sorted(set(reference.tables) & set(candidate.tables))
    if not seeds:
        raise ConfigError(f"{reference.name} and {candidate.name} share no seed")
    first, second = (_of_seeds(one, seeds) for one in (reference, candidate))
    photos = first.tables[seeds[0]]["photo_id"].tolist()
    if photos != second.tables[seeds[0]]["photo_id"].tolist():
        raise ConfigError(f"{reference.name} and {candidate.name} were judged on other photos")
    clusters, _ = clusters_of(first.tables[seeds[0]], "spot", first.radius_m)
    drawn = cluster_draws(int(clusters.max()) + 1, DRAWS, np.random.default_rng(0))
    draws = _measures(second.values(kinds[1]), clusters, drawn) - _measures(
        first.values(kinds[0]), clusters, drawn
    )
    columns = [REGION, MEDIAN, MAAE]
    before, after = first.figures(kinds[0]).mean(axis=0), second.figures(kinds[1]).mean(axis=0)
    counts = np.full(3, drawn.shape[1])
    return Gap((after - before)[columns], joint_intervals(draws, CONFIDENCE, counts))


def _of_seeds(one: Judged, seeds: list[int]) -> Judged:
    return Judged(one.name, {seed: one.tables[seed] for seed in seeds}, one.radius_m)


def _measures(values: Floats, clusters: np.ndarray, drawn: np.ndarray) -> Floats:
    """`(draws, 3)`: region accuracy, median and MAAE of every draw, means over seeds."""
    of_seeds = []
    for photos in values:
        means = resampled_means(photos[:, [REGION, MAAE]], clusters, drawn)
        median = resampled_medians(photos[:, MEDIAN], clusters, drawn)
        of_seeds.append(np.column_stack([means[:, 0], median, means[:, 1]]))
    return np.asarray(np.mean(of_seeds, axis=0))
