"""Comparison of models on the same test photos: paired differences with confidence intervals.

A measure has one value a photo. Two models are paired photo by photo, whole clusters of photos are
resampled, and the intervals of all measures hold at the same time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.amounts import percent
from core.errors import ConfigError, SplitError
from core.evaluation.intervals import (
    FEWEST_CLUSTERS,
    Counts,
    cluster_draws,
    clusters_with,
    joint_intervals,
    resampled_means,
    resampled_medians,
    spots_of,
)
from core.evaluation.schema import Clusters, CompareConfig, Kind
from core.evaluation.stored_reports import EvaluatedModel
from core.geo import Floats
from core.headline import Figure, PhotoErrors

Unit = Literal["share", "m", "deg"]


@dataclass(frozen=True)
class Measure:
    """One figure of a comparison.

    Attributes:
        name: Key, as in `report.json` where it has one.
        title: Name in sentences and tables.
        unit: `share` in `[0, 1]`, `m` or `deg`.
        higher_is_better: False for errors.
        median: Whether photos are aggregated by the median; else by the mean.
    """

    name: Figure
    title: str
    unit: Unit
    higher_is_better: bool = False
    median: bool = False

    def shown(self, value: float) -> str:
        """A value with its unit."""
        if math.isnan(value):
            return "unknown"
        if self.unit == "share":
            return percent(value, 1)
        return f"{value:.1f}{'°' if self.unit == 'deg' else ' m'}"

    def number(self, difference: float) -> str:
        """A difference as a signed number: percentage points, metres or degrees."""
        value = round(100.0 * difference if self.unit == "share" else difference, 1)
        return f"{value:+.1f}" if value else "0.0"

    def gap(self, difference: float) -> str:
        """A difference with its sign and unit."""
        if math.isnan(difference):
            return "unknown"
        unit = {"share": " points", "m": " m", "deg": "°"}[self.unit]
        return f"{self.number(difference)}{unit}"


MEASURES = (
    Measure("region_accuracy", "Region accuracy", "share", higher_is_better=True),
    Measure("median_m", "Median position error", "m", median=True),
    Measure("mean_m", "Mean position error", "m"),
    Measure("within_10m", "Share within 10 m", "share", higher_is_better=True),
    Measure("within_25m", "Share within 25 m", "share", higher_is_better=True),
    Measure("maae_deg", "Mean heading error", "deg"),
    Measure("joint_10m_15deg", "Share within 10 m and 15°", "share", higher_is_better=True),
)
PER_REGION: tuple[Figure, ...] = ("region_accuracy", "median_m", "maae_deg")
"""Measures that are also compared region by region."""


def photo_values(table: pd.DataFrame, kind: Kind) -> Floats:
    """Return one row a photo and one column per entry of `MEASURES`, `(n, 7)`; NaN if unknown.

    Args:
        table: Rows of predictions.csv.
        kind: `refined`, or `raw`: the network's own. The raw region is in the column
            `region_head`, which reports of old versions lack.
    """
    ending = "_refined" if kind == "refined" else ""
    head = kind == "raw" and "region_head" in table.columns
    named = table["region_head" if head else "region"]
    right = (named == table["true_region"]).to_numpy(np.float64)
    unknown = (named == "") | (table["true_region"] == "")
    errors = PhotoErrors(
        table[f"error{ending}_m"].to_numpy(np.float64),
        table[f"heading_error{ending}_deg"].to_numpy(np.float64),
        np.where(unknown, np.nan, right),
    )
    values = errors.means | {"median_m": errors.error_m}
    absent = np.full(len(table), np.nan)
    return np.stack([values.get(measure.name, absent) for measure in MEASURES], axis=1)


def aggregated(values: Floats) -> Floats:
    """Means and medians `(7,)` of photo values `(n, 7)` over the photos that have one; NaN else."""
    known = ~np.isnan(values)
    found = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    for column, measure in enumerate(MEASURES):
        if measure.median and known[:, column].any():
            found[column] = np.median(values[known[:, column], column])
    return np.where(known.any(axis=0), found, np.nan)


_LABELS = ["true_region", "true_latitude", "true_longitude", "true_angle"]


@dataclass(frozen=True)
class LeftOut:
    """Photos that a comparison cannot use.

    Attributes:
        reason: Why they are left out.
        photo_ids: Their keys, sorted.
    """

    reason: str
    photo_ids: tuple[str, ...]


@dataclass(frozen=True)
class Pairing:
    """Rows of two tables with the same n photos in the same order."""

    reference: pd.DataFrame
    candidate: pd.DataFrame
    left_out: tuple[LeftOut, ...]

    def __post_init__(self) -> None:
        """Check that the photos are the same."""
        if self.reference["photo_id"].tolist() != self.candidate["photo_id"].tolist():
            raise ValueError("the two tables are not about the same photos")


def pair(reference: EvaluatedModel, candidate: EvaluatedModel) -> Pairing:
    """Join two models by photo.

    A photo counts if both were evaluated on it with the same label, and if both or neither were
    trained on it: a photo that only one of them may have memorised makes the comparison unfair.
    """
    first = reference.table.set_index("photo_id", drop=False).sort_index()
    second = candidate.table.set_index("photo_id", drop=False).sort_index()
    common = first.index.intersection(second.index)
    first_rows, second_rows = _named_alike(first.loc[common], second.loc[common])
    labels, others = first_rows[_LABELS], second_rows[_LABELS]
    relabelled = ((labels != others) & ~(labels.isna() & others.isna())).any(axis=1)
    seen_by_one = ~relabelled & (first_rows["seen_in_training"] != second_rows["seen_in_training"])
    reasons = {
        f"evaluated only for {reference.name}": first.index.difference(second.index),
        f"evaluated only for {candidate.name}": second.index.difference(first.index),
        "labelled differently in the two reports": common[relabelled],
        "trained on by only one of the two": common[seen_by_one],
    }
    kept = ~(relabelled | seen_by_one)
    left_out = tuple(LeftOut(reason, tuple(ids)) for reason, ids in reasons.items() if len(ids))
    return Pairing(first_rows[kept], second_rows[kept], left_out)


def _named_alike(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows; without regions if most have another one in each, so that only places compare.

    Regions that were made from positions are not those that somebody named.
    """
    named = (first["true_region"] != "") & (second["true_region"] != "")
    other = (first["true_region"] != second["true_region"])[named]
    if not named.any() or other.mean() <= 0.5:
        return first, second
    return first.assign(true_region=""), second.assign(true_region="")


def clusters_of(
    photos: pd.DataFrame, by: Clusters, radius_m: float | None
) -> tuple[np.ndarray, float | None]:
    """Number the clusters of photos whose errors are correlated.

    Args:
        photos: Rows of predictions.csv.
        by: `spot`: connected within a few metres; `visit`: taken on one walk.
        radius_m: Spot radius of the split; None: it is derived from the positions.

    Returns:
        Cluster numbers from 0, `(n,)`, and the radius in metres: None for visits, and without
        positions, where each photo is its own spot.

    Raises:
        ConfigError: The report has no visits, or the photos chain into one spot.
    """
    if by == "visit":
        return _visits(photos), None
    position_m = photos[["true_north_m", "true_east_m"]].to_numpy(np.float64)
    if not np.isfinite(position_m).all(axis=1).any():
        return np.arange(len(photos)), None
    try:
        return spots_of(position_m, radius_m)
    except SplitError as error:
        raise ConfigError(
            "the photos are too dense to be split into spots: compare by visit (--by visit)"
        ) from error


def _visits(photos: pd.DataFrame) -> np.ndarray:
    if "visit" not in photos.columns or photos["visit"].isna().any():
        raise ConfigError(
            "the report does not record on which visit each photo was taken (labels without "
            "timestamps, or an older report): compare by spot, or evaluate again"
        )
    return np.unique(photos["visit"].astype(str), return_inverse=True)[1]


Verdict = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True)
class Difference:
    """One measure of two models; NaN for a region of which no photo has the label.

    Attributes:
        measure: The measure.
        reference: Value of the reference.
        candidate: Value of the candidate.
        low: Lower end of the interval of `candidate - reference`; None if there is none.
        high: Upper end of the interval.
        reliable: Whether there are at least `FEWEST_CLUSTERS` clusters.
    """

    measure: Measure
    reference: float
    candidate: float
    low: float | None
    high: float | None
    reliable: bool

    @property
    def difference(self) -> float:
        """`candidate - reference`: of errors, a negative one is an improvement."""
        return self.candidate - self.reference

    @property
    def verdict(self) -> Verdict:
        """The candidate against the reference: distinguishable if the interval excludes 0."""
        if not self.reliable or self.low is None or self.high is None:
            return "not distinguishable"
        if self.low <= 0.0 <= self.high:
            return "not distinguishable"
        return "better" if (self.low > 0.0) == self.measure.higher_is_better else "worse"


@dataclass(frozen=True)
class RegionDifference:
    """The photos and clusters of one true region, and its differences in `PER_REGION`."""

    region: str
    photos: int
    clusters: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Comparison:
    """A candidate against a reference.

    Attributes:
        reference: Name of the reference.
        candidate: Name of the candidate.
        about: The photos in words.
        photos: Number of photos that both were evaluated on.
        clusters: Number of spots or visits of these photos.
        by: Unit of resampling.
        radius_m: Photos this close share a spot; None for visits, and without positions.
        kind: Refined or raw predictions.
        confidence: Probability that all intervals of this comparison hold at the same time.
        draws: Number of resamples.
        seed: Seed of the resamples.
        differences: One entry per measure that both models have.
        regions: One entry per true region, in the order of their ids.
        left_out: Photos that could not be compared.
    """

    reference: str
    candidate: str
    about: str
    photos: int
    clusters: int
    by: Clusters
    radius_m: float | None
    kind: Kind
    confidence: float
    draws: int
    seed: int
    differences: tuple[Difference, ...]
    regions: tuple[RegionDifference, ...]
    left_out: tuple[LeftOut, ...]

    def measures(self, verdict: Verdict) -> list[Measure]:
        """The measures with this verdict."""
        return [each.measure for each in self.differences if each.verdict == verdict]


@dataclass(frozen=True)
class Compared:
    """Several models against the first of them.

    Attributes:
        reference: Name of the first.
        pairs: One entry per model on the same photos.
        unranked: Reasons by name of the models that are not ranked.
    """

    reference: str
    pairs: tuple[Comparison, ...]
    unranked: dict[str, str]


_DRAWS_AT_ONCE = 500
_BY_NAME = {measure.name: index for index, measure in enumerate(MEASURES)}


class NothingInCommonError(ConfigError):
    """Two models predict no label in common that the photos have."""


def compare_all(models: Sequence[EvaluatedModel], config: CompareConfig) -> Compared:
    """Compare every model with the first.

    Models evaluated on other photos, and models that predict nothing that the first does, are not
    ranked.

    The intervals of all pairs together hold with `config.confidence` (Bonferroni over the pairs).

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
    pairs = []
    for model in ranked:
        try:
            pairs.append(compare(first, model, stricter))
        except NothingInCommonError as error:
            if len(others) == 1:
                raise
            unranked[model.name] = str(error)
    return Compared(first.name, tuple(pairs), unranked)


def compare(
    reference: EvaluatedModel, candidate: EvaluatedModel, config: CompareConfig
) -> Comparison:
    """Compare two models photo by photo.

    Raises:
        ConfigError: They were evaluated on different photos, or a report lacks the visits.
    """
    if reference.key != candidate.key:
        raise ConfigError(_other_photos(reference, candidate))
    both = pair(reference, candidate)
    photos = len(both.reference)
    if photos == 0:
        reasons = "; ".join(f"{len(each.photo_ids)} {each.reason}" for each in both.left_out)
        raise ConfigError(
            f"{reference.name} and {candidate.name} share no photo that can be compared: {reasons}"
        )
    clusters, radius_m = clusters_of(both.reference, config.by, reference.radius_m)
    first = photo_values(both.reference, config.kind)
    second = photo_values(both.candidate, config.kind)
    rng = np.random.default_rng(config.seed)
    columns = np.flatnonzero(~np.isnan(first + second).all(axis=0))
    if not len(columns):
        raise NothingInCommonError(
            f"{reference.name} and {candidate.name} predict no label in common that the photos "
            "have, so there is nothing to compare"
        )
    differences = _differences(first, second, clusters, config, rng, columns)
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
        differences,
        _regions(both, first, second, clusters, config, rng, columns),
        both.left_out,
    )


def _other_photos(reference: EvaluatedModel, candidate: EvaluatedModel) -> str:
    return (
        f"{candidate.name} was evaluated on other photos ({candidate.about}) than "
        f"{reference.name} ({reference.about}): a smaller error may only mean easier photos, so "
        "they are not ranked"
    )


def _differences(
    first: Floats, second: Floats, clusters: Counts, config: CompareConfig,
    rng: np.random.Generator, columns: Counts,
) -> tuple[Difference, ...]:  # fmt: skip
    """Differences in the measures of some columns; their intervals hold together."""
    reference, candidate = aggregated(first), aggregated(second)
    counts = clusters_with(first + second, clusters)
    ends: dict[int, Floats] = {}
    grouped = columns[counts[columns] > 1]
    if len(grouped):
        draws = _drawn_differences(first, second, clusters, config.draws, rng)
        pairs = joint_intervals(draws[:, grouped], config.confidence, counts[grouped])
        ends = dict(zip(grouped.tolist(), pairs, strict=True))
    return tuple(
        _difference(column, reference, candidate, ends.get(column), counts[column])
        for column in columns.tolist()
    )


def _drawn_differences(
    first: Floats, second: Floats, clusters: Counts, draws: int, rng: np.random.Generator
) -> Floats:
    """Differences `(draws, 7)`; every draw holds the same photos for both models.

    NaN for a draw without a photo that has the label.
    """
    middle = np.array([measure.median for measure in MEASURES])
    count, parts = int(clusters.max()) + 1, []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        drawn = cluster_draws(count, min(_DRAWS_AT_ONCE, draws - start), rng)
        part = resampled_means(second - first, clusters, drawn)
        for column in np.flatnonzero(middle & ~np.isnan(first + second).all(axis=0)):
            part[:, column] = resampled_medians(
                second[:, column], clusters, drawn
            ) - resampled_medians(first[:, column], clusters, drawn)
        parts.append(part)
    return np.concatenate(parts)


def _regions(
    both: Pairing, first: Floats, second: Floats, clusters: Counts, config: CompareConfig,
    rng: np.random.Generator, compared: Counts,
) -> tuple[RegionDifference, ...]:  # fmt: skip
    """Compare region by region; the intervals of a measure hold for all regions together."""
    truth = both.reference["true_region"].to_numpy()
    names = sorted(set(truth) - {""}, key=lambda name: (not name.isdecimal(), name.zfill(9)))
    inside = [np.flatnonzero(truth == name) for name in names]
    numbered = [np.unique(clusters[rows], return_inverse=True)[1] for rows in inside]
    # Clusters of each region that have the label of each measure.
    counts = np.array(
        [
            clusters_with((first + second)[rows], own)
            for rows, own in zip(inside, numbered, strict=True)
        ]
    ).reshape(-1, len(MEASURES))
    columns = [_BY_NAME[name] for name in PER_REGION if _BY_NAME[name] in compared]
    draws = {
        index: _drawn_differences(
            first[inside[index]], second[inside[index]], numbered[index], config.draws, rng
        )
        for index in np.flatnonzero((counts >= FEWEST_CLUSTERS).any(axis=1)).tolist()
    }
    intervals: dict[tuple[int, int], Floats] = {}
    for column in columns:
        reliable = np.flatnonzero(counts[:, column] >= FEWEST_CLUSTERS)
        if len(reliable):
            drawn = np.stack([draws[index][:, column] for index in reliable.tolist()], axis=1)
            ends = joint_intervals(drawn, config.confidence, counts[reliable, column])
            intervals |= {
                (index, column): end for index, end in zip(reliable.tolist(), ends, strict=True)
            }
    regions = []
    for index, (name, rows) in enumerate(zip(names, inside, strict=True)):
        reference, candidate = aggregated(first[rows]), aggregated(second[rows])
        differences = tuple(
            _difference(
                column, reference, candidate, intervals.get((index, column)), counts[index, column]
            )
            for column in columns
        )
        clusters_of_region = int(numbered[index].max()) + 1
        regions.append(RegionDifference(name, len(rows), clusters_of_region, differences))
    return tuple(regions)


def _difference(
    column: int, reference: Floats, candidate: Floats, ends: Floats | None, clusters: int
) -> Difference:
    low, high = (None, None) if ends is None else (float(ends[0]), float(ends[1]))
    return Difference(
        MEASURES[column],
        float(reference[column]),
        float(candidate[column]),
        low,
        high,
        reliable=bool(clusters >= FEWEST_CLUSTERS),
    )
