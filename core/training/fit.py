"""Train a model in two stages; `fit` yields a report after every epoch.

    for report in fit(config):
        print(report.epoch, report.validation.median_m)

Stage 1 trains the heads on features of the frozen backbone, computed once per augmented view; stage
2 trains the backbone too. With `config.zero_training` no head is trained: the gallery answers, by
the untouched backbone or by one whose descriptor was trained for `config.descriptor_steps`.
`fit(config, resume=True)` continues a stopped run exactly: Ctrl-C, SIGTERM and a stop file save
after the current step; a process that is killed loses at most the current epoch.

Several processes train one network if each of them calls `fit` with the same options. torchrun and
accelerate start them and set the environment; Ray Train makes torch's process group itself, so its
worker function only calls `fit`. The batch size is that of all processes together. Every process
yields the same reports; only the main one writes.

The file goes from the outside in: the run, a stage, an epoch, a step, validation.
"""

import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import RunError
from core.geo import heading_from_unit
from core.labels import LABELS
from core.model.checkpoint import save_checkpoint
from core.model.device import choose_device
from core.model.losses import multi_task_loss
from core.model.network import BearingsModel, Outputs
from core.model.schema import LossConfig
from core.training.data import Rows, TrainingData, steps_per_epoch
from core.training.descriptor_stage import DescriptorLesson
from core.training.device import Compute
from core.training.finish import finish_run
from core.training.interrupt import Interruption, recorded
from core.training.memory import fitting_batch, is_out_of_memory, memory_explained, step_error
from core.training.optimiser import (
    freeze,
    make_optimiser,
    plateau_after,
    rate_factor,
    set_rates,
    train_mode,
)
from core.training.processes import Processes, open_processes, peers_alive
from core.training.run_folder import (
    EpochReport,
    RunFolder,
    StepReport,
    TaskLosses,
    Validation,
    opened_run,
)
from core.training.samples import Answers, answers_of, append_sample, validation_of
from core.training.schema import (
    DESCRIPTOR_EPOCH_STEPS,
    HIGHER_IS_BETTER,
    Monitor,
    TrainConfig,
)
from core.training.session import OnStep, Session, Tracker, make_card, open_session, open_trackers
from core.training.stages import (
    CachedSteps,
    StagePlan,
    StepInput,
    StepSource,
    cache_views,
    plain_features,
    plan_stages,
)
from core.training.state import TrainState, load_state, read_progress
from core.training.step_losses import StepLosses


def fit(
    config: TrainConfig, resume: bool = False, on_step: OnStep | None = None
) -> Iterator[EpochReport]:
    """Train; yield the report of every epoch after it is validated and saved.

    Under a process group that exists already, all of its processes must call this, with
    `config.run` on a disk that all of them share, and iterate to the end: if one stops iterating,
    the run ends for all. LOCAL_RANK, which launchers and Ray set, chooses the GPU. The group is not
    destroyed. A worker of Ray Train needs no more than

        for report in fit(config, resume):
            ray.train.report(report.to_json())

    Args:
        config: Every option; `config.run` names the folder that is written.
        resume: Continue the run in that folder.
        on_step: Called after every step, for progress bars; on every process.

    Raises:
        RunError: The run folder is taken, busy, finished or damaged, the loss diverged, or the
            memory does not suffice.
        TrainingInterrupted: There was a stop request; the run is saved.
        PeerFailed: Another process of this run failed; the message says why.
        BearingsError: The data, the model or the options do not fit; see the other rooms.
    """
    if resume and config.batch_size is None:
        # The run found its batch size when it began.
        config = config.model_copy(
            update={"batch_size": RunFolder(path=config.run).config().batch_size}
        )
    with (
        open_processes(choose_device(config.device)) as processes,
        processes.failures_shared(),
        _opened(config, resume, processes) as run,
        Interruption(run) as interruption,
        memory_explained(config),
    ):
        # A run without training has no state to resume: it starts again.
        saved = read_progress(run.last) if resume and config.planned_epochs else None
        session = open_session(run, config, interruption, on_step, saved, processes)
        with _trackers(session) as trackers:
            _append_missing_event(run, session)
            if not config.planned_epochs:
                _save_untrained(session)
            for index, plan in enumerate(plan_stages(config)):
                if index >= session.progress.stage:
                    yield from _run_stage(session, index, plan, trackers)
        _finish(session)


@contextmanager
def _opened(config: TrainConfig, resume: bool, processes: Processes) -> Iterator[RunFolder]:
    """Lock the run and record its end, on the main process; the others wait for the lock."""
    if not processes.is_main:
        processes.exchange()
        yield RunFolder(path=config.run)
        return
    with opened_run(config, resume) as run, recorded(run):
        processes.exchange()
        yield run


@contextmanager
def _trackers(session: Session) -> Iterator[list[Tracker]]:
    """Open the run's trackers on the main process; the others have none."""
    if not session.processes.is_main:
        yield []
        return
    with open_trackers(session.run, session.config, session.progress.all_epochs) as trackers:
        yield trackers


def _save_untrained(session: Session) -> None:
    """Save the untouched network as the best checkpoint."""
    if not session.processes.is_main:
        return
    card = make_card(session.config, session.data, session.model)
    card = card.model_copy(update={"metrics": {"epoch": 0.0}})
    state = session.model.state_dict()
    save_checkpoint(session.run.best, state, card, dtype=session.config.checkpoint_dtype)


def _append_missing_event(run: RunFolder, session: Session) -> None:
    """Append the last epoch to the events, if the process died between saving and appending it."""
    if not session.processes.is_main:
        return
    event = session.progress.event
    events = run.events()
    if event is not None and (not events or events[-1]["epoch"] < event["epoch"]):
        run.append_event(event)


def _run_stage(
    session: Session, index: int, plan: StagePlan, trackers: list[Tracker]
) -> Iterator[EpochReport]:
    progress = session.progress
    session.beat(now=True, stage=plan.name, epochs=_planned(session))
    lesson = DescriptorLesson(session) if plan.heads_frozen and _continues(session, plan) else None
    freeze(session.model, last_blocks=plan.last_blocks, heads=not plan.heads_frozen)
    scaler = session.compute.scaler
    optimiser = make_optimiser(session.model, plan.rates, scaled=scaler.is_enabled())
    bank = None if lesson is None else lesson.losses.bank
    state = TrainState(session.model, optimiser, session.average, scaler, bank)
    if session.restore_due:
        _restore(session, state)
    if _continues(session, plan):
        # Nothing between here and the first step may draw random numbers from torch.
        if lesson is not None:
            runner: StageRunner = DescriptorRunner(session, plan, state, lesson)
        else:
            runner = StageRunner(session, plan, state, _step_source(session, plan))
        while _continues(session, plan):
            yield runner.run_epoch(trackers)
    progress.next_stage(index + 1)


def _restore(session: Session, state: TrainState) -> None:
    processes = session.processes
    before = load_state(session.run.last, state, processes)
    session.restore_due = False
    if before != processes.count:
        session.log(
            f"{before} processes saved this run, {processes.count} continue it: photos and order "
            "stay the same, dropout and rounding do not, so the result differs a little from that "
            "of an uninterrupted run"
        )


def _continues(session: Session, plan: StagePlan) -> bool:
    progress, patience = session.progress, session.config.patience
    return progress.epoch < plan.epochs and not 0 < patience <= progress.waited


def _planned(session: Session) -> int:
    return sum(plan.epochs for plan in plan_stages(session.config))


def _step_source(session: Session, plan: StagePlan) -> StepSource:
    if plan.rates.backbone is not None:
        return session.photos
    config = session.config
    session.log(f"computing features of {config.stage1.views} views of the training photos")
    views = cache_views(session.model, session.compute, session.photos, session.watch)
    return CachedSteps(views, config, session.processes)


def _finish(session: Session) -> None:
    session.beat(now=True, stage="gallery", eta_s=None)
    card = finish_run(
        session.run,
        session.config,
        session.data,
        session.compute,
        session.watch,
        session.watch_alone,
    )
    if card is not None:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in card.metrics.items())
        session.log(f"best checkpoint: {figures}")
    # The others wait until everything is written, so that a failure until then reaches them.
    session.processes.exchange()


class StageRunner:
    """Run the epochs of one stage, starting from the progress that is saved."""

    def __init__(
        self,
        session: Session,
        plan: StagePlan,
        state: TrainState,
        source: StepSource,
        losses: nn.Module | None = None,
    ) -> None:
        """Prepare the epochs of `plan`; without `losses` its steps have those of the heads."""
        self.session, self.plan, self.state, self.source = session, plan, state, source
        self.planned = _planned(session)
        photos = len(session.data.rows["train"])
        self._taught = {
            label: session.data.has_target(label) & (label in session.data.labels)
            for label in LABELS
        }
        self.steps = steps_per_epoch(photos, session.config.photos_per_step(photos))
        self._frozen_features = self._features() if plan.rates.backbone is None else None
        if losses is None:
            losses = StepLosses(session.model, session.compute, session.data, session.config)
        self._losses = session.processes.parallel(losses)
        self._started = 0.0

    def run_epoch(self, trackers: list[Tracker]) -> EpochReport:
        """Run the current epoch to its end: train, validate, save, report."""
        session = self.session
        self._started = time.monotonic() - session.progress.seconds
        lr = self._train_steps()
        training_s = time.monotonic() - self._started
        frozen = self._frozen_features
        features = self._features() if frozen is None else frozen
        report = self._validated(features, lr, training_s)
        self._save(report)
        if session.processes.is_main:
            session.run.append_event(report.to_json())
        for tracker in trackers:
            tracker.add(report)
        session.log(_line(report))
        return report

    def _train_steps(self) -> float:
        progress = self.session.progress
        lr = set_rates(self.state.optimiser, self._factor())
        self._begin()
        with closing(self.source.of_epoch(progress.all_epochs, progress.step)) as steps:
            for inputs in steps:
                self._stop_if_asked()
                lr = set_rates(self.state.optimiser, self._factor())
                self._count(self._fitting_step(inputs), inputs.step_rows)
        return lr

    def _begin(self) -> None:
        """Prepare the network for the steps of an epoch."""
        train_mode(self.session.model)

    def _fitting_step(self, inputs: StepInput) -> list[float]:
        """Make a step; RunError names a batch size that fits if this one does not."""
        try:
            return self._train_step(inputs)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Not in the handler: the error's traceback keeps the tensors of the step.
        session, photos, fits = self.session, len(inputs.step_rows), None
        if session.processes.count == 1:
            fits = fitting_batch(lambda smaller: self._attempt(inputs.first(smaller)), photos)
        raise step_error(photos, session.model.input_size, session.compute.device, fits)

    def _attempt(self, inputs: StepInput) -> None:
        """Make a step for its memory alone; the weights are of no use afterwards."""
        self.state.optimiser.zero_grad(set_to_none=True)
        self._losses(inputs)[0].backward()
        self.state.optimiser.step()

    def _train_step(self, inputs: StepInput) -> list[float]:
        """Update the weights once; return the losses of the whole step `(5,)`."""
        session, optimiser = self.session, self.state.optimiser
        scaler, clip_norm = session.compute.scaler, session.config.clip_norm
        optimiser.zero_grad(set_to_none=True)
        with peers_alive():
            losses = self._losses(inputs)
            scaler.scale(losses[0]).backward()
        values = session.processes.mean(losses.detach().tolist())
        self._check_finite(values[0])
        scaler.unscale_(optimiser)
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(session.model.parameters(), clip_norm)
        scaler.step(optimiser)
        scaler.update()
        if session.average is not None:
            session.average.update(session.progress.all_steps)
        return values

    def _check_finite(self, loss: float) -> None:
        progress = self.session.progress
        if not math.isfinite(loss):
            raise RunError(
                f"the loss is no number in epoch {progress.all_epochs + 1}, step "
                f"{progress.step + 1}: lower --stage1.lr, --stage2.lr_heads or "
                "--stage2.lr_backbone, or use --precision fp32"
            )

    def _factor(self) -> float:
        progress = self.session.progress
        step = progress.epoch * self.steps + progress.step
        schedule = self.session.config.schedule
        factor = rate_factor(schedule, step, self.plan.epochs * self.steps, self.steps)
        return factor * progress.plateau_factor

    def _count(self, values: list[float], rows: Rows) -> None:
        """Add a step to the progress, update the status and call `on_step`."""
        session, progress = self.session, self.session.progress
        epoch = progress.all_epochs + 1
        taught = {label: int(has[rows].sum()) for label, has in self._taught.items()}
        position = taught["position"]
        counts = [len(rows), taught["region"], position, taught["heading"], position]
        progress.add(values, counts)
        progress.step += 1
        progress.all_steps += 1
        left = (self.plan.epochs - progress.epoch) * self.steps - progress.step
        eta_s = left * (time.monotonic() - self._started) / progress.step
        session.beat(epoch=epoch, step=progress.step, steps=self.steps, eta_s=eta_s)
        if session.on_step is not None:
            report = (epoch, self.planned, progress.step, self.steps, values[0])
            session.on_step(StepReport(self.plan.name, *report))

    def _stop_if_asked(self) -> None:
        session = self.session
        if session.stop_wanted():
            session.progress.seconds = time.monotonic() - self._started
            session.save_last(self.state)
            progress = session.progress
            raise session.interruption.error(
                f"in epoch {progress.all_epochs + 1} after step {progress.step:,} of {self.steps:,}"
            )

    def _features(self) -> NDArray[np.float32]:
        session = self.session
        # BatchNorm's statistics differ between processes on a CPU.
        session.processes.broadcast(session.eval_model.buffers())
        # A stop request waits until the epoch is validated and saved.
        return plain_features(
            session.eval_model,
            session.compute,
            session.data,
            session.data.rows["val"],
            session.config.batch_photos,
            lambda done, total: session.beat(),
        )

    def _validated(
        self, features: NDArray[np.float32], lr: float, training_s: float
    ) -> EpochReport:
        """Return the main process's report on all processes, so that all decide alike."""
        session = self.session
        report = None
        if session.processes.is_main:
            validation, answered = self._validate(features)
            epoch = session.progress.all_epochs + 1
            append_sample(session.run.path, epoch, answers_of(session.data, *answered))
            report = self._report(validation, lr, training_s).to_json()
        return EpochReport.from_json(session.processes.from_main(report))

    def _validate(self, features: NDArray[np.float32]) -> tuple[Validation, Answers]:
        session = self.session
        return validate(
            session.eval_model, session.compute, session.data, features, session.config.loss
        )

    def _is_best(self, validation: Validation) -> bool:
        return improves(validation, self.session.config.monitor, self.session.progress.best)

    def _report(self, validation: Validation, lr: float, training_s: float) -> EpochReport:
        progress = self.session.progress
        total, *tasks = progress.means()
        if total is None:
            raise ValueError("an epoch without a photo has no losses")
        return EpochReport(
            stage=self.plan.name,
            epoch=progress.all_epochs + 1,
            epochs=self.planned,
            step=progress.all_steps,
            lr=lr,
            train=TaskLosses(total, *tasks),
            validation=validation,
            best=self._is_best(validation),
            seconds=time.monotonic() - self._started,
            photos_per_s=progress.photos / training_s,
        )

    def _save(self, report: EpochReport) -> None:
        session, progress = self.session, self.session.progress
        progress.waited = 0 if report.best else progress.waited + 1
        progress.plateau_factor, progress.plateau_waited = plateau_after(
            session.config.schedule, progress.plateau_factor, progress.plateau_waited, report.best
        )
        if report.best:
            progress.best = float(getattr(report.validation, session.config.monitor))
            session.save_best(report)
        progress.end_epoch(report.to_json())
        session.save_last(self.state)


class DescriptorRunner(StageRunner):
    """Run the epochs of a descriptor. The last one is kept.

    A choice among them by a few dozen validation photos would be one by chance.
    """

    def __init__(
        self, session: Session, plan: StagePlan, state: TrainState, lesson: DescriptorLesson
    ) -> None:
        """Prepare the epochs of `plan`."""
        super().__init__(session, plan, state, lesson.source, lesson.losses)
        self._lesson = lesson
        self.steps = DESCRIPTOR_EPOCH_STEPS
        self._taught = {label: np.zeros_like(has) for label, has in self._taught.items()}

    def _begin(self) -> None:
        session = self.session
        # BatchNorm keeps its statistics: a few dozen photos are too few for others.
        session.model.eval()
        if session.progress.step == 0:
            self._lesson.losses.renew(session.config.batch_photos, session.watch)

    def _features(self) -> NDArray[np.float32]:
        session = self.session
        return self._lesson.described(session.eval_model, lambda done, total: session.beat())

    def _validate(self, features: NDArray[np.float32]) -> tuple[Validation, Answers]:
        return self._lesson.validate(features)

    def _is_best(self, validation: Validation) -> bool:
        return True


def _line(report: EpochReport) -> str:
    validation = report.validation
    return (
        f"epoch {report.epoch}/{report.epochs} {report.stage}: loss {report.train.total:.4f}, "
        f"val loss {validation.loss:.4f}, {validation.in_words()}, "
        f"score {validation.score:.4f}{' (best)' if report.best else ''}, {report.seconds:.1f} s"
    )


def validate(
    model: BearingsModel,
    compute: Compute,
    data: TrainingData,
    features: NDArray[np.float32],
    loss: LossConfig,
) -> tuple[Validation, Answers]:
    """Validate the heads on features `(n, width)` of the validation part.

    Returns:
        The figures and the answers.
    """
    rows = data.rows["val"]
    model.eval()
    with torch.no_grad():
        outputs = model.heads(torch.from_numpy(features).to(compute.device))
        targets = data.targets(rows).to(compute.device)
        total = multi_task_loss(outputs, targets, loss, model.place_head).total
    answered = answers(outputs, data)
    return validation_of(float(total), answered, data), answered


def answers(outputs: Outputs, data: TrainingData) -> Answers:
    """The answers of the heads."""
    position, heading, region = outputs.position, outputs.heading, outputs.region_logits
    return (
        None if position is None else data.normaliser.to_metres(position.double().cpu().numpy()),
        None if heading is None else heading_from_unit(heading.double().cpu().numpy()),
        None if region is None else region.argmax(dim=1).cpu().numpy(),
    )


def improves(validation: Validation, monitor: Monitor, best: float | None) -> bool:
    """Whether the monitored figure is better than the best so far."""
    value = float(getattr(validation, monitor))
    if best is None:
        return True
    return value > best if monitor in HIGHER_IS_BETTER else value < best
