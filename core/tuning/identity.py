"""What makes the trials of a study comparable: one split, and the same labels on both its sides."""

import hashlib
from collections.abc import Callable

import numpy as np

from core.dataset.splits import Part
from core.model.backbone import preprocess_of
from core.training.data import TrainingData, read_training_data
from core.tuning.folder import Identity, StudyFolder
from core.tuning.schema import TuneConfig

BACKBONE = "model.backbone"


def check_data(
    folder: StudyFolder, config: TuneConfig, progress: Callable[[int, int], None]
) -> None:
    """Read the data as a trial does, and refuse what is not the study's.

    Raises:
        RunError: Split or labels have changed since the study began.
        BearingsError: The data cannot be read, or a backbone cannot be made.
    """
    check_backbones(config)
    size = preprocess_of(config.train.model).input_size
    folder.settle(identity_of(read_training_data(config.train, size, progress)))


def check_backbones(config: TuneConfig) -> None:
    """Refuse a backbone that does not exist before any trial is spent on it."""
    searched = config.space.get(BACKBONE)
    for name in searched.choices if searched else ():
        preprocess_of(config.train.model.model_copy(update={"backbone": name}))


def identity_of(data: TrainingData) -> Identity:
    """Hash the split, and the labels of its training and validation photos.

    The labels of test photos are left out: no search may depend on them, nor even on their change.
    """
    table = data.dataset.table
    positions, headings = data.dataset.positions, data.dataset.headings_deg
    digest = hashlib.sha256()
    parts: tuple[Part, Part] = ("train", "val")
    for part in parts:
        rows = data.rows[part]
        named = table.iloc[rows]
        digest.update("\n".join([part, *named["photo_id"], *named["region"]]).encode())
        digest.update(np.ascontiguousarray(positions[rows], np.float64).tobytes())
        digest.update(np.ascontiguousarray(headings[rows], np.float64).tobytes())
    return Identity(split_hash=data.split.hash, labels_hash=digest.hexdigest())
