"""`crossval.json` as typed values, and cross-validations as lists, pages and comparisons read them.

No tensor is read here.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Self

from pydantic import TypeAdapter

from core.crossval.folder import CONFIG, PREDICTIONS, REPORT, is_crossval, read_config
from core.crossval.schema import CrossvalConfig, fold_path
from core.errors import ConfigError, RunError
from core.evaluation.report import (
    BaselineReport,
    Scores,
    completed_scores,
    plain,
    without_unsaid,
)
from core.evaluation.stored_reports import EvaluatedModel, read_predictions
from core.jobs.state import Listed, run_state
from core.jobs.summary import RunSummary, summarise
from core.runs import folders, is_run
from core.training.run_folder import RunFolder

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
        notes: Caveats for the reader.
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
        """Hashes of the folds' splits: equal ones are the same folds."""
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
        content = dict(plain(asdict(self)))
        return content | {"pooled": without_unsaid(content["pooled"])}


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


@dataclass(frozen=True)
class CrossvalSummary:
    """One cross-validation.

    Attributes:
        name: Name of its folder.
        path: Its folder.
        state: As that of a run; see `core.jobs.state`.
        message: Details, such as why it failed.
        config: Its options; None if they are damaged.
        folds: Runs of the folds that were begun, in order.
        done: How many folds are finished.
        started: When it was begun, in seconds since 1970.
        report: Content of `crossval.json`; None before its end.
    """

    name: str
    path: Path
    state: Listed
    message: str = ""
    config: CrossvalConfig | None = None
    folds: tuple[RunSummary, ...] = ()
    done: int = 0
    started: float | None = None
    report: CrossvalReport | None = None

    def figure(self, name: str) -> tuple[float, float] | None:
        """Mean and standard deviation of a figure over folds, by dotted name; None if unknown."""
        figure = None if self.report is None else self.report.summary.get(name)
        if figure is None or figure.mean is None or figure.sd is None:
            return None
        return figure.mean, figure.sd

    @property
    def pooled(self) -> Scores | None:
        """Figures of all photos together; None before its end."""
        return None if self.report is None else self.report.pooled


def read_report(out: Path) -> CrossvalReport:
    """Read `crossval.json`; RunError if it is absent or damaged."""
    content = RunFolder(path=out).read_json(REPORT)
    try:
        return CrossvalReport.from_json(content)
    except ValueError as error:
        raise RunError(f"{out / REPORT} is damaged ({error}): pool the folds again") from error


def read_crossval(folder: Path) -> CrossvalSummary:
    """Return the summary of the cross-validation in a folder; `damaged` if unreadable.

    Raises:
        RunError: There is none.
    """
    if not is_crossval(folder):
        raise RunError(f"{folder} holds no cross-validation (no {CONFIG})")
    started = (folder / CONFIG).stat().st_mtime
    try:
        config, now = read_config(folder), run_state(folder)
        report = read_report(folder) if (folder / REPORT).is_file() else None
    except RunError as error:
        return CrossvalSummary(folder.name, folder, "damaged", str(error), started=started)
    paths = [fold_path(folder, number) for number in range(config.folds)]
    folds = tuple(summarise(path) for path in paths if is_run(path))
    done = sum(fold.state == "finished" for fold in folds)
    return CrossvalSummary(
        folder.name, folder, now.state, now.message, config, folds, done, started, report
    )


def list_crossvals(root: Path) -> list[CrossvalSummary]:
    """Return the cross-validations in a folder that were begun, newest first.

    Args:
        root: Folder that holds one folder per run or cross-validation; need not exist yet.
    """
    found = [read_crossval(path) for path in folders(root) if is_crossval(path)]
    return sorted(found, key=lambda each: (-(each.started or 0.0), each.name))


def read_pooled(folder: Path) -> EvaluatedModel:
    """Read the pooled predictions; two cross-validations compare if all folds are the same.

    Raises:
        ConfigError: It is not finished, or damaged.
    """
    try:
        report = read_report(folder)
    except RunError as error:
        raise ConfigError(
            f"{folder} has no report that can be read ({error}). Finish it: "
            f"python -m core crossval --out {folder} --resume"
        ) from error
    digest = hashlib.sha256("\n".join(report.split_hashes).encode()).hexdigest()
    about = (
        f"{len(report.folds)} folds of the {report.protocol} split {digest[:8]}, "
        f"{report.pooled.n:,} photos"
    )
    table = read_predictions(folder / PREDICTIONS)
    return EvaluatedModel(folder.name, folder, f"folds:{digest}", about, None, table)
