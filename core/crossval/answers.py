"""What the model of a fold answered about the fold's test photos, to the last digit.

`predictions.csv` is rounded and names one region a photo; metrics of all folds together need more.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.errors import RunError
from core.files import write_bytes
from core.geo import Floats
from core.inference.prediction import Prediction
from core.model.card import Card
from core.retrieval.baselines import Baseline

ANSWERS = "answers.safetensors"
_PREDICTED = (
    "region_probabilities",
    "region_head",
    "position_m",
    "position_refined_m",
    "heading_deg",
    "heading_refined_deg",
    "heading_length",
)


@dataclass(frozen=True)
class Answers:
    """Answers about the test photos of one fold.

    Attributes:
        photo_ids: The photos.
        weights: Name, by content, of the weights that answered.
        split_hash: Split of the model that answered.
        predicted: The prediction's arrays by name, n rows each.
        baselines: What the baselines say about the same photos.
    """

    photo_ids: tuple[str, ...]
    weights: str
    split_hash: str
    predicted: dict[str, NDArray[np.float64]]
    baselines: tuple[Baseline, ...]

    def __post_init__(self) -> None:
        """Check that every array is about the same photos."""
        n = len(self.photo_ids)
        lengths = {len(array) for array in self.predicted.values()}
        lengths |= {len(each.position_m) for each in self.baselines}
        if set(self.predicted) != set(_PREDICTED) or lengths != {n}:
            raise ValueError(f"answers about {n} photos do not fit: {sorted(lengths)}")

    def prediction(self, filenames: tuple[str, ...], card: Card) -> Prediction:
        """The prediction, without features and neighbours."""
        n = len(self.photo_ids)
        none = np.zeros((n, 0))
        return Prediction(
            photo_ids=self.photo_ids,
            filenames=filenames,
            regions=card.regions,
            region_names=card.region_names,
            local_frame=card.local_frame,
            neighbours=none.astype(np.int64),
            similarity=none,
            weight=none,
            points=none.astype(np.int64),
            features=none.astype(np.float32),
            region_probabilities=self.predicted["region_probabilities"],
            region_head=self.predicted["region_head"],
            position_m=self.predicted["position_m"],
            position_refined_m=self.predicted["position_refined_m"],
            heading_deg=self.predicted["heading_deg"],
            heading_refined_deg=self.predicted["heading_refined_deg"],
            heading_length=self.predicted["heading_length"],
        )


def write_answers(
    folder: Path, prediction: Prediction, baselines: tuple[Baseline, ...], card: Card
) -> None:
    """Write the answers into a report's folder, at once."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.asarray(getattr(prediction, name), np.float64) for name in _PREDICTED
    }
    for each in baselines:
        arrays[f"{each.name}/position_m"] = each.position_m
        arrays[f"{each.name}/heading_deg"] = each.heading_deg
        if each.region is not None:
            arrays[f"{each.name}/region"] = each.region
    about = {
        "photo_ids": prediction.photo_ids,
        "weights": card.weights,
        "split_hash": card.split.hash,
        "baselines": {each.name: [each.description, each.given_truth] for each in baselines},
    }
    tight = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(folder / ANSWERS, save(tight, {"about": json.dumps(about)}))


def read_answers(folder: Path) -> Answers:
    """Read what `write_answers` wrote; RunError where it is absent or damaged."""
    path = folder / ANSWERS
    try:
        with safe_open(path, framework="numpy") as stored:
            about = json.loads(stored.metadata()["about"])
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}
        return Answers(
            tuple(about["photo_ids"]),
            about["weights"],
            about["split_hash"],
            {name: arrays[name] for name in _PREDICTED},
            tuple(_baseline(name, about["baselines"][name], arrays) for name in about["baselines"]),
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged or absent ({error}): delete it and resume") from error


def _baseline(name: str, about: list[Any], arrays: dict[str, NDArray[np.generic]]) -> Baseline:
    description, given_truth = about
    position: Floats = np.asarray(arrays[f"{name}/position_m"], np.float64)
    heading: Floats = np.asarray(arrays[f"{name}/heading_deg"], np.float64)
    region = arrays.get(f"{name}/region")
    indices = None if region is None else np.asarray(region, np.int64)
    return Baseline(name, str(description), bool(given_truth), position, heading, indices)
