"""Frozen features against a cross-validation, on the very same photos.

    python -m core crossval DATASET --out CV ...
    python -m benchmarks.iiith_crosscheck CV

For every fold of a finished cross-validation: logistic and ridge regression on features of the
untouched backbone, judged on the fold's test photos. The rivals are fitted on train and val
together; the model kept val for choosing its epoch and its refinement.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.frozen_features import Guess, Photos, frozen_features, logistic_regression, ridge
from core.crossval.folder import read_config, read_report
from core.crossval.guard import fold_split
from core.crossval.schema import CrossvalConfig
from core.dataset.store import prepare_dataset
from core.geo import distance_m, heading_error_deg
from core.model.backbone import preprocess_of


@dataclass
class Tally:
    """Errors of one rival, pooled over folds; empty lists where it says nothing."""

    region: list[bool]
    position_m: list[float]
    heading: list[float]

    @classmethod
    def empty(cls) -> "Tally":
        """Begin with nothing."""
        return cls([], [], [])

    def row(self) -> list[str]:
        """Region accuracy, median error and MAAE as text."""
        return [
            f"{np.mean(self.region):.3f}" if self.region else "-",
            f"{np.median(self.position_m):.1f}" if self.position_m else "-",
            f"{np.mean(self.heading):.1f}" if self.heading else "-",
        ]


def main() -> None:
    """Judge the rivals and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("crossval", type=Path, help="folder of a finished cross-validation")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    report = read_report(arguments.crossval)
    for line in _table(report["pooled"], _judged(read_config(arguments.crossval))):
        print(line)


def _judged(config: CrossvalConfig) -> dict[str, Tally]:
    """Fit and judge the rivals on every fold of the cross-validation."""
    size = config.store_size or preprocess_of(config.model).input_size
    dataset, store = prepare_dataset(config.dataset, size)
    photos = Photos(
        frozen_features(config.model, dataset.regions, store.photos),
        dataset.region_index,
        dataset.local_frame().to_metres(dataset.positions),
        dataset.headings_deg,
    )
    tallies = {"logistic": Tally.empty(), "ridge": Tally.empty()}
    for number in range(config.folds):
        split = fold_split(config, dataset, number)
        train, val, test = (split.rows(dataset, part) for part in ("train", "val", "test"))
        _count(tallies["logistic"], logistic_regression(photos, train, val, test), photos, test)
        _count(tallies["ridge"], ridge(photos, train, val, test), photos, test)
    return tallies


def _count(tally: Tally, guess: Guess, photos: Photos, test: np.ndarray) -> None:
    if guess.region is not None:
        tally.region += (guess.region == photos.region[test]).tolist()
    if guess.position_m is not None:
        tally.position_m += distance_m(guess.position_m, photos.position_m[test]).tolist()
    if guess.heading_deg is not None:
        tally.heading += heading_error_deg(guess.heading_deg, photos.heading_deg[test]).tolist()


def _table(pooled: Mapping[str, Any], rivals: Mapping[str, Tally]) -> Iterator[str]:
    yield f"| {pooled['n']} test photos | region | median m | MAAE ° |"
    yield "|---|---|---|---|"
    for kind in ("raw", "refined"):
        accuracy = pooled["region"]["accuracy_raw" if kind == "raw" else "accuracy"]
        median, maae = pooled["position"][kind]["median_m"], pooled["heading"][kind]["maae_deg"]
        yield f"| model, {kind} | {accuracy:.3f} | {median:.1f} | {maae:.1f} |"
    titles = {
        "logistic": "frozen features + logistic regression, weighted centres",
        "ridge": "frozen features + ridge",
    }
    for name, tally in rivals.items():
        yield f"| {titles[name]} | {' | '.join(tally.row())} |"


if __name__ == "__main__":
    main()
