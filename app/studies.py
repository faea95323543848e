"""The studies of a workspace, as they stand: those that were begun, and those that wait."""

from pathlib import Path

from pydantic import ValidationError

from app import cached
from app.workspace import Workspace
from core.errors import RunError
from core.jobs.job import JOB, read_job
from core.options import in_words
from core.tuning.folder import StudyFolder
from core.tuning.reading import StudyView
from core.tuning.schema import TuneConfig


def studies(place: Workspace) -> list[Path]:
    """Folders that hold a study or the wish for one, the one that was begun last first."""
    folders = place.runs.iterdir() if place.runs.is_dir() else ()
    found = {path: _begun(path) for path in folders if path.is_dir()}
    return sorted((path for path, begun in found.items() if begun), key=lambda path: -found[path])


def options_of(study: Path) -> TuneConfig:
    """The options of a study, also while it waits for its start.

    Raises:
        RunError: They are damaged.
    """
    folder = StudyFolder(path=study)
    if folder.exists:
        return folder.read().config
    job = read_job(study)
    try:
        return TuneConfig.model_validate({} if job is None else job.options)
    except ValidationError as error:
        raise RunError(f"{study / JOB} is damaged ({in_words(error)}): delete it") from error


def view_of(study: Path) -> StudyView:
    """A study and its trials; none while it waits.

    Raises:
        RunError: Its files are damaged, or its database cannot be reached.
    """
    if StudyFolder(path=study).exists:
        return cached.study(study)
    return StudyView(study, options_of(study), ())


def importances_of(view: StudyView, live: bool) -> dict[str, float]:
    """How much each option matters; while the search goes on, told anew by every tenth trial.

    Raises:
        RunError: The study cannot be read.
    """
    finished = view.counts.get("finished", 0)
    return cached.importances(view.path, finished - finished % 10 * (live and finished > 10))


def _begun(path: Path) -> float:
    """When a study was begun or queued, in seconds since 1970; 0 for anything else."""
    own = path / "study.json"
    if own.is_file():
        return own.stat().st_mtime
    try:
        job = read_job(path)
    except RunError:
        # The queue on the Train page names it.
        return 0.0
    return job.created if job is not None and job.kind == "tune" else 0.0
