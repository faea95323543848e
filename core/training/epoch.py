"""One epoch: steps, validation, checkpoints, report."""

import math
import time
from contextlib import closing
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import RunError
from core.model.losses import Share, multi_task_loss
from core.training.batches import steps_per_epoch
from core.training.feature_cache import plain_features
from core.training.gradients import add_up_gradients, average_statistics
from core.training.optimiser import set_rates, train_mode
from core.training.report import EpochReport, StepReport, TaskLosses, Validation
from core.training.schedule import plateau_after, rate_factor
from core.training.session import Session
from core.training.stages import Lesson, Lessons, StagePlan, known_metadata, lesson_features
from core.training.state import Learner
from core.training.trackers import Tracker
from core.training.validate import improves, validate


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
        self._taught = np.asarray(np.isfinite(session.data.target).all(axis=1))
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
        """Learn from one step; returns the losses of the whole step."""
        session, config = self.session, self.session.config
        self.learner.optimiser.zero_grad(set_to_none=True)
        share = self._share(lesson)
        # The losses are told before any gradient: a process that failed in its passes says so
        # here, where the others hear it, and not amid the gradients, where they would wait.
        losses = session.processes.total(self._pass(lesson, share))
        self._check_finite(losses[0])
        add_up_gradients(session.model, session.processes)
        average_statistics(session.model, share.photos, session.processes)
        scaler = session.compute.scaler
        scaler.unscale_(self.learner.optimiser)
        if config.clip_norm is not None:
            nn.utils.clip_grad_norm_(session.model.parameters(), config.clip_norm)
        scaler.step(self.learner.optimiser)
        scaler.update()
        if session.average is not None:
            session.average.update(session.model, session.progress.all_steps)
        return losses

    def _share(self, lesson: Lesson) -> Share:
        """Which part of the step this process's photos are."""
        own, step = lesson.batch.rows, lesson.step_rows
        taught = float(self._taught[own].sum()) / max(1.0, float(self._taught[step].sum()))
        return Share(len(own) / len(step), taught)

    def _pass(self, lesson: Lesson, share: Share) -> list[float]:
        """Pass forward and back; returns this process's share of the losses."""
        session, scaler = self.session, self.session.compute.scaler
        if not len(lesson.batch.rows):
            # A scaler that never scaled anything cannot take part in the step.
            scaler.scale(torch.zeros(1, device=session.compute.device))
            return [0.0] * len(session.progress.sums)
        targets = session.data.targets(lesson.batch.rows, lesson.batch.heading_deg)
        targets = replace(targets, mix=lesson.mix).to(session.compute.device)
        region, heading = known_metadata(targets, lesson.draws, session.config.p_known)
        features = lesson_features(lesson, session.model, session.compute)
        outputs = session.model.heads(features, region, heading)
        losses = multi_task_loss(
            outputs,
            targets,
            session.config.loss,
            session.model.place_head,
            share,
            session.data.normaliser.spread,
        )
        scaler.scale(losses.total).backward()  # type: ignore[no-untyped-call]
        return losses.values()

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
