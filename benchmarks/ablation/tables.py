"""Per-photo tables of a variant's runs: one a seed, its folds pooled."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.ablation.tasks import Task
from core.comparison.compare import aggregated, photo_values
from core.evaluation.schema import Kind
from core.evaluation.stored_reports import read_predictions, read_report
from core.geo import Floats

REGION, MEDIAN, MAAE = 0, 1, 5
"""Columns of `MEASURES` that the ablation looks at."""


@dataclass(frozen=True)
class Judged:
    """A variant's judged photos, all folds of a seed together.

    Attributes:
        name: The variant.
        tables: By seed, sorted by photo.
        radius_m: The split's spot radius, where it says one.
    """

    name: str
    tables: dict[int, pd.DataFrame]
    radius_m: float | None

    def values(self, kind: Kind) -> Floats:
        """`(seeds, n, 7)` values of every photo, see `core.comparison.compare`."""
        return np.stack([photo_values(self.tables[seed], kind) for seed in sorted(self.tables)])

    def figures(self, kind: Kind) -> Floats:
        """`(seeds, 7)` measures of each seed."""
        return np.stack([aggregated(values) for values in self.values(kind)])


def judged_variants(every: Iterable[Task]) -> dict[str, Judged]:
    """Read what is complete: a seed counts where all its folds are judged."""
    by_variant: dict[str, dict[int, list[Task]]] = {}
    for task in every:
        by_variant.setdefault(task.variant.name, {}).setdefault(task.seed, []).append(task)
    found = {}
    for name, seeds in by_variant.items():
        done = {seed: part for seed, part in seeds.items() if all(one.is_done for one in part)}
        if done:
            first = next(iter(done.values()))[0]
            radius_m = read_report(first.report).split.radius_m
            found[name] = Judged(name, {s: _pooled(part) for s, part in done.items()}, radius_m)
    return found


def _pooled(part: list[Task]) -> pd.DataFrame:
    parts = [read_predictions(task.report / "predictions.csv") for task in part]
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values("photo_id", ignore_index=True)
