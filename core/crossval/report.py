"""Cross-validations as lists and pages show them, from their files alone: no tensor is read."""

from dataclasses import dataclass
from pathlib import Path

from core.crossval.figures import CrossvalReport
from core.crossval.folder import CONFIG, REPORT, is_crossval, read_config
from core.crossval.schema import CrossvalConfig, fold_path
from core.errors import RunError
from core.evaluation.report import Scores
from core.jobs.state import Listed, run_state
from core.jobs.summary import RunSummary, summarise
from core.runs import is_run
from core.training.run_folder import RunFolder


@dataclass(frozen=True)
class CrossvalSummary:
    """One cross-validation.

    Attributes:
        name: Name of its folder.
        path: Its folder.
        state: As that of a run; see `core.jobs.state`.
        message: What there is to say, such as why it failed.
        config: Its options; None where they are damaged.
        folds: The folds that were begun, in order: ordinary runs.
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
        """Mean and standard deviation over folds, as `position.refined.median_m`; None: unknown."""
        found = None if self.report is None else self.report.summary.get(name)
        if found is None or found.mean is None or found.sd is None:
            return None
        return found.mean, found.sd

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
    """Return the summary of the cross-validation in a folder; `damaged` where unreadable.

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
    folders = [path for path in root.iterdir() if is_crossval(path)] if root.is_dir() else []
    found = [read_crossval(path) for path in folders]
    return sorted(found, key=lambda each: (-(each.started or 0.0), each.name))
