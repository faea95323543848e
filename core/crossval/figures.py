"""`crossval.json` as typed values: figures over folds, and of all photos together. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any, Self

from pydantic import TypeAdapter

from core.evaluation.report import BaselineReport, Scores, completed_scores, plain

SCHEMA_VERSION = 1
SPREAD_NOTE = (
    "sd is the standard deviation (n - 1) of the folds' figures: how much they differ. It is no "
    "confidence interval of the mean: the folds share most of their training photos."
)
_HEADLINES = ("region", "position", "heading", "joint_10m_15deg", "joint_10m_15deg_raw", "leak")


@dataclass(frozen=True)
class Spread:
    """One figure over folds; mean and sd are None if a fold lacks the figure.

    Attributes:
        mean: Over folds.
        sd: Standard deviation (n - 1).
        values: One a fold.
    """

    mean: float | None
    sd: float | None
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class CrossvalDataset:
    """The dataset of a cross-validation."""

    root: str
    campus: str
    photos: int
    labels_hash: str


@dataclass(frozen=True)
class FoldReport:
    """One fold.

    Attributes:
        fold: Its number, from 0.
        run: Name of its run.
        split_hash: Of its split: two cross-validations with equal ones have the same folds.
        photos: Photos of each part.
        epochs: Epochs trained.
        best_epoch: The one whose weights were kept.
        seconds: Time of all epochs.
        refine: Chosen refinement.
        weights: File name of the weights.
    """

    fold: int
    run: str
    split_hash: str
    photos: dict[str, int]
    epochs: int
    best_epoch: int
    seconds: float
    refine: dict[str, Any] | None
    weights: str | None


@dataclass(frozen=True, kw_only=True)
class CrossvalReport:
    """Content of `crossval.json`.

    Attributes:
        schema_version: Of the file.
        created: When, in ISO 8601.
        split: Options of the split.
        dataset: What was split.
        summary: Every figure over folds, by its dotted name such as `position.raw.median_m`.
        pooled: Figures of all tested photos together.
        baselines: The same as `summary`, by baseline.
        folds: In order.
        untested: Region of each photo that no fold tests, by photo id.
        notes: What a reader must know.
    """

    schema_version: int = SCHEMA_VERSION
    created: str
    split: dict[str, Any]
    dataset: CrossvalDataset
    summary: dict[str, Spread]
    pooled: Scores
    baselines: dict[str, dict[str, Spread]]
    folds: tuple[FoldReport, ...]
    untested: dict[str, str]
    notes: tuple[str, ...]

    @property
    def protocol(self) -> str:
        """How photos were split."""
        return str(self.split["protocol"])

    @property
    def split_hashes(self) -> tuple[str, ...]:
        """Of the folds: equal ones are the same folds."""
        return tuple(fold.split_hash for fold in self.folds)

    def pooled_figure(self, name: str) -> float | None:
        """The figure of all photos together, by its dotted name as in `summary`."""
        return headlines(self.pooled).get(name)

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Read the content of `crossval.json`, of this version or an older one.

        Raises:
            ValueError: It is no report of a cross-validation; says where.
        """
        if isinstance(content, dict) and isinstance(content.get("pooled"), dict):
            content = content | {"pooled": completed_scores(content["pooled"])}
        return TypeAdapter(cls).validate_python(content)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; figures that do not exist are null."""
        return dict(plain(asdict(self)))


def headlines(scores: Scores | BaselineReport) -> dict[str, float | None]:
    """Every figure of a report by its dotted name, such as `position.raw.median_m`."""
    content = asdict(scores)
    found: dict[str, float | None] = {}
    for name in _HEADLINES:
        found |= dict(_leaves(content.get(name), name))
    return {name: value for name, value in found.items() if not name.startswith("leak.away.")}


def spread(reports: Sequence[Mapping[str, float | None]]) -> dict[str, Spread]:
    """Mean, standard deviation (n - 1) and values of every figure of k folds."""
    summary = {}
    for name in dict.fromkeys(name for report in reports for name in report):
        values = tuple(report.get(name) for report in reports)
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        summary[name] = Spread(
            mean(known) if whole else None,
            stdev(known) if whole and len(known) > 1 else None,
            values,
        )
    return summary


def baseline_spreads(reports: Sequence[Scores]) -> dict[str, dict[str, Spread]]:
    """The same for every baseline of the folds' reports."""
    return {
        name: spread([headlines(report.baselines[name]) for report in reports])
        for name in reports[0].baselines
    }


def _leaves(value: Any, name: str) -> Iterator[tuple[str, float | None]]:  # noqa: ANN401 - any figure
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}")
    elif value is None or isinstance(value, int | float):
        yield name, value
