"""Out-of-fold predictions of all folds as one judgement: every photo once, by who never saw it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.crossval.guard import Fold, LeakError
from core.dataset.labels import Dataset
from core.dataset.leak import nearest_training_m
from core.dataset.visits import GAP_MINUTES
from core.errors import RunError
from core.evaluation.scores import ScoredPrediction, Truth, read_truth
from core.evaluation.selection import visits_of
from core.geo import Floats
from core.inference.prediction import Prediction, joined
from core.retrieval.baselines import Baseline
from core.retrieval.gallery import Gallery


@dataclass(frozen=True)
class Pooled:
    """All folds together.

    Attributes:
        judgement: Predictions of every tested photo beside the truth.
        baselines: Baselines on the same photos, each fitted on its fold's training part.
        untested: Photos that no fold tests, with their region.
        nearest_m: Distance of every tested photo `(n,)` to the nearest one that its fold learnt.
        visits: Visit of every tested photo `(n,)`, where visits are known.
    """

    judgement: ScoredPrediction
    baselines: tuple[Baseline, ...]
    untested: dict[str, str]
    nearest_m: Floats
    visits: NDArray[np.int64] | None


def pool(folds: Sequence[Fold], dataset: Dataset) -> Pooled:
    """Put the folds' answers together.

    Raises:
        LeakError: A photo is tested twice.
        RunError: The folds do not speak of the same campus.
    """
    first, first_gap = folds[0].card, folds[0].split.gap_minutes
    for fold in folds:
        if (fold.card.regions, fold.card.local_frame) != (first.regions, first.local_frame):
            raise RunError(f"fold {fold.number} has other regions or another frame than fold 0")
    counted = Counter(photo for fold in folds for photo in fold.answers.photo_ids)
    twice = [photo for photo, times in counted.items() if times > 1]
    if twice:
        raise LeakError(f"{len(twice)} photos are tested by two folds (first: {twice[0]})")
    parts = [_prediction(fold, dataset) for fold in folds]
    prediction = joined(parts)
    truth = _truth(folds[0], dataset, prediction.photo_ids)
    return Pooled(
        ScoredPrediction(truth, prediction),
        tuple(_baselines(folds)),
        _untested(folds, dataset, counted),
        _nearest_m(folds, truth.position_m),
        visits_of(dataset, _rows(dataset, truth.photo_ids), first_gap or GAP_MINUTES),
    )


def pooled_table(folds: Sequence[Fold]) -> pd.DataFrame:
    """The folds' `predictions.csv` under one another, as text, with the column `fold` first.

    Raises:
        RunError: A fold's table is absent or about other photos than its answers.
    """
    tables = []
    for fold in folds:
        path = fold.report_folder / "predictions.csv"
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({error}): evaluate the fold again") from error
        if tuple(table["photo_id"]) != fold.answers.photo_ids:
            raise RunError(f"{path} is not about the test photos of fold {fold.number}")
        table.insert(0, "fold", str(fold.number))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _rows(dataset: Dataset, photo_ids: Sequence[str]) -> NDArray[np.int64]:
    row_of = {photo: row for row, photo in enumerate(dataset.table["photo_id"])}
    return np.array([row_of[photo] for photo in photo_ids], np.int64)


def _truth(fold: Fold, dataset: Dataset, photo_ids: Sequence[str]) -> Truth:
    return read_truth(dataset, _rows(dataset, photo_ids), fold.card)


def _prediction(fold: Fold, dataset: Dataset) -> Prediction:
    rows = _rows(dataset, fold.answers.photo_ids)
    names = tuple(dataset.table["filename"].iloc[rows])
    return fold.answers.prediction(names, fold.card)


def _nearest_m(folds: Sequence[Fold], position_m: Floats) -> Floats:
    ends = np.cumsum([len(fold.answers.photo_ids) for fold in folds])[:-1]
    found = [
        nearest_training_m(own, Gallery.load(fold.run.best).position_m)
        for fold, own in zip(folds, np.split(position_m, ends), strict=True)
    ]
    return np.concatenate(found)


def _baselines(folds: Sequence[Fold]) -> list[Baseline]:
    named = [{each.name: each for each in fold.answers.baselines} for fold in folds]
    whole = []
    for name, first in named[0].items():
        same = [each[name] for each in named if name in each]
        if len(same) < len(folds):
            continue
        regions = [each.region for each in same if each.region is not None]
        whole.append(
            Baseline(
                name,
                first.description,
                first.given_truth,
                np.concatenate([each.position_m for each in same]),
                np.concatenate([each.heading_deg for each in same]),
                np.concatenate(regions) if len(regions) == len(same) else None,
            )
        )
    return whole


def _untested(folds: Sequence[Fold], dataset: Dataset, tested: Counter[str]) -> dict[str, str]:
    """Photos of no test part: every split agrees, and each trains or validates with them."""
    left = dataset.table.loc[~dataset.table["photo_id"].isin(list(tested))]
    untested = dict(zip(left["photo_id"], left["region"], strict=True))
    for fold in folds:
        forgotten = [photo for photo in untested if fold.split.parts[photo] == "test"]
        if forgotten:
            raise RunError(f"fold {fold.number} does not answer for {forgotten[0]}, which it tests")
    return untested
