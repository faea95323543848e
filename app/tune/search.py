"""The Tune page: which studies there are, one of them watched, and its best trial trained."""

from functools import partial
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
from pydantic import ValidationError

from app import cache, links
from app.access import gate, paths
from app.figures import tuning as figures
from app.selection import selection
from app.theme import palette
from app.train import job_page, train_form
from app.tune import tune_form
from app.widgets import figure_files
from app.workspace import Workspace
from core.errors import RunError
from core.jobs.job import read_job
from core.jobs.queue import cancel, enqueue_job, requeue
from core.jobs.runner import ensure_runner
from core.jobs.state import RESUMABLE, UNFINISHED, RunState, log_tail
from core.options import in_words
from core.runs import JOB, folders
from core.tuning.folder import StudyFolder
from core.tuning.results import StudyView
from core.tuning.schema import TuneConfig

_WATCHED = "study_watched"
_STATES = {
    "queued": "Queued: starts when it is first in the queue and a device is free.",
    "starting": "Starting: loading the program and its packages, which takes a while.",
    "running": "Searching.",
    "cancelling": "Cancelling: saving the running trials.",
    "finished": "Finished.",
    "cancelled": "Cancelled: every trial is saved; the search can resume from there.",
    "failed": "Failed.",
    "lost": "Lost: its process is gone. All trials are saved: resume it.",
    "damaged": "Damaged.",
}


def studies(place: Workspace) -> list[Path]:
    """Folders of studies, also of queued ones, newest first."""
    begun = {path: _begun(path) for path in folders(place.runs) if paths.is_opened(path)}
    return sorted((path for path, when in begun.items() if when), key=lambda path: -begun[path])


def options_of(study: Path) -> TuneConfig:
    """The options of a study, also while it waits for its start.

    Raises:
        RunError: They are damaged.
    """
    folder = StudyFolder(path=study)
    if folder.exists:
        return folder.read()
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
        return cache.study(study)
    return StudyView(study, options_of(study), ())


def importances_of(view: StudyView, live: bool) -> dict[str, float]:
    """Importance of each option; during the search computed at every tenth trial only.

    Raises:
        RunError: The study cannot be read.
    """
    finished = view.counts.get("finished", 0)
    return cache.importances(view.path, finished - finished % 10 * (live and finished > 10))


def _begun(path: Path) -> float:
    """When a study was begun or queued, in seconds since 1970; 0 for anything else."""
    own = path / "study.json"
    if own.is_file():
        return own.stat().st_mtime
    try:
        job = read_job(path)
    except RunError:
        # The queue on the Train page shows the damage.
        return 0.0
    return job.created if job is not None and job.kind == "tune" else 0.0


def launch(place: Workspace) -> None:
    """Draw what starts a search: what it does, the start button, and all options."""

    def act(config: TuneConfig, button: str, target: str) -> None:
        gate.need("operator")
        config = tune_form.checked(place, config)
        paths.check_options(config)
        study = enqueue_job(config.study, tune_form.job(config, target))
        ensure_runner(study.parent)
        st.session_state[_WATCHED] = place.label(study)
        job_page.close_options("tune")
        st.rerun()

    form = job_page.Launch(
        key="tune",
        title="New search",
        start=tune_form.START,
        schema=TuneConfig,
        plan=partial(tune_form.plan, place),
        panel=tune_form.panel,
        act=act,
        above=tune_form.ask_space,
    )
    job_page.launch(place, form)


def pick_study(place: Workspace) -> Path | None:
    """Let the reader choose which study is shown, at first the newest; None if there is none."""
    return job_page.pick_job(place, "Study", _WATCHED, studies(place))


def watch(study: Path) -> None:
    """Show a study: its state, what can be done, figures, trials and log."""
    job_page.watch(study, _show)


def _show(study: Path, now: RunState) -> None:
    view = view_of(study)
    job_page.headline(study, now, _STATES)
    _progress(view)
    _buttons(study, now, view)
    if view.trials:
        _figures(view, importances_of(view, live=now.state in UNFINISHED))
        _trials(study, view)
    with st.expander("Log"):
        st.code(log_tail(study) or "The log is empty.", language=None)


def _progress(view: StudyView) -> None:
    planned = view.config.planned
    st.progress(min(1.0, view.done / planned), f"{view.done:,} of {planned:,} trials")
    counts, best = view.counts, view.best
    cells = st.columns(4)
    figure = "–" if best is None or best.value is None else f"{best.value:.4g}"
    cells[0].metric(f"Best {view.config.monitor}, validation", figure)
    cells[1].metric("Best trial", "–" if best is None else str(best.number))
    cells[2].metric(
        "Pruned", counts.get("pruned", 0), help="Stopped early because other trials were better"
    )
    cells[3].metric("Failed", counts.get("failed", 0), help="The table of trials shows the cause")


def _buttons(study: Path, now: RunState, view: StudyView) -> None:
    if not gate.allows("operator"):
        return
    with st.container(horizontal=True):
        if view.best is not None and st.button(
            "Train with the best options",
            type="primary",
            help="Copies them into the form of the Train page",
        ):
            _train_with(view, view.best.number)
        if now.state in UNFINISHED and now.state != "cancelling" and st.button("Cancel the search"):
            gate.need("operator")
            cancel(study)
            st.rerun()
        if now.state in RESUMABLE and st.button("Resume the search"):
            _resume(study)
            st.rerun()


def _train_with(view: StudyView, number: int) -> None:
    train_form.prefill(view.options(number, view.run(number)))
    links.go("train")


def _resume(study: Path) -> None:
    gate.need("operator")
    if read_job(study) is None:
        # Started on the command line, so it has no job file yet.
        enqueue_job(study, tune_form.job(options_of(study)))
    else:
        requeue(study)
    ensure_runner(study.parent)


def _figures(view: StudyView, shares: dict[str, float]) -> None:
    config, table, colours = view.config, view.table(), palette()
    charts: dict[str, go.Figure] = {}
    left, right = st.columns([3, 2])
    with left:
        st.subheader("History")
        figure = figures.history(table, config.monitor, config.higher_is_better, colours)
        charts["History"] = figure
        st.plotly_chart(figure, key="study_history", config=figure_files.config("study_history"))
    with right:
        st.subheader("Importance of options")
        if shares:
            charts["Importance of options"] = figures.importances(shares, colours)
            st.plotly_chart(
                charts["Importance of options"], key="study_importances",
                config=figure_files.config("study_importances"),
            )  # fmt: skip
            finished = view.counts["finished"]
            st.caption(
                f"fANOVA over {finished} finished trials. With few trials it is only a rough guide."
            )
        else:
            st.caption("Shown after four finished trials.")
    if view.counts.get("finished", 0) > 1:
        st.subheader("Options and figures")
        st.caption("Each line is a finished trial. Drag along an axis to filter.")
        rest = [path for path in config.space if path not in shares]
        figure = figures.parallel(
            table,
            config.monitor,
            config.space,
            [*shares, *rest],
            config.higher_is_better,
            colours,
        )
        charts["Options and figures"] = figure
        st.plotly_chart(figure, key="study_parallel", config=figure_files.config("study_parallel"))
    figure_files.offer("study", charts)


def _trials(study: Path, view: StudyView) -> None:
    st.subheader("Trials")
    monitor = view.config.monitor
    table = view.table().sort_values(
        monitor, ascending=not view.config.higher_is_better, na_position="last"
    )
    numbers = table.columns[table.dtypes.map(lambda kind: kind.kind == "f")]
    ticked = selection.ticked(
        f"trials_{study.name}", table, [str(number) for number in table["trial"]],
        column_config={name: st.column_config.NumberColumn(format="%.4g") for name in numbers},
    )  # fmt: skip
    if not ticked:
        st.caption("Tick a trial to train with its options or to see its log.")
        return
    number = int(ticked[0])
    if st.button(f"Train with the options of trial {number}", key="study_train_chosen"):
        _train_with(view, number)
    with st.expander(f"Log of trial {number}"):
        st.code(log_tail(view.run(number)) or "The log is empty.", language=None)
