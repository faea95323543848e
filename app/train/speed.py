"""How long a new run will take, from what earlier runs on this machine took.

Only runs with the same network, input size and device are compared; their times are scaled by the
number of photos. What no run measured is unknown, not guessed.
"""

import statistics
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from app import cache
from app.train.eta import pace
from core.errors import RunError
from core.files import read_object
from core.jobs.job import LOCAL
from core.jobs.state import read_events
from core.runs import SPLIT
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

Kind = tuple[object, ...]


@dataclass
class Measured:
    """Seconds for each photo of the data set, of the runs of one kind.

    Attributes:
        heads: An epoch of stage 1, one figure a run.
        tuning: An epoch of stage 2, one figure a run.
        rest: Everything else: loading, gallery, keypoints, calibration; of finished runs.
    """

    heads: list[float] = field(default_factory=list)
    tuning: list[float] = field(default_factory=list)
    rest: list[float] = field(default_factory=list)


def kind_of(config: TrainConfig) -> Kind:
    """The options that decide how long a photo takes."""
    model, frozen = config.model, config.retrieval
    network = (model.backbone, model.input_size, config.stage1.views, config.stage2.unfreeze)
    machine = (config.device, config.precision, config.threads, config.workers)
    described = (frozen.backbone, frozen.input_size, config.gallery_points, config.local_features)
    return (*network, *machine, *described, config.zero_training)


def expected_s(config: TrainConfig, photos: int, runs: Path) -> float | None:
    """Seconds that a run will take; None if no finished run measured its kind here.

    Args:
        config: Its options.
        photos: Photos of its data set.
        runs: The folder of runs on this machine.
    """
    measured = _measured(runs).get(kind_of(config))
    if measured is None or not measured.rest:
        return None
    a_photo = statistics.median(measured.rest)
    stages = ((config.stage1_epochs, measured.heads), (config.stage2_epochs, measured.tuning))
    for epochs, seconds in stages:
        if epochs and not seconds:
            return None
        a_photo += epochs * statistics.median(seconds) if epochs else 0.0
    return photos * a_photo


@st.cache_data(show_spinner=False, ttl=60.0, max_entries=4)
def _measured(runs: Path) -> dict[Kind, Measured]:
    """What the finished runs of a folder measured, by kind; read again after a minute."""
    kinds: dict[Kind, Measured] = {}
    for run in cache.runs(runs):
        if run.state != "finished" or run.config is None or run.on != LOCAL:
            continue
        try:
            _add(run.path, kinds.setdefault(kind_of(run.config), Measured()))
        except RunError:
            # The list of runs names the damage.
            continue
    return kinds


def _add(path: Path, measured: Measured) -> None:
    split = read_object(path / SPLIT) or {}
    photos = sum(len(names) for names in split.get("parts", {}).values())
    status = RunFolder(path=path).status()
    if not photos or status is None:
        return
    events = read_events(path)
    epochs = pace(events)
    if epochs.heads_s is not None:
        measured.heads.append(epochs.heads_s / photos)
    if epochs.tuning_s is not None:
        measured.tuning.append(epochs.tuning_s / photos)
    # Less than nothing: the run was resumed, and its last process trained only some epochs.
    rest = status.heartbeat - status.process_start - sum(float(e["seconds"]) for e in events)
    if rest > 0:
        measured.rest.append(rest / photos)
