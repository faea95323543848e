"""A first answer without training: how the untouched backbone's features are compared best."""

from collections.abc import Iterator

from core.geo import heading_from_unit
from core.headline import PhotoErrors, raw_card_metrics
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
    """Figures of retrieved answers about the validation photos, as a card names them."""
    rows = data.rows["val"]
    errors = PhotoErrors.between(
        (data.position_m[rows], data.heading_deg[rows], data.region[rows]),
        (found.position_m, heading_from_unit(found.heading), found.probabilities.argmax(axis=1)),
    )
    return raw_card_metrics(errors.figures()) | {"val_score": errors.score(data.scale_m)}


def describe(gallery: Gallery) -> str:
    """The space that was chosen, in words."""
    if gallery.projection is None:
        return "features as the backbone gives them"
    return f"features in {gallery.features.shape[1]} principal directions"
