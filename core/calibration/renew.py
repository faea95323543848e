"""Renewal of a checkpoint's gallery: descriptors, keypoints and the choice of the refinement.

The network does not change, so a checkpoint of an older version gets today's gallery in minutes.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from core.calibration.schema import CalibrateConfig
from core.confidence.files import FILE
from core.dataset.labels import Dataset
from core.dataset.store import PhotoStore
from core.errors import ConfigError, SplitError
from core.evaluation.evaluate import predict_selection
from core.evaluation.selection import Selection, select
from core.inference.network import place_shares
from core.inference.predictor import Predictor
from core.model.card import Card, write_card
from core.model.retrieval_network import (
    RetrievalNetwork,
    make_retrieval_network,
    save_retrieval_network,
)
from core.retrieval.gallery import Gallery, described_anew
from core.retrieval.local_features import chosen_method, describe_gallery
from core.retrieval.neighbours import PlaceShares
from core.retrieval.projection import space_options
from core.retrieval.schema import GALLERY_POINTS
from core.retrieval.select import (
    Raw,
    ValidationTruth,
    refined_figures,
    select_refinement,
    verified_raw,
)
from core.splits.spatial_groups import spot_groups

Progress = Callable[[int, int], None]


def renew_gallery(
    predictor: Predictor,
    dataset: Dataset,
    store: PhotoStore,
    config: CalibrateConfig,
    progress: Progress | None = None,
) -> Predictor:
    """Renew what the options name, and select the refinement again.

    Gallery and card are saved, an old calibration is deleted.

    Args:
        predictor: Of one checkpoint.
        dataset: Holds the gallery's photos and the validation photos.
        store: Its decoded photos; the checkpoint decodes photos to their side from now on.
        config: Whether descriptors are computed again, and how; and how many keypoints of a photo
            are kept, 0 removes them.
        progress: Called with `(photos done, photos in all)`.

    Returns:
        The predictor with the new gallery and card.

    Raises:
        ConfigError: The predictor is an ensemble or has no gallery.
        SplitError: Photos of the gallery, or all validation photos, are not in the dataset.
    """
    gallery = _gallery(predictor)
    predictor = _with_store_size(predictor, store.size)
    rows = _rows(gallery, dataset)
    most = config.gallery_points
    if config.renew_gallery:
        predictor = _with_descriptor(predictor, config)
        descriptors = _descriptors(predictor, store, rows, config.batch_size, progress)
        widths = predictor.loaded.descriptor_widths
        space = space_options(config.gallery_dimensions, config.gallery_whiten)
        gallery = described_anew(gallery, descriptors, widths, *space)
        most = GALLERY_POINTS if most is None else most
    gallery = replace(gallery, local=None)
    selection = select(dataset, predictor, "val")
    raw = _raw(predictor, gallery, store, selection, config.batch_size, progress)
    if most:
        method = chosen_method(
            config.local_features, config.verification, trained=predictor.card.trained
        )
        local = describe_gallery(store.photos, rows, most, method, progress)
        gallery = replace(gallery, local=local)
        hfov_deg = float(np.median(store.hfov_deg[rows]))
        photos = (store.photos[row] for row in selection.rows)
        raw = verified_raw(raw, photos, gallery, hfov_deg, progress)
    return _chosen(predictor, gallery, raw, selection)


def _chosen(predictor: Predictor, gallery: Gallery, raw: Raw, selection: Selection) -> Predictor:
    """Select the refinement, and save gallery and card."""
    labels = selection.truth
    spot = spot_groups(labels.position_m)
    truth = ValidationTruth(labels.position_m, labels.heading_deg, labels.region, spot)
    choice = select_refinement(raw, truth, gallery)
    metrics = refined_figures(raw, truth, gallery, choice.config) | choice.metrics()
    card = predictor.card.model_copy(
        update={
            "refine": choice.config.model_dump(mode="json"),
            "metrics": predictor.card.metrics | metrics,
            "descriptor": predictor.loaded.descriptor_parts,
        }
    )
    # A calibration of the first version does not record the keypoints, so it would still be read.
    (predictor.folder / FILE).unlink(missing_ok=True)
    save_retrieval_network(predictor.folder, _retrieval(predictor))
    gallery.save(predictor.folder)
    write_card(predictor.folder, card)
    return _with(predictor, card, gallery)


def _with(predictor: Predictor, card: Card, gallery: Gallery | None) -> Predictor:
    return replace(predictor, loaded=replace(predictor.loaded, card=card, gallery=gallery))


def _with_store_size(predictor: Predictor, side: int) -> Predictor:
    card = predictor.card
    if side < card.preprocess.input_size:
        raise ConfigError(
            f"photos decoded to {side} pixels are smaller than the network's input: a store size "
            f"of {card.preprocess.input_size} or more is needed"
        )
    preprocess = card.preprocess.model_copy(update={"store_size": side})
    return _with(predictor, card.model_copy(update={"preprocess": preprocess}), predictor.gallery)


def _with_descriptor(predictor: Predictor, config: CalibrateConfig) -> Predictor:
    """The predictor whose network gives the descriptors of the options.

    A retrieval backbone that the options do not name stays as it is.
    """
    predictor.model.use_descriptor(config.descriptor)
    retrieval = make_retrieval_network(config.retrieval)
    retrieval = _retrieval(predictor) if retrieval is None else retrieval.to(predictor.device)
    changes = {
        "model": predictor.model.config,
        "retrieval": None if retrieval is None else retrieval.card,
        "exported": None,
    }
    card = predictor.card.model_copy(update=changes)
    return replace(predictor, loaded=replace(predictor.loaded, card=card, retrieval=retrieval))


def _retrieval(predictor: Predictor) -> RetrievalNetwork | None:
    """The retrieval backbone; what is renewed was loaded by torch."""
    return cast("RetrievalNetwork | None", predictor.loaded.retrieval)


def _gallery(predictor: Predictor) -> Gallery:
    if predictor.members:
        raise ConfigError(
            f"{predictor.folder} is an ensemble, whose members have the galleries: renew those of "
            "its members/NAME, then calibrate the ensemble without"
        )
    if predictor.gallery is None:
        raise ConfigError(f"{predictor.folder} has no gallery, so there is nothing to renew")
    return predictor.gallery


def _rows(gallery: Gallery, dataset: Dataset) -> NDArray[np.int64]:
    """Rows of the gallery's photos in the dataset."""
    row_of = {name: row for row, name in enumerate(dataset.table["photo_id"])}
    absent = [name for name in gallery.photo_ids if name not in row_of]
    if absent:
        raise SplitError(
            f"{len(absent):,} of the {len(gallery):,} training photos are not in {dataset.root} "
            f"(first: {absent[:3]}): give the dataset that the checkpoint was trained on"
        )
    return np.array([row_of[name] for name in gallery.photo_ids], np.int64)


def _descriptors(
    predictor: Predictor,
    store: PhotoStore,
    rows: NDArray[np.int64],
    batch_size: int,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """Descriptors of photos in the store."""
    parts = []
    for start in range(0, len(rows), batch_size):
        photos = np.asarray(store.photos[rows[start : start + batch_size]])
        parts.append(predictor.describe(photos))
        if progress is not None:
            progress(min(start + batch_size, len(rows)), len(rows))
    return np.concatenate(parts)


def _raw(
    predictor: Predictor,
    gallery: Gallery,
    store: PhotoStore,
    selection: Selection,
    batch_size: int,
    progress: Progress | None,
) -> Raw:
    """Raw predictions of the selected photos, with a gallery without keypoints."""
    card = predictor.card.model_copy(update={"refine": None})
    unrefined = _with(predictor, card, gallery)
    prediction = predict_selection(unrefined, store, selection, batch_size, progress)
    return Raw(
        prediction.position_m,
        prediction.heading_deg,
        prediction.region_head,
        prediction.descriptor,
        places=_places(predictor, gallery, prediction.descriptor),
    )


def _places(
    predictor: Predictor, gallery: Gallery, descriptors: NDArray[np.float32]
) -> PlaceShares | None:
    """The place head's shares; it is linear, so the mean over crops is that of mean features."""
    model, card = predictor.model, predictor.card
    if model.place_head is None or not card.trained:
        return None
    features = np.ascontiguousarray(descriptors[:, : model.width])
    with torch.inference_mode():
        logits = model.place_head(torch.from_numpy(features).to(predictor.device))
    return place_shares(predictor.network, card, logits.double().flatten(1).cpu().numpy(), gallery)
