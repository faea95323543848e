"""Giving a checkpoint's gallery its points, where it was made without, from the training photos."""

from dataclasses import replace

import numpy as np

from core.dataset.labels import Dataset
from core.dataset.store import PhotoStore
from core.errors import ConfigError, SplitError
from core.evaluation.evaluate import predict_selection
from core.evaluation.selection import Selection, select
from core.inference.predictor import Predictor
from core.model.card import write_card
from core.refine.gallery import Gallery
from core.refine.local_features import Progress, describe_gallery
from core.refine.select import Raw, Truth, choose, refined_figures, verified_raw
from core.trust.files import FILE


def describe_anew(
    predictor: Predictor,
    dataset: Dataset,
    store: PhotoStore,
    most: int,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Predictor:
    """Describe points of the gallery's photos, and choose by validation photos how they refine.

    Gallery and card are saved. The network stays as it is.

    Args:
        predictor: Of one checkpoint.
        dataset: Holds the gallery's photos and the validation photos.
        store: Its decoded photos; their side becomes that of every photo the checkpoint decodes.
        most: Points of each photo at most; 0 drops those that the gallery has.
        batch_size: Photos that the network sees at once.
        progress: Called with `(photos done, photos in all)`.

    Raises:
        ConfigError: An ensemble, or a checkpoint without gallery.
        SplitError: Photos of the gallery, or all validation photos, are not in the dataset.
    """
    gallery = _own_gallery(predictor)
    predictor = _decoding_to(predictor, store.size)
    rows = _rows(gallery, dataset)
    local = describe_gallery(store.photos, rows, most, progress) if most else None
    described = replace(gallery, local=local)
    selection = select(dataset, predictor, "val")
    raw = _raw(predictor, store, selection, batch_size)
    if local is not None:
        hfov_deg = float(np.median(store.hfov_deg[rows]))
        val = (store.photos[row] for row in selection.rows)
        raw = verified_raw(raw, val, described, hfov_deg)
    known = selection.truth
    truth = Truth(known.position_m, known.heading_deg, known.region)
    chosen = choose(raw, truth, described)
    figures = refined_figures(raw, truth, described, chosen)
    card = predictor.card.model_copy(
        update={
            "refine": chosen.model_dump(mode="json"),
            "metrics": predictor.card.metrics | figures,
        }
    )
    # A calibration of the first version would still be read, though it is of the old points.
    (predictor.folder / FILE).unlink(missing_ok=True)
    described.save(predictor.folder)
    write_card(predictor.folder, card)
    return replace(predictor, loaded=replace(predictor.loaded, gallery=described, card=card))


def _decoding_to(predictor: Predictor, side: int) -> Predictor:
    card = predictor.card
    if side < card.preprocess.input_size:
        raise ConfigError(
            f"photos decoded to {side} pixels are smaller than the network's input: a store size "
            f"of {card.preprocess.input_size} or more is needed"
        )
    preprocess = card.preprocess.model_copy(update={"store_size": side})
    card = card.model_copy(update={"preprocess": preprocess})
    return replace(predictor, loaded=replace(predictor.loaded, card=card))


def _own_gallery(predictor: Predictor) -> Gallery:
    if predictor.members:
        raise ConfigError(
            f"{predictor.folder} is an ensemble, whose members have the galleries: calibrate each "
            "of its members/NAME with --gallery-points, then the ensemble without"
        )
    if predictor.gallery is None:
        raise ConfigError(f"{predictor.folder} has no gallery whose photos could be described")
    return predictor.gallery


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


def _raw(predictor: Predictor, store: PhotoStore, selection: Selection, batch_size: int) -> Raw:
    """What the network says of the photos, before refinement."""
    found = predict_selection(predictor, store, selection, batch_size)
    return Raw(found.position_m, found.heading_deg, found.region_head, found.features)
