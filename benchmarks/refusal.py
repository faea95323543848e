"""How well a calibrated checkpoint tells photos of its campus from photos of elsewhere.

    python -m benchmarks.refusal CHECKPOINT DATASET --near OTHER_DEMO --far FOLDER

Genuine photos are those of the checkpoint's own test part; near negatives are another campus of the
same kind, far ones a folder of other photos and images made of nothing. None of them was seen when
the score and its threshold were fitted.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from core.confidence.negatives import KINDS
from core.dataset.decode import Pixels
from core.dataset.store import prepare_dataset
from core.errors import ConfigError
from core.evaluation.selection import select
from core.geo import Floats
from core.inference.files import find_photos
from core.inference.loading import load_predictor
from core.inference.predictor import Predictor

MOST = 600
_MADE_FAR = ("noise", "flat", "documents")


def main(words: list[str] | None = None) -> int:
    """Print a table, or with --json one line."""
    asked = _arguments(words)
    predictor = load_predictor(asked.checkpoint)
    calibration = predictor.loaded.calibration
    if calibration is None or calibration.refusal is None:
        raise ConfigError(f"{asked.checkpoint} sets no threshold: python -m core calibrate it")
    photos = _test_photos(predictor, asked.dataset)
    genuine = _scores(predictor, photos)
    rows = [
        {"negatives": name, "n": len(scores)}
        | judged(genuine, scores, calibration.refusal.threshold)
        for name, scores in _negatives(predictor, photos, asked)
    ]
    refused = float((genuine > calibration.refusal.threshold).mean())
    if asked.json:
        sys.stdout.write(json.dumps({"genuine": len(genuine), "refused": refused, "rows": rows}))
        return 0
    sys.stdout.write(
        f"{len(genuine)} genuine test photos, {refused:.1%} refused\n"
        "| negatives | photos | AUROC | FPR at 95 % TPR | refused |\n|---|---|---|---|---|\n"
    )
    for row in rows:
        sys.stdout.write(
            f"| {row['negatives']} | {row['n']} | {row['auroc']:.3f} | {row['fpr95']:.1%} | "
            f"{row['refused']:.1%} |\n"
        )
    return 0


def judged(genuine: Floats, strange: Floats, threshold: float) -> dict[str, float]:
    """AUROC, share of strangers passed where 95 % of genuine photos pass, and share refused.

    Args:
        genuine: `(n,)` refusal scores of photos of the campus.
        strange: `(m,)` of others; should be greater.
        threshold: The stored one.
    """
    truth = np.concatenate([np.zeros(len(genuine)), np.ones(len(strange))])
    passes = float(np.quantile(genuine, 0.95))
    return {
        "auroc": float(roc_auc_score(truth, np.concatenate([genuine, strange]))),
        "fpr95": float((strange <= passes).mean()),
        "refused": float((strange > threshold).mean()),
    }


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refusal", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--near", type=Path, action="append", default=[], help="folder of photos")
    parser.add_argument("--far", type=Path, action="append", default=[], help="folder of photos")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(words)


def _test_photos(predictor: Predictor, root: Path) -> Pixels:
    dataset, store = prepare_dataset(root, predictor.store_size)
    return np.asarray(store.photos[select(dataset, predictor, "test").rows])


def _negatives(
    predictor: Predictor, photos: Pixels, asked: argparse.Namespace
) -> Iterator[tuple[str, Floats]]:
    for kind, folders in (("near", asked.near), ("far", asked.far)):
        for folder in folders:
            paths = find_photos(folder)[:MOST]
            pixels = np.stack([predictor.decode(path) for path in paths])
            name = folder.parent.name if folder.name == "images" else folder.name
            yield f"{kind}: {name}", _scores(predictor, pixels)
    rng = np.random.default_rng(1)
    some = photos[rng.permutation(len(photos))[:MOST]]
    for name, make in KINDS.items():
        kind = "far, " if name in _MADE_FAR else ""
        yield f"{kind}made: {name}", _scores(predictor, make(some, rng))


def _scores(predictor: Predictor, photos: Pixels) -> Floats:
    trust = predictor.predict_photos(photos).confidence
    if trust is None:
        raise ValueError("a calibrated checkpoint gives trust")
    return trust.refusal_score


if __name__ == "__main__":
    sys.exit(main())
