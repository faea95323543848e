"""A first answer without training: how the untouched backbone's features are compared best."""

from collections.abc import Iterator

import numpy as np

from core.geo import distance_m, heading_error_deg, heading_from_unit
from core.retrieval.gallery import Gallery
from core.retrieval.refine import Retrieved
from core.training.data import TrainingData
from core.training.schema import TrainConfig

NOTE = (
    "Not trained: the training photos that look most alike to the untouched backbone answer for "
    "region, position and heading."
)

Space = tuple[int | None, float]
SPACES: tuple[Space, ...] = ((None, 0.0), (128, 0.5), (256, 0.5), (512, 0.5), (128, 1.0))
"""Dimensions and whitening of features that are tried without training, the plainest first.

A backbone made for another task has a few directions that vary most and say least; dividing by
(a root of) the spread lets the others speak (Jégou & Chum 2012).
"""
TRAINED_SPACE: Space = (256, 0.5)
"""What is taken where a network was trained for the place: half-whitened, as the ablation supports;
features of no more than so many dimensions stay as they are."""


def spaces(config: TrainConfig) -> Iterator[Space]:
    """The spaces to choose from: all of them, or the one that the options name."""
    dimensions, whiten = config.gallery_dimensions, config.gallery_whiten
    if dimensions is not None or whiten is not None:
        yield dimensions, whiten or 0.0
    elif config.zero_training:
        yield from SPACES
    else:
        yield TRAINED_SPACE


def untrained_figures(found: Retrieved, data: TrainingData) -> dict[str, float]:
    """Figures of retrieved answers about the validation photos; `score` as in `validate`."""
    rows = data.rows["val"]
    error_m = distance_m(found.position_m, data.position_m[rows])
    error_deg = heading_error_deg(heading_from_unit(found.heading), data.heading_deg[rows])
    accuracy = float((found.probabilities.argmax(axis=1) == data.region[rows]).mean())
    median_m, maae_deg = float(np.median(error_m)), float(error_deg.mean())
    return {
        "region_accuracy": accuracy,
        "median_m": median_m,
        "mean_m": float(error_m.mean()),
        "maae_deg": maae_deg,
        "score": (median_m / data.scale_m + maae_deg / 90.0 + 1.0 - accuracy) / 3.0,
    }


def describe(gallery: Gallery) -> str:
    """The space that was chosen, in words."""
    if gallery.projection is None:
        return "features as the backbone gives them"
    return f"features in {gallery.features.shape[1]} principal directions"
