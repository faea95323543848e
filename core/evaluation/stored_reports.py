"""Stored evaluation reports and their tables of photos, read and checked."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from core.errors import ConfigError
from core.evaluation.report import Report
from core.evaluation.report_text import photos_of
from core.files import read_object, refusing
from core.runs import REPORT, has_report, home_of, home_of_report, report_folders
from core.tables.stored import read_frame

NEEDED = (
    "photo_id", "true_region", "region", "true_latitude", "true_longitude", "true_angle",
    "true_north_m", "true_east_m", "error_m", "error_refined_m", "heading_error_deg",
    "heading_error_refined_deg", "seen_in_training",
)  # fmt: skip
"""Columns of predictions.csv that a comparison reads."""
_TEXT = (
    "filename", "region", "true_region", "region_head", "photo_id", "neighbours", "neighbours_m",
)  # fmt: skip
_NUMBERS = tuple(set(NEEDED) - {*_TEXT, "seen_in_training"})
_ERRORS = {
    "true_latitude": ("error_m", "error_refined_m"),
    "true_angle": ("heading_error_deg", "heading_error_refined_deg"),
}
"""Columns of errors by that of the truth, without which there are none."""


@dataclass(frozen=True)
class EvaluatedModel:
    """A model that was evaluated on labelled photos.

    Attributes:
        name: Name of the model in comparisons.
        folder: Folder of its report.
        key: Equal keys mean the same part of the same split; only such models are ranked.
        about: The photos in words.
        radius_m: Spot radius of the split; None if it has none or it is not recorded.
        table: One row a photo, with the columns `NEEDED`.
    """

    name: str
    folder: Path
    key: str
    about: str
    radius_m: float | None
    table: pd.DataFrame

    def __post_init__(self) -> None:
        """Refuse a table that a comparison cannot use."""
        absent = [name for name in NEEDED if name not in self.table.columns]
        if absent:
            raise ConfigError(
                f"the report in {self.folder} lacks {', '.join(absent)}: evaluate the model again"
            )
        if self.table.empty or self.table["photo_id"].duplicated().any():
            raise ConfigError(
                f"the report in {self.folder} has no photo, or one twice: evaluate the model again"
            )
        if any(self._lacks(truth, list(errors)) for truth, errors in _ERRORS.items()):
            raise ConfigError(
                f"the report in {self.folder} has photos without an error: evaluate the model again"
            )

    def _lacks(self, truth: str, errors: list[str]) -> bool:
        """Whether a labelled photo lacks an error; all lack both if it is not predicted."""
        labelled, known = self.table[truth].notna(), self.table[errors].notna()
        return bool(known.any(axis=None) and not known[labelled].all(axis=None))


def find_report(path: Path) -> Path:
    """Return the folder of a report, given the report itself, its run or its checkpoint.

    Args:
        path: A report (its folder or `report.json`), a run or a checkpoint. Of several reports of
            a run, the newest one on test photos is returned, or else the newest.

    Raises:
        ConfigError: There is no report; says how to make one.
    """
    folder = path.parent if path.name == REPORT else home_of(path)
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}: name a run, a checkpoint or a report")
    if has_report(folder):
        return folder
    reports = report_folders(folder)
    if not reports:
        raise ConfigError(
            f"{folder} has not been evaluated: python -m core evaluate {folder}, then compare"
        )
    # A damaged report beside good ones is passed over; alone, whoever reads it says so.
    parts: dict[Path, str] = {}
    for report in reports:
        with suppress(ConfigError):
            parts[report] = read_report(report).split.part
    tested = [report for report, part in parts.items() if part == "test"]
    return (tested or list(parts) or reports)[0]


def read_report(folder: Path) -> Report:
    """Read `report.json` of this version or an older one.

    Raises:
        ConfigError: It is missing or damaged.
    """
    path = folder / REPORT
    content = read_object(path, "evaluate again", ConfigError)
    if content is None:
        raise ConfigError(f"{path} is missing: evaluate again")
    with refusing(path, "evaluate again", ConfigError):
        return Report.from_json(content)


def read_evaluated_model(folder: Path, name: str = "") -> EvaluatedModel:
    """Read a report and its table of photos.

    Args:
        folder: Folder with `report.json` and `predictions.csv`.
        name: Name of the model in comparisons; by default that of its run or checkpoint.

    Raises:
        ConfigError: One of the two is missing or damaged.
    """
    report = read_report(folder)
    return EvaluatedModel(
        name or home_of_report(folder).name,
        folder,
        report.split.key,
        photos_of(report),
        report.split.radius_m,
        read_predictions(folder / "predictions.csv"),
    )


def read_predictions(path: Path) -> pd.DataFrame:
    """Read `predictions.csv`, region ids and keys as text; a region that is not known is `""`.

    Raises:
        ConfigError: It is missing or damaged.
    """
    table = read_frame(path, "evaluate again", ConfigError, text=_TEXT, numbers=_NUMBERS)
    regions = [name for name in ("region", "true_region", "region_head") if name in table]
    return table.fillna(dict.fromkeys(regions, ""))


def named_apart(models: Sequence[EvaluatedModel]) -> list[EvaluatedModel]:
    """Return the models; those that share a name are named by the folders of their reports."""
    names = Counter(model.name for model in models)
    return [
        model if names[model.name] == 1 else replace(model, name=str(model.folder))
        for model in models
    ]
