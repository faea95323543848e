"""A run in memory: data, network and progress, and how they are saved into the run folder."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from core.dataset.labels import labels_hash
from core.dataset.tags import TAGS_FILE
from core.errors import ConfigError, RunError, SplitError
from core.geo import Floats
from core.model.backbone import preprocess_of
from core.model.card import Card, PreprocessCard, SplitCard, TtaCard
from core.model.checkpoint import save_checkpoint
from core.model.losses import PLACE_SIGMA_M
from core.model.network import BearingsModel, build_model
from core.model.places import PlaceHead, find_anchors
from core.retrieval.local_features import chosen_kind
from core.runs import CONFIG, SPLIT
from core.splits.split import Split
from core.training.batch_size import with_batch_size
from core.training.data import TrainingData, read_training_data, steps_per_epoch
from core.training.device import Compute, choose_compute, choose_workers
from core.training.environment import command_line, environment, versions
from core.training.finish import check_refinement, untrained_note
from core.training.interrupt import Interruption, attended
from core.training.optimiser import WeightAverage
from core.training.processes import ALONE, Processes
from core.training.run_folder import (
    HEARTBEAT_S,
    LEFT_OUT,
    EpochReport,
    RunFolder,
    RunStatus,
    StepReport,
    own_status,
)
from core.training.schema import MONITORED, TrainConfig
from core.training.stages import PhotoSteps, Watch
from core.training.state import Progress, TrainState, random_state, save_state

OnStep = Callable[[StepReport], None]
# Keeps this stream of random numbers apart from those of `data` and `stages`.
_DROPOUT = 5
# Smoothing: a region that no training photo near an anchor has is unlikely, not impossible.
_UNSEEN = 0.01


@dataclass
class Session:
    """All parts of a run that is being trained.

    Attributes:
        run: The folder that everything is written to.
        config: Every option.
        interruption: Notices stop requests.
        on_step: Called after every step.
        compute: Device, precision and processes.
        data: Photos, targets and parts.
        model: The network that is trained.
        average: The moving average of its weights, or None.
        progress: Epochs and steps that are done.
        restore_due: Whether the saved state of a resumed run is still to be loaded.
        status: Content of `status.json`.
    """

    run: RunFolder
    config: TrainConfig
    interruption: Interruption
    on_step: OnStep | None
    compute: Compute
    data: TrainingData
    model: BearingsModel
    average: WeightAverage | None
    progress: Progress
    restore_due: bool
    status: RunStatus = field(default_factory=own_status)

    @property
    def eval_model(self) -> BearingsModel:
        """The network that is validated and saved: the moving average, if there is one."""
        return self.model if self.average is None else self.average.model

    @property
    def processes(self) -> Processes:
        """The processes that share this run; only the main one writes."""
        return self.compute.processes

    @cached_property
    def photos(self) -> PhotoSteps:
        """Steps on augmented photos, of both stages: worker processes start once."""
        config, compute, count = self.config, self.compute, self.processes.count
        return PhotoSteps(
            self.data,
            self.model.input_size,
            config,
            self.processes,
            choose_workers(config, compute.device.type, config.loader, count),
            compute.pins,
        )

    def log(self, text: str) -> None:
        """Write a line into the run's log, on the main process only."""
        if self.processes.is_main:
            self.run.log(text)

    def stop_wanted(self) -> bool:
        """Return whether any process has a stop request; all of them call this at the same step."""
        self.interruption.wanted()
        reasons = self.processes.exchange(self.interruption.reason)
        self.interruption.reason = next((reason for reason in reasons if reason), None)
        return self.interruption.reason is not None

    def watch(self, done: int, total: int) -> None:
        """Keep the heartbeat during work between steps, and raise on a stop request."""
        self.beat(step=done, steps=total)
        if self.stop_wanted():
            raise self.interruption.error(f"during {self.status.stage}")

    def watch_alone(self, done: int, total: int) -> None:
        """As `watch`, in work that the main process does while the others wait for it.

        They cannot agree on a stop meanwhile, so that only a single process notices one.
        """
        self.beat(step=done, steps=total)
        if self.processes.count == 1 and self.stop_wanted():
            raise self.interruption.error(f"during {self.status.stage}")

    def beat(self, *, now: bool = False, **changes: object) -> None:
        """Update the status, and write its file if the last heartbeat is old or `now` is set."""
        clock = time.time()
        due = now or clock - self.status.heartbeat >= HEARTBEAT_S
        heartbeat = {"heartbeat": clock} if due else {}
        self.status = self.status.model_copy(update=changes | heartbeat)
        if due and self.processes.is_main:
            self.run.write_status(self.status)

    def save_best(self, report: EpochReport) -> None:
        """Save the evaluated network as the best checkpoint."""
        if not self.processes.is_main:
            return
        validation = vars(report.validation)
        figures = {f"val_{name}": value for name, value in validation.items() if value is not None}
        card = make_card(self.config, self.data, self.model)
        card = card.model_copy(update={"metrics": figures | {"epoch": float(report.epoch)}})
        # The gallery of an earlier best epoch would not belong to these weights.
        for stale in ("gallery.json", "gallery.safetensors"):
            (self.run.best / stale).unlink(missing_ok=True)
        state = self.eval_model.state_dict()
        save_checkpoint(self.run.best, state, card, dtype=self.config.checkpoint_dtype)

    def save_last(self, state: TrainState) -> None:
        """Save what a resume needs, and the evaluated network as the last checkpoint."""
        random = random_state(self.processes)
        if not self.processes.is_main:
            return
        card = make_card(self.config, self.data, self.model)
        save_checkpoint(self.run.last, self.eval_model.state_dict(), card)
        save_state(self.run.last, state, self.progress, random)


def open_session(
    run: RunFolder,
    config: TrainConfig,
    interruption: Interruption,
    on_step: OnStep | None,
    saved: Progress | None,
    processes: Processes = ALONE,
) -> Session:
    """Make the network, read the data, and check that everything fits before the first step."""
    compute = choose_compute(config, processes)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    watch = watch_preparation(run, interruption, processes)
    data, model = processes.in_turn(lambda: _prepare(run, config, watch))
    _check_same_data(run, data, processes)
    model = compute.to_device(model)
    attended(lambda: check_refinement(config, data), watch)
    check_monitor(config, data)
    if config.batch_size is None:
        config = with_batch_size(run, config, compute, data, model, watch)
    if processes.is_main:
        _write_start(run, config, compute, data, saved)
    progress = saved or Progress()
    _join_processes(run, config, compute, data, model, progress)
    average = WeightAverage(model, config.ema_decay) if config.ema_decay else None
    return Session(
        run=run,
        config=config,
        interruption=interruption,
        on_step=on_step,
        compute=compute,
        data=data,
        model=model,
        average=average,
        progress=progress,
        restore_due=saved is not None,
    )


def _prepare(
    run: RunFolder, config: TrainConfig, watch: Watch
) -> tuple[TrainingData, BearingsModel]:
    torch.manual_seed(config.seed)
    stored = _stored_split(run)
    recorded = run.left_out() if stored is not None else None
    size = preprocess_of(config.model).input_size
    data = read_training_data(config, size, watch, stored, recorded)
    # Weights may be downloaded.
    model = attended(lambda: build_model(config.model, data.regions, data.labels), watch)
    set_anchors(model, data, config)
    return data, model


def _check_same_data(run: RunFolder, data: TrainingData, processes: Processes) -> None:
    """Refuse processes on machines that see another dataset, or not the run folder."""
    seen = [data.split.hash, len(data.dataset), (run.path / CONFIG).exists(), data.left_out]
    for rank, other in enumerate(processes.exchange(seen)):
        if other[:2] != seen[:2]:
            raise SplitError(
                f"process {rank} reads another dataset ({other[1]:,} photos, split "
                f"{other[0][:12]}) than process {processes.rank} ({seen[1]:,} photos, split "
                f"{data.split.hash[:12]}): give all machines the same one"
            )
        if other[3] != seen[3]:
            raise SplitError(
                f"process {rank} leaves other photos out of training than process "
                f"{processes.rank}: give all machines the same {TAGS_FILE}"
            )
        if processes.count > 1 and not other[2]:
            raise RunError(
                f"process {rank} does not see the run folder {run.path}: put it on a disk that all "
                "machines share"
            )


def _join_processes(
    run: RunFolder,
    config: TrainConfig,
    compute: Compute,
    data: TrainingData,
    model: BearingsModel,
    progress: Progress,
) -> None:
    """Give all processes the same weights, and each its own dropout stream."""
    processes, photos = compute.processes, len(data.rows["train"])
    processes.broadcast(model.state_dict().values())
    smallest = photos // steps_per_epoch(photos, config.photos_per_step(photos))
    if smallest < processes.count:
        raise ConfigError(
            f"a step of {smallest:,} photos leaves some of {processes.count} processes none: raise "
            "batch_size, lower least_steps or start fewer processes"
        )
    note = processes.synchronise_batchnorm(model, compute.device)
    if note is not None and processes.is_main:
        run.log(note)
    if not processes.is_main:
        stream = [config.seed, _DROPOUT, processes.rank, progress.all_steps]
        torch.manual_seed(int(np.random.default_rng(stream).integers(2**62)))


def make_card(config: TrainConfig, data: TrainingData, model: BearingsModel) -> Card:
    """The card of this run's checkpoints, without metrics and refinement."""
    campus, split, preprocess = data.dataset.campus, data.split, model.preprocess
    notes = untrained_note(data.labels, config.descriptor_steps) if config.zero_training else None
    return Card(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        campus=campus.name,
        demo_seed=campus.demo_seed,
        demo_photos=campus.demo_photos,
        frame=campus.frame,
        origin=data.frame.origin,
        regions=data.regions,
        region_names=campus.region_names,
        areas=data.dataset.areas,
        model=model.config,
        preprocess=PreprocessCard(
            store_size=data.store.size,
            input_size=preprocess.input_size,
            mean=preprocess.mean,
            std=preprocess.std,
            interpolation=preprocess.interpolation,
        ),
        normaliser=data.normaliser,
        split=SplitCard(
            protocol=split.protocol,
            seed=split.seed,
            fold=split.fold,
            folds=split.folds,
            hash=split.hash,
        ),
        tta=_tta(config, data),
        command=config.command or command_line(),
        versions=versions(),
        notes=() if notes is None else (notes,),
        trained=not config.zero_training,
        labels=data.labels,
        region_centres=data.dataset.region_centres if data.regions else None,
        left_out=data.left_out,
    )


def check_monitor(config: TrainConfig, data: TrainingData) -> None:
    """Refuse, before training, to choose the best epoch by what no validation photo has."""
    val = data.rows["val"]
    known = [label for label in data.labels if data.dataset.labelled(label)[val].any()]
    needed = MONITORED.get(config.monitor)
    if needed is None and known:
        return
    if needed in known:
        return
    what = f"a {needed}" if needed else " or ".join(f"a {label}" for label in data.labels)
    raise ConfigError(
        f"monitor {config.monitor} cannot choose the best epoch, because no validation photo has "
        f"{what}: {'take monitor score, or ' if needed else ''}label some of them"
    )


def _stored_split(run: RunFolder) -> Split | None:
    if not (run.path / SPLIT).exists():
        return None
    return Split.from_json(run.read_json(SPLIT))


def _tta(config: TrainConfig, data: TrainingData) -> TtaCard | None:
    if config.tta.views == 1:
        return None
    hfov_deg = float(np.median(data.store.hfov_deg[data.rows["train"]]))
    return TtaCard(**config.tta.model_dump(), hfov_deg=hfov_deg)


def _write_start(
    run: RunFolder,
    config: TrainConfig,
    compute: Compute,
    data: TrainingData,
    saved: Progress | None,
) -> None:
    """Write the split and environment of a run; refuse a resumed one whose split changed."""
    stored = _stored_split(run)
    if stored is not None and stored.hash != data.split.hash:
        raise SplitError(
            f"{config.dataset} is no longer the dataset that {run.path} was started with (split "
            f"{data.split.hash[:12]} instead of {stored.hash[:12]}): start a new run"
        )
    if data.left_out is not None:
        run.write_json(LEFT_OUT, data.left_out.model_dump(mode="json"))
    run.write_json(SPLIT, data.split.to_json())
    device = str(compute.device)
    kind = chosen_kind(config.local_features) if config.gallery_points else None
    made_with = environment(
        device,
        compute.precision,
        torch.get_num_threads(),
        processes=compute.processes.count,
        local_features=kind,
    )
    learnt_from = {
        "labels_hash": labels_hash(data.dataset),
        "photos": len(data.dataset),
        "repairs": len(data.dataset.repairs),
    }
    run.write_json("environment.json", made_with | {"data": learnt_from})
    doing = "begins" if saved is None else f"goes on after epoch {saved.all_epochs}"
    count = compute.processes.count
    many = f"{count} processes, the main one " if count > 1 else ""
    run.log(f"training {doing} {many}on {device} in {compute.precision}: {config.model.backbone}")
    for note in data.notes(config.farthest_spreads):
        run.log(note)
    photos = len(data.rows["train"])
    if (step := config.photos_per_step(photos)) < config.batch_photos:
        run.log(
            f"{photos:,} training photos: {step:,} photos a step instead of {config.batch_photos}, "
            "so that an epoch has more steps (least_steps)"
        )


def set_anchors(model: BearingsModel, data: TrainingData, config: TrainConfig) -> None:
    """Set the place head's anchors, if there is one, to k-means centres of training positions."""
    head = model.place_head
    if head is None:
        return
    position_m = data.position_m[data.positioned_rows("train")]
    anchors_m = find_anchors(position_m, head.shape[0], config.seed)
    head.set_anchors(data.normaliser.normalise(anchors_m), data.normaliser.spread)
    if model.place_answers is not None:
        shares = region_shares(head, data, PLACE_SIGMA_M)
        model.place_answers.set_regions(torch.from_numpy(shares.astype(np.float32)))


def region_shares(head: PlaceHead, data: TrainingData, sigma_m: float) -> Floats:
    """Shares `(anchors, regions)` of the regions of the training photos around each anchor.

    A photo counts at an anchor by its share of the photo's place target; rows add up to 1.
    """
    rows = data.positioned_rows("train")
    rows = rows[data.region[rows] >= 0]
    at = head.shares(torch.from_numpy(data.target[rows]), sigma_m).double().numpy()
    region = np.eye(len(data.regions))[data.region[rows]]  # (n, regions)
    counted = at.T @ region + _UNSEEN
    return np.asarray(counted / counted.sum(axis=1, keepdims=True))


def watch_preparation(run: RunFolder, interruption: Interruption, processes: Processes) -> Watch:
    """Return what keeps the heartbeat while photos are decoded and raises on a stop request.

    Several processes decode in turn. They notice a stop request at the first step, where all of
    them agree on it.

    Raises:
        TrainingInterrupted: There was a stop request before this.
    """
    status = own_status()

    def watch(done: int, total: int) -> None:
        nonlocal status
        if processes.count == 1 and interruption.wanted():
            raise interruption.error("while the photos were prepared")
        clock = time.time()
        if processes.is_main and clock - status.heartbeat >= HEARTBEAT_S:
            status = status.model_copy(update={"heartbeat": clock, "step": done, "steps": total})
            run.write_status(status)

    watch(0, 0)
    return watch


class Tracker(Protocol):
    """Something that takes the figures of every epoch."""

    def add(self, report: EpochReport) -> None:
        """Take one epoch."""

    def close(self) -> None:
        """Write out what is left."""


class TensorBoard:
    """Scalars in the run folder's `tensorboard/`."""

    def __init__(self, run: RunFolder, epochs_done: int) -> None:
        """Open a new event file; epochs that a resume repeats replace those of the old file."""
        self._writer: Any = SummaryWriter(str(run.tensorboard), purge_step=epochs_done + 1)

    def add(self, report: EpochReport) -> None:
        """Write the figures of one epoch."""
        for name, value in _scalars(report).items():
            self._writer.add_scalar(name, value, report.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class WeightsAndBiases:
    """A run at Weights & Biases."""

    def __init__(self, run: RunFolder, config: TrainConfig) -> None:
        """Begin the run there; ConfigError where the package is not installed."""
        try:
            wandb = import_module("wandb")
        except ImportError as error:
            raise ConfigError("--wandb needs its package: pip install wandb") from error
        self._run: Any = wandb.init(
            project="bearings", name=run.path.name, config=config.model_dump(mode="json")
        )

    def add(self, report: EpochReport) -> None:
        """Send the figures of one epoch."""
        self._run.log(_scalars(report), step=report.epoch)

    def close(self) -> None:
        """End the run there."""
        self._run.finish()


@contextmanager
def open_trackers(run: RunFolder, config: TrainConfig, epochs_done: int) -> Iterator[list[Tracker]]:
    """Open all trackers of a run and close them afterwards."""
    trackers: list[Tracker] = [TensorBoard(run, epochs_done)]
    if config.wandb:
        trackers.append(WeightsAndBiases(run, config))
    try:
        yield trackers
    finally:
        for tracker in trackers:
            tracker.close()


def _scalars(report: EpochReport) -> dict[str, float]:
    figures = {f"train/{name}": value for name, value in asdict(report.train).items()}
    figures |= {f"val/{name}": value for name, value in asdict(report.validation).items()}
    known = {name: value for name, value in figures.items() if value is not None}
    return known | {"lr": report.lr, "photos_per_s": report.photos_per_s}
