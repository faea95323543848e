"""Evaluated models as comparisons read them: a report, its table of photos, and what they cover."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from core.errors import ConfigError
from core.evaluation.report import Report
from core.evaluation.report_text import photos_of

NEEDED = (
    "photo_id", "true_region", "region", "true_latitude", "true_longitude", "true_angle",
    "true_north_m", "true_east_m", "error_m", "error_refined_m", "heading_error_deg",
    "heading_error_refined_deg", "seen_in_training",
)  # fmt: skip
"""Columns of predictions.csv that a comparison reads."""


@dataclass(frozen=True)
class Judged:
    """One model, judged on labelled photos.

    Attributes:
        name: What to call it.
        folder: Where its report lies.
        key: Equal keys are the same part of the same split: only those are ranked.
        about: The photos in words.
        radius_m: The split's own spot radius; None where it has none or does not say.
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
        figures = self.table[[name for name in NEEDED if "error" in name]]
        if figures.isna().any(axis=None):
            raise ConfigError(
                f"the report in {self.folder} has photos without an error: evaluate the model again"
            )


def report_folders(home: Path) -> list[Path]:
    """Folders with the reports of a run, or of a checkpoint that stands alone, newest first."""
    places = [home, home / "report", *sorted((home / "reports").glob("*"))]
    found = [place for place in places if (place / "report.json").is_file()]
    return sorted(found, key=lambda place: -(place / "report.json").stat().st_mtime_ns)


def find_report(path: Path) -> Path:
    """Return the folder of the report that a path means.

    Args:
        path: A report (its folder or `report.json`), or a run or checkpoint, whose newest report
            on test photos is taken, and its newest one where there is none.

    Raises:
        ConfigError: There is none; says how to make it.
    """
    folder = path.parent if path.name == "report.json" else path
    if folder.name in ("best", "last") and folder.parent.name == "checkpoints":
        folder = folder.parents[1]
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}: name a run, a checkpoint or a report")
    found = report_folders(folder)
    if not found:
        raise ConfigError(
            f"{folder} has not been evaluated: python -m core evaluate {folder}, then compare"
        )
    tested = [one for one in found if read_report(one).split.part == "test"]
    return (tested or found)[0]


def read_report(folder: Path) -> Report:
    """Read `report.json` of this version or an older one.

    Raises:
        ConfigError: It is missing or damaged.
    """
    path = folder / "report.json"
    try:
        return Report.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is missing or damaged ({error}): evaluate again") from error


def read_judged(folder: Path, name: str = "") -> Judged:
    """Read a report and its table of photos.

    Args:
        folder: Folder with `report.json` and `predictions.csv`.
        name: What to call the model; by default the name of its run or checkpoint.

    Raises:
        ConfigError: One of the two is missing or damaged.
    """
    report = read_report(folder)
    return Judged(
        name or home_name(folder),
        folder,
        report.split.key,
        photos_of(report),
        report.split.radius_m,
        read_predictions(folder / "predictions.csv"),
    )


def read_predictions(path: Path) -> pd.DataFrame:
    """Read `predictions.csv`, region ids and keys as text.

    Raises:
        ConfigError: It is missing or damaged.
    """
    kinds = {"region": str, "true_region": str, "region_head": str, "photo_id": str}
    try:
        # A region may be called NA.
        return pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): evaluate again") from error


def named_apart(models: Sequence[Judged]) -> list[Judged]:
    """Call models of the same name by the folders of their reports instead."""
    names = Counter(model.name for model in models)
    return [
        model if names[model.name] == 1 else replace(model, name=str(model.folder))
        for model in models
    ]


def home_name(folder: Path) -> str:
    """Name of the run or checkpoint that a report folder belongs to."""
    whole = folder.resolve()
    if whole.parent.name == "reports":
        return whole.parents[1].name
    return whole.parent.name if whole.name == "report" else whole.name
