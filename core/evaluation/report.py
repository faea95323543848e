"""`report.json` as typed values: what an evaluation measured, raw and refined side by side.

Field names are the keys of the file. Reports of older versions are completed when they are read;
figures that they lack are None. Nothing here is heavy: pages and lists read reports too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
from pydantic import TypeAdapter

from core.evaluation.report_coverage import CoverageReport
from core.evaluation.schema import Kind
from core.headline import Figure, FigureIntervals, Figures, Interval
from core.labels import Label

SCHEMA_VERSION = 3
"""Version 2 added coverage where nobody photographed, version 3 the recall of retrieval; older
reports are read without them."""
LEAK_RADIUS_M = 5.0
"""A training photo nearer than this shows much the same."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RegionScores:
    """Classification of regions.

    Attributes:
        accuracy: Share of photos whose most probable region is the true one.
        macro_precision: Mean over regions of the precision; 0 for a region never predicted.
        macro_recall: Mean over regions of the recall; 0 for a region that never occurs.
        macro_f1: Mean over regions of the F1 score.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float


@dataclass(frozen=True, kw_only=True)
class RegionMetrics(RegionScores):
    """Classification of regions, with the confusion matrix.

    Attributes:
        top3: Share of photos whose true region is among the three most probable.
        labels: Region ids in the order of the confusion matrix: those that the model knows, then
            those that only occur as truth.
        confusion: `[true][predicted]` counts.
        accuracy_raw: Accuracy of the region head alone, without the neighbours' votes.
    """

    top3: float | None
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy_raw: float | None = None

    def __post_init__(self) -> None:
        """Check that the matrix is square and has one row per label."""
        sizes = {len(self.confusion), *map(len, self.confusion)}
        if sizes != {len(self.labels)}:
            raise ValueError(f"a confusion matrix of {len(self.labels)} regions has sizes {sizes}")


@dataclass(frozen=True)
class LabelUnitsMse:
    """Mean squared error in squared label units, for comparison with the course's figures."""

    latitude: float
    longitude: float
    mean: float


@dataclass(frozen=True)
class PositionMetrics:
    """Position errors in metres; `within_*` are shares of photos, in `[0, 1]`."""

    mse_label_units: LabelUnitsMse
    rmse_m: float
    mean_m: float
    median_m: float
    p90_m: float
    within_5m: float
    within_10m: float
    within_25m: float
    within_50m: float


@dataclass(frozen=True)
class HeadingMetrics:
    """Absolute angular errors: their mean (MAAE), median, and shares within so many degrees."""

    maae_deg: float
    median_deg: float
    within_5: float
    within_15: float
    within_30: float


@dataclass(frozen=True)
class Both(Generic[T]):
    """The same of `raw` answers (the network's own) and of `refined` ones."""

    raw: T
    refined: T

    def of(self, kind: Kind) -> T:
        """The one of this kind."""
        return self.raw if kind == "raw" else self.refined


@dataclass(frozen=True, kw_only=True)
class OneRegion:
    """The photos of one true region; a figure is None where no photo of it has the label.

    Attributes:
        name: Of the region, its id if it has none.
        n: Photos of the region.
        accuracy: Share of them whose region is right, which is the region's recall.
        precision: Share of photos given this region that are of it.
        f1: Harmonic mean of the two.
        median_m: Median position error, raw.
        median_refined_m: The same, refined.
        maae_deg: Mean heading error, raw.
        maae_refined_deg: The same, refined.
    """

    name: str
    n: int
    accuracy: float | None
    median_m: float | None
    median_refined_m: float | None
    maae_deg: float | None
    maae_refined_deg: float | None
    precision: float | None
    f1: float | None


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Intervals of the model's figures, and what they rest on.

    Attributes:
        raw: Of raw answers.
        refined: Of refined answers.
        confidence: With which each interval holds for its own figure.
        by: What was drawn as a whole: all photos of a `spot` or of a `visit`.
        clusters: Number of spots or visits.
        radius_m: Photos this close share a spot; None for visits.
        draws: Number of resamples; 0 if all photos are of one cluster.
        reliable: Whether there are enough clusters to believe the intervals.
    """

    raw: FigureIntervals
    refined: FigureIntervals
    confidence: float
    by: Literal["spot", "visit"]
    clusters: int
    radius_m: float | None
    draws: int
    reliable: bool

    def of(self, kind: Kind) -> FigureIntervals:
        """The intervals of raw or refined answers."""
        return self.raw if kind == "raw" else self.refined


@dataclass(frozen=True, kw_only=True)
class Subset:
    """Figures of some of the photos, or the reason why there are none.

    Attributes:
        n: Photos in the subset.
        raw: Figures of raw answers; None if there are too few photos.
        refined: Figures of refined answers.
        reason: Why there are no figures; None if there are.
    """

    n: int
    raw: Figures | None
    refined: Figures | None
    reason: str | None

    def __post_init__(self) -> None:
        """Check that there are figures or a reason."""
        absent = (self.raw is None, self.refined is None, self.reason is not None)
        if len(set(absent)) != 1:
            raise ValueError("a subset has figures, or a reason why it has none")


@dataclass(frozen=True, kw_only=True)
class Leak:
    """How many photos were taken near a training photo, and the figures of all others.

    Attributes:
        within_1m: Share of photos within 1 m of a training photo, in `[0, 1]`.
        within_5m: The same for 5 m.
        within_10m: The same for 10 m.
        nearest_training_m: Median distance to the nearest training photo; None in old reports.
        away: Figures of the photos beyond each radius, by `beyond_1m`, `beyond_5m`, `beyond_10m`;
            empty in old reports.
    """

    within_1m: float
    within_5m: float
    within_10m: float
    nearest_training_m: float | None = None
    away: dict[str, Subset] = field(default_factory=dict)

    @property
    def beyond_5m(self) -> Subset | None:
        """Figures of the photos beyond `LEAK_RADIUS_M` of any training photo, where known."""
        return self.away.get(f"beyond_{LEAK_RADIUS_M:g}m")


@dataclass(frozen=True)
class SuspectLabels:
    """Photos whose labels are suspect: what an evaluation is given.

    Attributes:
        source: What found them: the label checks of an audit, or a file of findings.
        kinds: Kinds of finding by photo id; photos that are not in it are not suspect.
    """

    source: str
    kinds: Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Flagged:
    """Photos whose labels are suspect, and the figures with and without them.

    Attributes:
        source: What flagged them: the label checks of an audit, or a file of findings.
        n: Number of flagged photos.
        kinds: Photos by kind of finding, the most frequent first.
        photo_ids: The flagged photos.
        all: Figures of all photos.
        without: Figures of the other photos.
    """

    source: str
    n: int
    kinds: dict[str, int]
    photo_ids: tuple[str, ...] = ()
    all: Subset
    without: Subset


@dataclass(frozen=True, kw_only=True)
class BaselineReport:
    """A baseline on the same photos; None for what it does not predict or no photo is labelled.

    Attributes:
        description: What it does.
        given_truth: Whether it is given a part of the truth.
        region: Of its regions.
        position: Of its positions.
        heading: Of its headings.
        joint_10m_15deg: Share of photos within 10 m and 15 degrees.
        intervals: None where there are none.
    """

    description: str
    given_truth: bool
    region: RegionScores | None
    position: PositionMetrics | None
    heading: HeadingMetrics | None
    joint_10m_15deg: float | None
    intervals: FigureIntervals | None = None

    @property
    def figures(self) -> Figures:
        """Its headline figures."""
        accuracy = None if self.region is None else self.region.accuracy
        return _headline(accuracy, self.position, self.heading, self.joint_10m_15deg)


@dataclass(frozen=True, kw_only=True)
class RetrievalRecall:
    """How often a training photo of the same place is among the k most similar ones.

    Attributes:
        n: Photos with a position.
        ranks: Each k.
        within_10m: Share of the photos with a training photo within 10 m among their k neighbours,
            one for each k.
        within_25m: The same for 25 m.
        possible_10m: Share of the photos with a training photo within 10 m at all.
        possible_25m: The same for 25 m.
    """

    n: int
    ranks: tuple[int, ...]
    within_10m: tuple[float, ...]
    within_25m: tuple[float, ...]
    possible_10m: float
    possible_25m: float

    def __post_init__(self) -> None:
        """Check that every rank has both shares."""
        if not len(self.ranks) == len(self.within_10m) == len(self.within_25m) > 0:
            raise ValueError("recall has a share within 10 m and within 25 m for every rank")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Everything that follows from predictions and truth: of one evaluation, or of pooled folds.

    Each figure is over the photos that have the label. A part is None where no photo has the
    label or the model does not predict it.

    Attributes:
        n: Photos.
        labelled: How many of them have each label; None if every photo has every label.
        region: None too if no tested region was ever trained.
        position: Position errors.
        heading: Heading errors.
        joint_10m_15deg: Share of photos within 10 m and 15 degrees, refined.
        joint_10m_15deg_raw: The same of raw answers; None in old reports.
        per_region: By id of the true region.
        baselines: By name.
        leak: None if the training photos are unknown.
        intervals: None if photos cannot be grouped, and in old reports.
        flagged: None if no labels were checked, and in old reports.
    """

    n: int
    labelled: dict[Label, int] | None = None
    region: RegionMetrics | None
    position: Both[PositionMetrics] | None
    heading: Both[HeadingMetrics] | None
    joint_10m_15deg: float | None
    joint_10m_15deg_raw: float | None = None
    per_region: dict[str, OneRegion]
    baselines: dict[str, BaselineReport]
    leak: Leak | None = None
    intervals: Intervals | None = None
    flagged: Flagged | None = None

    def __post_init__(self) -> None:
        """Check that regions and matrix count the same photos."""
        photos = self.photos_with("region")
        counts = {photos, sum(each.n for each in self.per_region.values())}
        if self.region is not None:
            counts.add(sum(map(sum, self.region.confusion)))
        if len(counts) != 1 or not 0 <= photos <= self.n or self.n < 1:
            raise ValueError(
                f"a report of {self.n} photos, {photos} with a region, counts {sorted(counts)}"
            )

    def photos_with(self, label: Label) -> int:
        """How many of the photos have this label."""
        return self.n if self.labelled is None else self.labelled[label]

    def figures(self, kind: Kind) -> Figures:
        """The model's headline figures."""
        raw, accuracy = kind == "raw", None
        if self.region is not None:
            accuracy = self.region.accuracy_raw if raw else self.region.accuracy
        joint = self.joint_10m_15deg_raw if raw else self.joint_10m_15deg
        position = None if self.position is None else self.position.of(kind)
        heading = None if self.heading is None else self.heading.of(kind)
        return _headline(accuracy, position, heading, joint)

    def interval(self, kind: Kind, figure: Figure) -> Interval | None:
        """The interval of a headline figure; None where there is none."""
        return None if self.intervals is None else self.intervals.of(kind).of(figure)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; figures that do not exist are null."""
        return without_unsaid(dict(plain(asdict(self))))


@dataclass(frozen=True)
class SplitReport:
    """Which photos a report is about.

    Attributes:
        name: Protocol of the split, or `all`.
        hash: Equal hashes are the same split.
        part: Part of the split.
        seed: Of the split.
        fold: Number of the fold.
        folds: How many folds there are.
        radius_m: Photos this close share a spot of the split.
        photos_present: Photos of the part that the dataset has.
        photos_in_part: Photos of the part.
    """

    name: str
    hash: str
    part: str
    seed: int | None = None
    fold: int | None = None
    folds: int | None = None
    radius_m: float | None = None
    photos_present: int | None = None
    photos_in_part: int | None = None

    @property
    def key(self) -> str:
        """Part and hash: equal for reports about the same photos of the same split."""
        return f"{self.part}:{self.hash}"


@dataclass(frozen=True)
class ExcludedPhoto:
    """A row of the label file that cannot be used."""

    photo_id: str
    reason: str


@dataclass(frozen=True)
class Excluded:
    """Rows of the label file that cannot be used, with reasons."""

    count: int
    photos: tuple[ExcludedPhoto, ...]


@dataclass(frozen=True)
class CheckpointReport:
    """The evaluated checkpoint."""

    folder: str
    weights: str | None
    created: str
    backbone: str
    input_size: int
    refine: dict[str, Any] | None


@dataclass(frozen=True)
class DatasetReport:
    """The dataset of the evaluated photos."""

    root: str
    campus: str
    photos: int
    frame: str
    unit: str
    demo_seed: int | None = None


@dataclass(frozen=True)
class TrainedOn:
    """What the checkpoint was trained on."""

    campus: str
    demo_seed: int | None
    photos: int | None
    split: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class MemberReport(Figures):
    """A member of an ensemble on the same photos: refined figures, unknown if its weight is 0."""

    name: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class EnsembleReport:
    """The members of an ensemble, and how far they disagree.

    Attributes:
        members: In the order of the card.
        lead: Name of the member whose gallery is used.
        weighing: Rule of the weights.
        rule: The rule in words.
        agree_m: Positions are averaged if all members are within this of their mean.
        disagree_share: Share of photos where they are not; None if they predict no positions.
        median_spread_m: Median over photos of the largest distance to the members' mean.
        median_spread_deg: The same for headings, to the answer; None if they predict none.
    """

    members: tuple[MemberReport, ...]
    lead: str
    weighing: str
    rule: str
    agree_m: float
    disagree_share: float | None
    median_spread_m: float | None
    median_spread_deg: float | None


@dataclass(frozen=True, kw_only=True)
class Report(Scores):
    """Content of `report.json`.

    Attributes:
        schema_version: Of the file.
        split: Which photos it is about.
        seen_in_training: How many of them the checkpoint was trained on.
        excluded: Rows of the label file that cannot be used.
        notes: What a reader must know before believing the figures.
        checkpoint: None for reports that are not about a checkpoint.
        dataset: None in such reports too.
        trained_on: None in such reports too.
        coverage: None if the model is not calibrated.
        ensemble: None if the model is not an ensemble.
        retrieval: None without positions or a gallery, and in reports of older versions.
    """

    schema_version: int = SCHEMA_VERSION
    split: SplitReport
    seen_in_training: int = 0
    excluded: Excluded = Excluded(0, ())
    notes: tuple[str, ...] = ()
    checkpoint: CheckpointReport | None = None
    dataset: DatasetReport | None = None
    trained_on: TrainedOn | None = None
    coverage: CoverageReport | None = None
    ensemble: EnsembleReport | None = None
    retrieval: RetrievalRecall | None = None

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Read the content of `report.json`, of this version or an older one.

        Raises:
            ValueError: It is no report; says where.
        """
        return TypeAdapter(cls).validate_python(_completed(content))


def completed_scores(content: dict[str, Any]) -> dict[str, Any]:
    """Scores as an older version wrote them, with what the figures need today.

    Before raw region answers were reported apart, the refined accuracy stood for both.
    """
    region = content.get("region")
    if isinstance(region, dict) and "accuracy_raw" not in region:
        content = content | {"region": region | {"accuracy_raw": region.get("accuracy")}}
    return content


def without_unsaid(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores as JSON, without the counts of labels where every photo has all of them."""
    return {key: value for key, value in scores.items() if (key, value) != ("labelled", None)}


def plain(value: Any) -> Any:  # noqa: ANN401 - any report value
    """Turn tuples and numpy values into plain JSON ones, and figures that do not exist to null."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _completed(content: object) -> object:
    return completed_scores(content) if isinstance(content, dict) else content


def _headline(
    accuracy: float | None,
    position: PositionMetrics | None,
    heading: HeadingMetrics | None,
    joint: float | None,
) -> Figures:
    return Figures(
        region_accuracy=accuracy,
        median_m=None if position is None else position.median_m,
        mean_m=None if position is None else position.mean_m,
        p90_m=None if position is None else position.p90_m,
        within_10m=None if position is None else position.within_10m,
        within_25m=None if position is None else position.within_25m,
        maae_deg=None if heading is None else heading.maae_deg,
        within_15=None if heading is None else heading.within_15,
        joint_10m_15deg=joint,
    )
