"""The rival that trains no network: linear models on features of the untouched backbone."""

import numpy as np
import torch

from benchmarks.frozen_features import Photos, frozen_features, logistic_regression, ridge
from benchmarks.rival_report import Rival, write_report
from core.evaluation.report import Report
from core.geo import heading_unit
from core.model.backbone import preprocess_of
from core.training.data import read_training_data
from core.training.schema import TrainConfig


def run_frozen(config: TrainConfig, kind: str) -> Report:
    """Fit and judge the rival; `config.run` gets the report.

    Regions are logistic regression's and headings ridge's. The position is ridge's too, or
    (`frozen-logistic`) the mean of the regions' centres by the probabilities of logistic
    regression.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    data = read_training_data(config, preprocess_of(config.model).input_size)
    photos = Photos(
        frozen_features(config.model, data.dataset.regions, data.store.photos),
        data.region,
        data.position_m,
        data.heading_deg,
    )
    parts = (data.rows["train"], data.rows["val"], data.rows["test"])
    named, placed = logistic_regression(photos, *parts), ridge(photos, *parts)
    position = (named if kind == "frozen-logistic" else placed).position_m
    if named.region is None or position is None or placed.heading_deg is None:
        raise ValueError("the rivals answer regions, positions and headings")
    share = np.eye(len(data.dataset.regions))[named.region]
    rival = Rival(share, position, position, heading_unit(placed.heading_deg))
    recipe = {"kind": kind, "options": config.model_dump(mode="json")}
    return write_report(data, rival, config.run, recipe=recipe)
