"""Training as a generator: epoch after epoch, in two stages, each one saved before it is told.

    for report in fit(config):
        print(report.epoch, report.validation.median_m)

Without training (`config.zero_training`) there is no epoch: the untouched backbone gets a gallery.
Stage 1 trains the heads on features of the frozen backbone, computed once per augmented view.
Stage 2 unfreezes the backbone. Whatever stops the process, `fit(config, resume=True)` goes on
exactly: Ctrl-C, SIGTERM and a stop file save at the very step, anything harder loses at most the
epoch at work.

Several processes train one network when each of them calls `fit` with the same options: started by
torchrun or accelerate, which say so in the environment, or by whoever made torch's process group
before (Ray Train makes it for its workers: call `fit` in the worker's function). The batch size is
that of all of them together. Every process gets the same reports; the main one alone writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from core.model.checkpoint import save_checkpoint
from core.training.device import device_kind
from core.training.epoch import EpochWork
from core.training.feature_cache import cache_views
from core.training.finish import finish_run
from core.training.interrupt import Interruption
from core.training.optimiser import freeze, make_optimiser
from core.training.processes import Processes, open_processes
from core.training.recorded import recorded
from core.training.report import EpochReport
from core.training.run_folder import RunFolder, opened_run
from core.training.schema import TrainConfig
from core.training.session import OnStep, Session, make_card, open_session
from core.training.stages import CachedLessons, Lessons, PhotoLessons, StagePlan, plan_stages
from core.training.state import Learner, load_state, read_progress
from core.training.trackers import Tracker, open_trackers
from core.training.untrained import NOTE


def fit(
    config: TrainConfig, resume: bool = False, on_step: OnStep | None = None
) -> Iterator[EpochReport]:
    """Train, and report every epoch after it was validated and saved.

    Under a process group that exists already, all of its processes must call this, with
    `config.run` on a disk that all of them share, and read it to its end: one that leaves ends the
    run of all. Where there are GPUs, LOCAL_RANK says whose is which, as launchers and Ray do. The
    group is left as it was. A worker of Ray Train needs no more than

        for report in fit(config, resume):
            ray.train.report(report.to_json())

    Args:
        config: Every option; `config.run` names the folder that is written.
        resume: Go on with the run in that folder.
        on_step: Called after every step, for progress bars; on every process.

    Raises:
        RunError: The run folder is taken, busy, finished or damaged, or the loss diverged.
        TrainingInterrupted: The run was asked to stop; it is saved.
        PeerFailed: Another process of this run failed; the message says why.
        BearingsError: The data, the model or the options do not fit; see the other rooms.
    """
    with (
        open_processes(device_kind(config.device)) as processes,
        processes.failures_shared(),
        _opened(config, resume, processes) as run,
        Interruption(run) as interruption,
    ):
        # Without training nothing is half done: it begins again.
        saved = read_progress(run.last) if resume and not config.zero_training else None
        session = open_session(run, config, interruption, on_step, saved, processes)
        with _trackers(session) as trackers:
            _tell_untold(run, session)
            if config.zero_training:
                _save_untrained(session)
            for index, plan in enumerate(plan_stages(config)):
                if index >= session.progress.stage:
                    yield from _run_stage(session, index, plan, trackers)
        _finish(session)


@contextmanager
def _opened(config: TrainConfig, resume: bool, processes: Processes) -> Iterator[RunFolder]:
    """Hold the run and record how it ends, on the main process; the others wait until it does."""
    if not processes.is_main:
        processes.exchange()
        yield RunFolder(path=config.run)
        return
    with opened_run(config, resume) as run, recorded(run):
        processes.exchange()
        yield run


@contextmanager
def _trackers(session: Session) -> Iterator[list[Tracker]]:
    """The run's trackers, on the main process; the others have none."""
    if not session.processes.is_main:
        yield []
        return
    with open_trackers(session.run, session.config, session.progress.all_epochs) as trackers:
        yield trackers


def _save_untrained(session: Session) -> None:
    """Save the network as it was made as the best checkpoint, with a card that says so."""
    if not session.processes.is_main:
        return
    card = make_card(session.config, session.data, session.model)
    card = card.model_copy(update={"trained": False, "metrics": {"epoch": 0.0}, "notes": (NOTE,)})
    state = session.model.state_dict()
    save_checkpoint(session.run.best, state, card, dtype=session.config.checkpoint_dtype)


def _tell_untold(run: RunFolder, session: Session) -> None:
    """Append the epoch whose state was saved just before the process died, if it was."""
    if not session.processes.is_main:
        return
    event = session.progress.event
    told = run.events()
    if event is not None and (not told or told[-1]["epoch"] < event["epoch"]):
        run.append_event(event)


def _run_stage(
    session: Session, index: int, plan: StagePlan, trackers: list[Tracker]
) -> Iterator[EpochReport]:
    progress = session.progress
    session.beat(now=True, stage=plan.name, epochs=_planned(session))
    freeze(session.model, last_blocks=plan.last_blocks)
    optimiser = make_optimiser(session.model, plan.rates)
    learner = Learner(session.model, optimiser, session.average, session.compute.scaler)
    if session.restore_due:
        _restore(session, learner)
    if _goes_on(session, plan):
        # Nothing between here and the first step may draw random numbers from torch.
        epoch = EpochWork(session, plan, learner, _lessons(session, plan), _planned(session))
        while _goes_on(session, plan):
            yield epoch.run(trackers)
    progress.next_stage(index + 1)


def _restore(session: Session, learner: Learner) -> None:
    processes = session.processes
    before = load_state(session.run.last, learner, processes)
    session.restore_due = False
    if before != processes.count:
        session.log(
            f"{before} processes saved this run, {processes.count} go on with it: photos and order "
            "stay the same, dropout and sums do not, so the end differs a little from that of an "
            "undisturbed run"
        )


def _goes_on(session: Session, plan: StagePlan) -> bool:
    progress, patience = session.progress, session.config.patience
    return progress.epoch < plan.epochs and not 0 < patience <= progress.waited


def _planned(session: Session) -> int:
    return sum(plan.epochs for plan in plan_stages(session.config))


def _lessons(session: Session, plan: StagePlan) -> Lessons:
    data, config, model = session.data, session.config, session.model
    if plan.rates.backbone is not None:
        return PhotoLessons(data, model.input_size, config, session.processes)
    session.log(f"computing features of {config.stage1.views} views of the training photos")
    views = cache_views(model, session.compute, data, config, session.watch)
    return CachedLessons(views, config, session.processes)


def _finish(session: Session) -> None:
    session.beat(now=True, stage="gallery", eta_s=None)
    card = finish_run(session.run, session.config, session.data, session.compute, session.watch)
    if card is not None:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in card.metrics.items())
        session.log(f"best checkpoint: {figures}")
    # The others leave when everything is written: a failure until then is known to all.
    session.processes.exchange()
