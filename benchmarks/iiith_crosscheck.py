"""Our model against frozen features on a small real campus, pooled over folds.

    python -m benchmarks.iiith_crosscheck DATASET WEIGHTS [--folds 5] [--out DIR]

For every fold of the `spot` protocol the model is trained by `core.training.fit` and judged by
`core.evaluation`, on the test photos of the fold and given no truth. Beside it, on the same photos:
logistic and ridge regression on features of the untouched backbone. The rivals are fitted on train
and val together; the model keeps val for choosing its epoch and its refinement.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.frozen_features import Guess, Photos, frozen_features, logistic_regression, ridge
from core.dataset.prepare import prepare_dataset
from core.dataset.splits import make_split
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from core.geo import distance_m, heading_error_deg
from core.training.fit import fit
from core.training.schema import TrainConfig

BACKBONE = "mobilenetv2_100"
# About 190 photos to train: heads only, on many cheap views of each. On the validation parts, other
# epochs, rates and widths of the heads differed by less than their noise.
RECIPE: dict[str, Any] = {
    "batch_size": 32,
    "stage1": {"epochs": 60, "views": 8, "lr": 1e-3, "weight_decay": 1e-2},
    "stage2": {"epochs": 0},
    "patience": 0,
}


@dataclass
class Tally:
    """Errors of one method, pooled over folds; empty lists where it says nothing."""

    region: list[bool]
    raw_m: list[float]
    refined_m: list[float]
    heading: list[float]
    heading_refined: list[float]

    @classmethod
    def empty(cls) -> "Tally":
        """Begin with nothing."""
        return cls([], [], [], [], [])

    def row(self) -> list[str]:
        """Region accuracy, medians raw and refined, MAAE raw and refined, as text."""
        return [
            f"{np.mean(self.region):.3f}" if self.region else "-",
            f"{np.median(self.raw_m):.1f}" if self.raw_m else "-",
            f"{np.median(self.refined_m):.1f}" if self.refined_m else "-",
            f"{np.mean(self.heading):.1f}" if self.heading else "-",
            f"{np.mean(self.heading_refined):.1f}" if self.heading_refined else "-",
        ]


def main() -> None:
    """Run all folds and print the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        tallies = {name: Tally.empty() for name in ("model", "logistic", "ridge")}
        started = time.monotonic()
        for fold in range(arguments.folds):
            run = out / f"fold-{fold}"
            _model_fold(_config(arguments, fold, run), tallies["model"])
            _rival_fold(_config(arguments, fold, run), tallies)
            print(f"fold {fold}: {time.monotonic() - started:.0f} s", flush=True)
    for line in _table(tallies):
        print(line)


def _config(arguments: argparse.Namespace, fold: int, run: Path) -> TrainConfig:
    values = {
        "dataset": arguments.dataset,
        "run": run,
        "seed": arguments.seed,
        "split": {
            "protocol": "spot",
            "seed": arguments.split_seed,
            "fold": fold,
            "folds": arguments.folds,
        },
        "model": {
            "backbone": BACKBONE,
            "weights": str(arguments.weights),
            "input_size": arguments.input_size,
        },
        "threads": arguments.threads,
        "command": "python -m benchmarks.iiith_crosscheck",
    }
    return TrainConfig.model_validate(RECIPE | values)


def _model_fold(config: TrainConfig, tally: Tally) -> None:
    """Train and judge the model on one fold."""
    for _ in fit(config):
        pass
    found = evaluate(EvaluateConfig(run=config.run, split="test", device="cpu", plots=False))
    table = found.table
    tally.region += (table["true_region"] == table["region"]).tolist()
    tally.raw_m += table["error_m"].tolist()
    tally.refined_m += table["error_refined_m"].tolist()
    tally.heading += table["heading_error_deg"].tolist()
    tally.heading_refined += table["heading_error_refined_deg"].tolist()


def _rival_fold(config: TrainConfig, tallies: dict[str, Tally]) -> None:
    """Fit and judge the rivals on the very same photos."""
    dataset, store = prepare_dataset(config.dataset, config.store_size or config.model.input_size)
    split = make_split(
        dataset, "spot", config.split.seed, fold=config.split.fold, folds=config.split.folds
    )
    photos = Photos(
        frozen_features(config.model, dataset.regions, store.photos),
        dataset.region_index,
        dataset.local_frame().to_metres(dataset.positions),
        dataset.headings_deg,
    )
    train, val, test = (split.rows(dataset, part) for part in ("train", "val", "test"))
    _count(tallies["logistic"], logistic_regression(photos, train, val, test), photos, test)
    _count(tallies["ridge"], ridge(photos, train, val, test), photos, test)


def _count(tally: Tally, guess: Guess, photos: Photos, test: np.ndarray) -> None:
    if guess.region is not None:
        tally.region += (guess.region == photos.region[test]).tolist()
    if guess.position_m is not None:
        tally.raw_m += distance_m(guess.position_m, photos.position_m[test]).tolist()
    if guess.heading_deg is not None:
        tally.heading += heading_error_deg(guess.heading_deg, photos.heading_deg[test]).tolist()


def _table(tallies: dict[str, Tally]) -> Iterator[str]:
    titles = {
        "model": "model",
        "logistic": "frozen features + logistic regression, weighted centres",
        "ridge": "frozen features + ridge",
    }
    count = len(tallies["model"].raw_m)
    yield f"| {count} test photos | region | median m | refined m | MAAE ° | refined ° |"
    yield "|---|---|---|---|---|---|"
    for name, tally in tallies.items():
        yield f"| {titles[name]} | {' | '.join(tally.row())} |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dataset", type=Path, help="dataset folder")
    parser.add_argument("weights", type=Path, help=f".safetensors file of {BACKBONE}")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="keep the runs in this folder")
    parser.add_argument("--seed", type=int, default=0, help="seed of the training")
    parser.add_argument("--split-seed", type=int, default=0, help="seed of the folds")
    parser.add_argument("--input-size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
