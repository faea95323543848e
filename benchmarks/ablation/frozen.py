"""Baseline that trains no network: linear models on features of the frozen backbone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.baseline_report import BaselineOutput, write_report
from core.dataset.augment import resize_photo
from core.evaluation.report import Report
from core.geo import Floats, distance_m, heading_error_deg, heading_from_unit, heading_unit
from core.model.backbone import normalise, preprocess_of
from core.model.network import build_model
from core.model.schema import ModelConfig
from core.training.data import read_training_data
from core.training.schema import TrainConfig

Indices = npt.NDArray[np.int64]
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
PENALTIES = (10.0, 100.0, 1e3, 1e4, 1e5)


@dataclass(frozen=True)
class Photos:
    """Input of the baselines for n photos: features `(n, d)`, regions, metres and headings."""

    features: npt.NDArray[np.float32]
    region: Indices
    position_m: Floats
    heading_deg: Floats


@dataclass(frozen=True)
class LinearEstimate:
    """Predictions of one linear model; None for those that it does not make."""

    region: Indices | None
    position_m: Floats | None
    heading_deg: Floats | None


def frozen_features(
    config: ModelConfig, regions: tuple[str, ...], photos: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Pooled features `(n, d)` of the frozen backbone, photos resized as in evaluation."""
    model = build_model(config, regions).eval()
    model.to(memory_format=torch.channels_last)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(photos), 32):
            seen = [resize_photo(photo, model.input_size) for photo in photos[start : start + 32]]
            images = normalise(np.stack(seen), model.mean, model.std)
            images = images.contiguous(memory_format=torch.channels_last)
            parts.append(model.features(images).float().numpy())
    return np.concatenate(parts)


def logistic_regression(
    photos: Photos, train: Indices, val: Indices, test: Indices
) -> LinearEstimate:
    """Regions by logistic regression, positions by probability-weighted region centres.

    Its strength is chosen on `val`; then it is fitted again on both, as it needs no photos to
    select an epoch with. Centres are medians, which labels mistyped by kilometres do not move.
    """

    def fitted(rows: Indices, strength: float) -> LogisticRegression:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        return model.fit(photos.features[rows], photos.region[rows])

    def correct(strength: float) -> float:
        return float(fitted(train, strength).score(photos.features[val], photos.region[val]))

    both = np.concatenate([train, val])
    model = fitted(both, max(STRENGTHS, key=correct))
    share = model.predict_proba(photos.features[test])
    known = model.classes_
    centres = [np.median(photos.position_m[both][photos.region[both] == r], 0) for r in known]
    return LinearEstimate(known[share.argmax(axis=1)], share @ np.array(centres), None)


def ridge(photos: Photos, train: Indices, val: Indices, test: Indices) -> LinearEstimate:
    """Positions and heading unit vectors by ridge regression, each penalty chosen on `val`."""
    position = _ridge(photos, train, val, test, believable(photos, train), "position")
    heading = _ridge(photos, train, val, test, believable(photos, train), "heading")
    return LinearEstimate(None, position, heading_from_unit(heading))


def believable(photos: Photos, train: Indices) -> npt.NDArray[np.bool_]:
    """`(n,)` positions within 10 usual distances of the training part's median."""
    middle = np.median(photos.position_m[train], axis=0)
    distance = distance_m(photos.position_m, middle)
    return np.asarray(distance < 10.0 * np.median(distance[train]))


def _ridge(
    photos: Photos,
    train: Indices,
    val: Indices,
    test: Indices,
    believed: npt.NDArray[np.bool_],
    what: str,
) -> Floats:
    target = photos.position_m if what == "position" else heading_unit(photos.heading_deg)
    error: Callable[[Floats, Indices], float] = {
        "position": lambda guess, rows: float(
            np.median(distance_m(guess, photos.position_m[rows]))
        ),
        "heading": lambda guess, rows: float(
            heading_error_deg(heading_from_unit(guess), photos.heading_deg[rows]).mean()
        ),
    }[what]

    def predict(rows: Indices, penalty: float, queries: Indices) -> Floats:
        rows = rows[believed[rows]]
        model = make_pipeline(StandardScaler(), Ridge(alpha=penalty))
        found = model.fit(photos.features[rows], target[rows]).predict(photos.features[queries])
        return np.asarray(found, np.float64)

    best = min(PENALTIES, key=lambda penalty: error(predict(train, penalty, val), val))
    return predict(np.concatenate([train, val]), best, test)


def run_frozen(config: TrainConfig, kind: str) -> Report:
    """Fit and evaluate the baseline; `config.run` gets the report.

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
        raise ValueError("the baselines predict regions, positions and headings")
    share = np.eye(len(data.dataset.regions))[named.region]
    baseline = BaselineOutput(share, position, position, heading_unit(placed.heading_deg))
    recipe = {"kind": kind, "options": config.model_dump(mode="json")}
    return write_report(data, baseline, config.run, recipe=recipe)
