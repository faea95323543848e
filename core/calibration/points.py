"""Giving a checkpoint's gallery its points, where it was made without, from the training photos."""

from dataclasses import replace

import numpy as np

from core.dataset.labels import Dataset
from core.dataset.store import PhotoStore
from core.errors import ConfigError, SplitError
from core.inference.predictor import Predictor
from core.refine.local_features import Progress, describe_gallery


def describe_anew(
    predictor: Predictor,
    dataset: Dataset,
    store: PhotoStore,
    most: int,
    progress: Progress | None = None,
) -> Predictor:
    """Describe points of the gallery's photos, save the gallery, and use it.

    Args:
        predictor: Of one checkpoint.
        dataset: Holds the gallery's photos.
        store: Its decoded photos.
        most: Points of each photo at most; 0 drops those that the gallery has.
        progress: Called with `(photos done, photos in all)`.

    Raises:
        ConfigError: An ensemble, or a checkpoint without gallery.
        SplitError: Photos of the gallery are not in the dataset.
    """
    gallery = predictor.gallery
    if predictor.members:
        raise ConfigError(
            f"{predictor.folder} is an ensemble, whose members have the galleries: calibrate each "
            "of its members/NAME with --gallery-points, then the ensemble without"
        )
    if gallery is None:
        raise ConfigError(f"{predictor.folder} has no gallery whose photos could be described")
    if most == 0:
        local = None
    else:
        row_of = {name: row for row, name in enumerate(dataset.table["photo_id"])}
        absent = [name for name in gallery.photo_ids if name not in row_of]
        if absent:
            raise SplitError(
                f"{len(absent)} of the {len(gallery)} training photos are not in {dataset.root} "
                f"(first: {absent[:3]}): give the dataset that the checkpoint was trained on"
            )
        rows = np.array([row_of[name] for name in gallery.photo_ids], np.int64)
        local = describe_gallery(store.photos, rows, most, progress)
    described = replace(gallery, local=local)
    described.save(predictor.folder)
    return replace(predictor, loaded=replace(predictor.loaded, gallery=described))
