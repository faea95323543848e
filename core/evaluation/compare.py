"""Which of two models is better by more than luck: paired differences on the same test photos."""

from collections.abc import Sequence

import numpy as np

from core.errors import ConfigError
from core.evaluation.bootstrap import (
    FEWEST_CLUSTERS,
    Counts,
    cluster_draws,
    joint_intervals,
    resampled_means,
    resampled_medians,
)
from core.evaluation.comparison import (
    Compared,
    Comparison,
    Difference,
    RegionDifference,
)
from core.evaluation.judged import Judged
from core.evaluation.measures import MEASURES, PER_REGION, photo_values, summed_up
from core.evaluation.pairing import Pairing, clusters_of, pair
from core.evaluation.schema import CompareConfig
from core.geo import Floats

_DRAWS_AT_ONCE = 500
_BY_NAME = {measure.name: index for index, measure in enumerate(MEASURES)}


def compare_all(models: Sequence[Judged], config: CompareConfig) -> Compared:
    """Compare every model with the first; those judged on other photos are named, not ranked.

    The intervals of all pairs together hold with `config.confidence` (Bonferroni over the pairs):
    the best of ten candidates needs a larger lead than the only one.

    Raises:
        ConfigError: Fewer than two models, or as `compare`.
    """
    if len(models) < 2:
        raise ConfigError("a comparison needs two or more models: name another one")
    first, *others = models
    ranked = [model for model in others if model.key == first.key]
    share = (1.0 - config.confidence) / max(len(ranked), 1)
    stricter = config.model_copy(update={"confidence": 1.0 - share})
    unranked = {model.name: _other_photos(first, model) for model in others if model not in ranked}
    return Compared(
        first.name, tuple(compare(first, model, stricter) for model in ranked), unranked
    )


def compare(reference: Judged, candidate: Judged, config: CompareConfig) -> Comparison:
    """Compare two models photo by photo.

    Raises:
        ConfigError: They were judged on different photos, or the report lacks what is asked for.
    """
    if reference.key != candidate.key:
        raise ConfigError(_other_photos(reference, candidate))
    both = pair(reference, candidate)
    photos = len(both.reference)
    if photos == 0:
        why = "; ".join(f"{len(each.photo_ids)} {each.reason}" for each in both.left_out)
        raise ConfigError(
            f"{reference.name} and {candidate.name} share no photo that can be compared: {why}"
        )
    clusters, radius_m = clusters_of(both.reference, config.by, reference.radius_m)
    first = photo_values(both.reference, config.kind)
    second = photo_values(both.candidate, config.kind)
    rng = np.random.default_rng(config.seed)
    found = _differences(first, second, clusters, config, rng)
    return Comparison(
        reference.name,
        candidate.name,
        reference.about,
        photos,
        int(clusters.max()) + 1,
        config.by,
        radius_m,
        config.kind,
        config.confidence,
        config.draws,
        config.seed,
        found,
        _regions(both, first, second, clusters, config, rng),
        both.left_out,
    )


def _other_photos(reference: Judged, candidate: Judged) -> str:
    return (
        f"{candidate.name} was judged on other photos ({candidate.about}) than {reference.name} "
        f"({reference.about}): a smaller error may only mean easier photos, so they are not ranked"
    )


def _differences(
    first: Floats, second: Floats, clusters: Counts, config: CompareConfig,
    rng: np.random.Generator,
) -> tuple[Difference, ...]:  # fmt: skip
    before, after = summed_up(first), summed_up(second)
    count = int(clusters.max()) + 1
    ends: list[tuple[float | None, float | None]] = [(None, None)] * len(MEASURES)
    if count > 1:
        draws = _drawn_differences(first, second, clusters, config.draws, rng)
        pairs = joint_intervals(draws, config.confidence, np.full(len(MEASURES), count))
        ends = [(float(low), float(high)) for low, high in pairs]
    return tuple(
        Difference(measure, float(one), float(two), *end, reliable=count >= FEWEST_CLUSTERS)
        for measure, one, two, end in zip(MEASURES, before, after, ends, strict=True)
    )


def _drawn_differences(
    first: Floats, second: Floats, clusters: Counts, draws: int, rng: np.random.Generator
) -> Floats:
    """`(draws, 7)` differences; both models see the same photos in every draw."""
    middle = np.array([measure.median for measure in MEASURES])
    count, parts = int(clusters.max()) + 1, []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        drawn = cluster_draws(count, min(_DRAWS_AT_ONCE, draws - start), rng)
        part = resampled_means(second - first, clusters, drawn)
        for column in np.flatnonzero(middle):
            part[:, column] = resampled_medians(
                second[:, column], clusters, drawn
            ) - resampled_medians(first[:, column], clusters, drawn)
        parts.append(part)
    return np.concatenate(parts)


def _regions(
    both: Pairing, first: Floats, second: Floats, clusters: Counts, config: CompareConfig,
    rng: np.random.Generator,
) -> tuple[RegionDifference, ...]:  # fmt: skip
    """Compare region by region; the intervals of a measure hold for all regions together."""
    truth = both.reference["true_region"].to_numpy()
    names = sorted(set(truth), key=lambda name: (not name.isdecimal(), name.zfill(9)))
    inside = [np.flatnonzero(truth == name) for name in names]
    own = [np.unique(clusters[rows], return_inverse=True)[1] for rows in inside]
    counts = np.array([int(numbers.max()) + 1 for numbers in own])
    judged = np.flatnonzero(counts >= FEWEST_CLUSTERS)
    columns = [_BY_NAME[name] for name in PER_REGION]
    intervals: dict[tuple[int, int], Floats] = {}
    if len(judged):
        draws = np.stack(
            [
                _drawn_differences(
                    first[inside[index]], second[inside[index]], own[index], config.draws, rng
                )
                for index in judged
            ],
            axis=2,
        )
        for column in columns:
            ends = joint_intervals(draws[:, column], config.confidence, counts[judged])
            intervals |= {
                (int(index), column): end for index, end in zip(judged, ends, strict=True)
            }
    found = []
    for index, (name, rows) in enumerate(zip(names, inside, strict=True)):
        before, after = summed_up(first[rows]), summed_up(second[rows])
        entries = tuple(
            _of_region(column, before, after, intervals.get((index, column))) for column in columns
        )
        found.append(RegionDifference(name, len(rows), int(counts[index]), entries))
    return tuple(found)


def _of_region(column: int, before: Floats, after: Floats, ends: Floats | None) -> Difference:
    low, high = (None, None) if ends is None else (float(ends[0]), float(ends[1]))
    return Difference(
        MEASURES[column], float(before[column]), float(after[column]), low, high, ends is not None
    )
