"""A cross-validation as comparisons read models: every photo, judged by the fold that tested it."""

import hashlib
from pathlib import Path

from core.crossval.folder import PREDICTIONS
from core.crossval.report import read_report
from core.errors import ConfigError, RunError
from core.evaluation.stored_reports import EvaluatedModel, read_predictions


def read_pooled(folder: Path) -> EvaluatedModel:
    """Read the pooled predictions; two cross-validations compare where all folds are the same.

    Raises:
        ConfigError: It is not finished, or damaged.
    """
    try:
        report = read_report(folder)
    except RunError as error:
        raise ConfigError(
            f"{folder} has no report that can be read ({error}). Finish it: "
            f"python -m core crossval --out {folder} --resume"
        ) from error
    digest = hashlib.sha256("\n".join(report.split_hashes).encode()).hexdigest()
    about = (
        f"{len(report.folds)} folds of the {report.protocol} split {digest[:8]}, "
        f"{report.pooled.n} photos"
    )
    table = read_predictions(folder / PREDICTIONS)
    return EvaluatedModel(folder.name, folder, f"folds:{digest}", about, None, table)
