"""Giving a checkpoint's gallery its points, where it was made without, from the training photos."""

from dataclasses import replace

import numpy as np

from core.dataset.labels import Dataset
from core.dataset.store import PhotoStore
from core.errors import ConfigError, SplitError
from core.evaluation.evaluate import predict_selection
from core.evaluation.selection import select
from core.inference.predictor import Predictor
from core.model.card import write_card
from core.refine.alike import verify_alike
from core.refine.gallery import Gallery
from core.refine.local_features import (
    ASKED_POINTS,
    LocalFeatures,
    Progress,
    describe_gallery,
    describe_photos,
)
from core.refine.on_validation import Raw, Truth, choose, refined_figures

_BATCH = 64


def describe_anew(
    predictor: Predictor,
    dataset: Dataset,
    store: PhotoStore,
    most: int,
    progress: Progress | None = None,
) -> Predictor:
    """Describe points of the gallery's photos, and choose by validation photos how they refine.

    Gallery and card are saved. The network stays as it is.

    Args:
        predictor: Of one checkpoint.
        dataset: Holds the gallery's photos and the validation photos.
        store: Its decoded photos.
        most: Points of each photo at most; 0 drops those that the gallery has.
        progress: Called with `(photos done, photos in all)`.

    Raises:
        ConfigError: An ensemble, or a checkpoint without gallery.
        SplitError: Photos of the gallery, or all validation photos, are not in the dataset.
    """
    gallery = predictor.gallery
    if predictor.members:
        raise ConfigError(
            f"{predictor.folder} is an ensemble, whose members have the galleries: calibrate each "
            "of its members/NAME with --gallery-points, then the ensemble without"
        )
    if gallery is None:
        raise ConfigError(f"{predictor.folder} has no gallery whose photos could be described")
    rows = _rows(gallery, dataset)
    local = describe_gallery(store.photos, rows, most, progress) if most else None
    described = replace(gallery, local=local)
    raw, truth = _on_validation(predictor, dataset, store)
    if local is not None:
        hfov_deg = float(np.median(store.hfov_deg[rows]))
        asked = _asked(predictor, dataset, store, local)
        nobody = np.full(len(asked), -1)
        verified = verify_alike(raw.features, asked, described, nobody, hfov_deg)
        raw = replace(raw, verified=verified)
    chosen = choose(raw, truth, described)
    figures = refined_figures(raw, truth, described, chosen)
    card = predictor.card.model_copy(
        update={
            "refine": chosen.model_dump(mode="json"),
            "metrics": predictor.card.metrics | figures,
        }
    )
    described.save(predictor.folder)
    write_card(predictor.folder, card)
    return replace(predictor, loaded=replace(predictor.loaded, gallery=described, card=card))


def _rows(gallery: Gallery, dataset: Dataset) -> np.ndarray:
    """Rows of the gallery's photos in the dataset."""
    row_of = {name: row for row, name in enumerate(dataset.table["photo_id"])}
    absent = [name for name in gallery.photo_ids if name not in row_of]
    if absent:
        raise SplitError(
            f"{len(absent)} of the {len(gallery)} training photos are not in {dataset.root} "
            f"(first: {absent[:3]}): give the dataset that the checkpoint was trained on"
        )
    return np.array([row_of[name] for name in gallery.photo_ids], np.int64)


def _on_validation(predictor: Predictor, dataset: Dataset, store: PhotoStore) -> tuple[Raw, Truth]:
    """What the network says of the validation photos, before refinement, and the truth."""
    selection = select(dataset, predictor, "val")
    found, truth = predict_selection(predictor, store, selection, _BATCH), selection.truth
    raw = Raw(found.position_m, found.heading_deg, found.region_head, found.features)
    return raw, Truth(truth.position_m, truth.heading_deg, truth.region)


def _asked(
    predictor: Predictor, dataset: Dataset, store: PhotoStore, local: LocalFeatures
) -> LocalFeatures:
    rows = select(dataset, predictor, "val").rows
    return describe_photos((store.photos[row] for row in rows), ASKED_POINTS, local.projection)
