"""One epoch: steps, validation, checkpoints, report."""

import math
import time
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import RunError
from core.model.losses import Share, multi_task_loss
from core.training.batches import steps_per_epoch
from core.training.feature_cache import plain_features
from core.training.optimiser import set_rates, train_mode
from core.training.processes import peers_alive
from core.training.report import EpochReport, StepReport, TaskLosses, Validation
from core.training.schedule import plateau_after, rate_factor
from core.training.session import Session
from core.training.stages import Lesson, Lessons, StagePlan, known_metadata, lesson_features
from core.training.state import Learner
from core.training.trackers import Tracker
from core.training.validate import improves, validate


class StepLosses(nn.Module):
    """The network and its losses as one module: the whole forward pass of a step.

    DDP averages gradients over the processes. Each process's losses are therefore weighted by its
    photos times the number of processes over the step's photos, and those of positions likewise by
    the photos that teach one: the average is the gradient of the mean over the whole step, however
    unequal the parts are.
    """

    def __init__(self, session: Session) -> None:
        """Take the network, its targets and its options from `session`."""
        super().__init__()
        self.model = session.model
        self._compute, self._data, self._config = session.compute, session.data, session.config
        self._taught = np.asarray(np.isfinite(session.data.target).all(axis=1))

    def forward(self, lesson: Lesson) -> Tensor:
        """Losses `(5,)` of this process's photos: total, region, position, heading, place."""
        data, config, device = self._data, self._config, self._compute.device
        targets = data.targets(lesson.batch.rows, lesson.batch.heading_deg).to(device)
        region, heading = known_metadata(targets, lesson.draws, config.p_known)
        features = lesson_features(lesson, self.model, self._compute)
        outputs = self.model.heads(features, region, heading)
        return multi_task_loss(
            outputs, targets, config.loss, self.model.place_head, self._share(lesson)
        ).stacked()

    def _share(self, lesson: Lesson) -> Share:
        own, step = lesson.batch.rows, lesson.step_rows
        count = self._compute.processes.count
        taught = float(self._taught[own].sum()) / max(1.0, float(self._taught[step].sum()))
        return Share(count * len(own) / len(step), count * taught)


class EpochWork:
    """Runs the epochs of one stage, one after the other, from wherever the progress is."""

    def __init__(
        self, session: Session, plan: StagePlan, learner: Learner, lessons: Lessons, planned: int
    ) -> None:
        """Prepare the epochs of `plan`; `planned` epochs are meant for the whole run."""
        self.session, self.plan, self.learner, self.lessons = session, plan, learner, lessons
        self.planned = planned
        photos = len(session.data.rows["train"])
        self.steps = steps_per_epoch(photos, session.config.photos_per_step(photos))
        self._frozen_features = self._features() if plan.rates.backbone is None else None
        self._losses = session.processes.parallel(StepLosses(session))
        self._started = 0.0

    def run(self, trackers: list[Tracker]) -> EpochReport:
        """Run the epoch at work to its end: learn, validate, save, tell."""
        session = self.session
        self._started = time.monotonic() - session.progress.seconds
        lr = self._learn_all()
        learnt_s = time.monotonic() - self._started
        frozen = self._frozen_features
        features = self._features() if frozen is None else frozen
        report = self._judge(features, lr, learnt_s)
        self._save(report)
        if session.processes.is_main:
            session.run.append_event(report.to_json())
        for tracker in trackers:
            tracker.add(report)
        session.log(_line(report))
        return report

    def _learn_all(self) -> float:
        session, progress = self.session, self.session.progress
        lr = set_rates(self.learner.optimiser, self._factor())
        train_mode(session.model)
        with closing(self.lessons.of_epoch(progress.all_epochs, progress.step)) as lessons:
            for lesson in lessons:
                self._stop_if_asked()
                lr = set_rates(self.learner.optimiser, self._factor())
                self._count(self._learn(lesson), len(lesson.step_rows))
        return lr

    def _learn(self, lesson: Lesson) -> list[float]:
        """Learn from one step; return the losses of the whole step."""
        session, optimiser = self.session, self.learner.optimiser
        scaler, clip_norm = session.compute.scaler, session.config.clip_norm
        optimiser.zero_grad(set_to_none=True)
        with peers_alive():
            losses = self._losses(lesson)
            scaler.scale(losses[0]).backward()
        values = session.processes.mean(losses.detach().tolist())
        self._check_finite(values[0])
        scaler.unscale_(optimiser)
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(session.model.parameters(), clip_norm)
        scaler.step(optimiser)
        scaler.update()
        if session.average is not None:
            session.average.update(session.model, session.progress.all_steps)
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

    def _count(self, values: list[float], photos: int) -> None:
        """Add a step to the progress and tell whoever watches."""
        session, progress = self.session, self.session.progress
        epoch = progress.all_epochs + 1
        progress.sums = [a + photos * b for a, b in zip(progress.sums, values, strict=True)]
        progress.photos += photos
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
            session.save_last(self.learner)
            progress = session.progress
            raise session.interruption.error(
                f"in epoch {progress.all_epochs + 1} after step {progress.step} of {self.steps}"
            )

    def _features(self) -> NDArray[np.float32]:
        session = self.session
        # BatchNorm's statistics differ between processes on a CPU.
        session.processes.broadcast(session.judged.buffers())
        # A request to stop waits until the epoch is validated and saved.
        return plain_features(
            session.judged,
            session.compute,
            session.data,
            session.data.rows["val"],
            session.config.batch_size,
            lambda done, total: session.beat(),
        )

    def _judge(self, features: NDArray[np.float32], lr: float, learnt_s: float) -> EpochReport:
        """The main process's report, for all: whatever is decided by it is decided alike."""
        session = self.session
        told = None
        if session.processes.is_main:
            validation = validate(
                session.judged, session.compute, session.data, features, session.config.loss
            )
            told = self._report(validation, lr, learnt_s).to_json()
        return EpochReport.from_json(session.processes.from_main(told))

    def _report(self, validation: Validation, lr: float, learnt_s: float) -> EpochReport:
        progress, config = self.session.progress, self.session.config
        return EpochReport(
            stage=self.plan.name,
            epoch=progress.all_epochs + 1,
            epochs=self.planned,
            step=progress.all_steps,
            lr=lr,
            train=TaskLosses(*(total / progress.photos for total in progress.sums)),
            validation=validation,
            best=improves(validation, config.monitor, progress.best),
            seconds=time.monotonic() - self._started,
            photos_per_s=progress.photos / learnt_s,
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
        session.save_last(self.learner)


def _line(report: EpochReport) -> str:
    validation = report.validation
    return (
        f"epoch {report.epoch}/{report.epochs} {report.stage}: loss {report.train.total:.4f}, "
        f"val loss {validation.loss:.4f}, region {validation.region_accuracy:.3f}, "
        f"median {validation.median_m:.1f} m, MAAE {validation.maae_deg:.1f}°, "
        f"score {validation.score:.4f}{' (best)' if report.best else ''}, {report.seconds:.1f} s"
    )
