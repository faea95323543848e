"""Labels that a model which never saw the photo contradicts, if the model is usually right.

The out-of-fold predictions of a cross-validation are compared with the labels. A poor model must
not accuse right labels, however confident it is, so its confidence is measured: see `disputed`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from core.amounts import percent
from core.audit.findings import Finding, row_finding, written
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.errors import ConfigError
from core.evaluation.stored_reports import read_predictions
from core.geo import Floats, distance_m, heading_difference_deg, heading_error_deg
from core.inference.export import label_decimals

PREDICTIONS = "predictions.csv"


@dataclass(frozen=True, eq=False)
class Answers:
    """What models that never saw a photo say about it; row i of everything is one photo.

    Attributes:
        table: The rows of `predictions.csv` about photos that the label rows still have, numbered
            from 0.
        row: `(n,)` the label row of each.
        position_m: `(n, 2)` labelled places in the models' local metres; NaN without a label.
        neighbours: For each photo the numbers, within this table, of the training photos that look
            most alike.
    """

    table: pd.DataFrame
    row: np.ndarray
    position_m: Floats
    neighbours: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        """Check that everything is about the same photos."""
        n = len(self.table)
        if self.row.shape != (n,) or self.position_m.shape != (n, 2) or len(self.neighbours) != n:
            raise ValueError(f"answers about {n} photos do not fit")

    def __len__(self) -> int:
        """How many photos there are."""
        return len(self.table)

    @cached_property
    def given(self) -> np.ndarray:
        """`(n,)` labelled regions; `""` without a label."""
        return np.asarray(self.table["true_region"].fillna(""), object)

    @cached_property
    def said(self) -> np.ndarray:
        """`(n,)` regions that the models name."""
        return np.asarray(self.table["region"], object)

    @cached_property
    def said_probability(self) -> Floats:
        """`(n,)` probability of the region that is named."""
        return np.asarray(self.table["region_probability"], np.float64)

    @cached_property
    def given_probability(self) -> Floats:
        """`(n,)` probability of the labelled region.

        Reports of older versions do not say it: then it is at most what the named one leaves.
        """
        if "true_region_probability" in self.table:
            return np.asarray(self.table["true_region_probability"], np.float64)
        right = self.given == self.said
        return np.where(right, self.said_probability, 1.0 - self.said_probability)

    def column(self, name: str) -> Floats:
        """A column `(n,)` of numbers."""
        return np.asarray(self.table[name], np.float64)


def read_answers(folder: Path, rows: LabelRows) -> Answers:
    """Read the pooled predictions of a cross-validation about these label rows.

    Photos that the answering model was trained on are left out: it may know their labels by heart.

    Raises:
        ConfigError: There are none, or they are about other photos.
    """
    path = folder / PREDICTIONS
    if not path.is_file():
        raise ConfigError(
            f"{folder} holds no {PREDICTIONS}: give the folder of a finished cross-validation "
            f"(python -m core crossval --out {folder} --resume goes on with one)"
        )
    table = read_predictions(path)
    table = table[~table["seen_in_training"].astype(bool)]
    row_of = {photo: row for row, photo in enumerate(rows.text["photo_id"])}
    table = table[table["photo_id"].isin(row_of)].reset_index(drop=True)
    if table.empty:
        raise ConfigError(
            f"{path} is about none of the photos in {rows.root} that it was not trained on: give "
            "the folder of a cross-validation of this dataset"
        )
    row = np.array([row_of[photo] for photo in table["photo_id"]], np.int64)
    place = np.full((len(table), 2), np.nan)
    if "true_north_m" in table:
        place[:, 0], place[:, 1] = table["true_north_m"], table["true_east_m"]
    return Answers(table, row, place, _neighbours(table))


def unchanged(answers: Answers, rows: LabelRows, column: str) -> np.ndarray:
    """Flag `(n,)` photos whose region, position or heading is still what was judged."""
    row = answers.row
    if column == "region":
        return np.asarray(rows.region[row] == answers.given)
    if column == "heading":
        turned = heading_error_deg(rows.heading_deg[row], answers.column("true_angle"))
        return np.asarray(turned < 1e-3)
    labels = np.column_stack([rows.latitude[row], rows.longitude[row]])
    judged = np.column_stack([answers.column("true_latitude"), answers.column("true_longitude")])
    return np.asarray(np.isclose(labels, judged, rtol=1e-12, atol=1e-9).all(axis=1))


def _neighbours(table: pd.DataFrame) -> tuple[np.ndarray, ...]:
    if "neighbours" not in table:
        return tuple(np.empty(0, np.int64) for _ in range(len(table)))
    place = {photo: number for number, photo in enumerate(table["photo_id"])}
    listed: Sequence[str] = table["neighbours"].fillna("").astype(str).tolist()
    return tuple(
        np.array([place[photo] for photo in text.split(";") if photo in place], np.int64)
        for text in listed
    )


# # A poor model must not accuse right labels, however sure it says it is. So it is measured: of the
# photos of which it is as sure, it must agree with nearly all labels, as most labels are right. The
# training photos that look most alike must agree with one another and with it; they are of other
# folds, so they never saw the label.


KINDS = {
    "unlikely_region": "a region that a model which never saw the photo finds unlikely",
    "unlikely_position": "a position far from where such a model and look-alikes place the photo",
    "unlikely_heading": "a heading far from what such a model and look-alikes say",
}
# Fewer look-alikes than these agree by chance.
FEWEST = 3
FAR_Z = 4.0
LEAST_M, LEAST_DEG = 30.0, 45.0
# Most look-alikes stand within so much of the answer; the mean cosine of their headings to it.
TOGETHER_M, TOGETHER = 25.0, 0.85
SURE = 0.5
NEAREST, AMONG = 10, 0.5
# A model that contradicts more of the labels of which it is so sure is wrong itself.
MOST_DISPUTED = 0.1
_FEWEST_AS_SURE = 30


def needs(rows: LabelRows, config: AuditConfig) -> str:
    """Need a cross-validation."""
    del rows
    return "" if config.crossval else "it needs a cross-validation of the dataset (--crossval DIR)"


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find unlikely regions, positions and headings; labels changed since then are skipped."""
    assert config.crossval is not None
    answers = read_answers(config.crossval, rows)
    # What nobody labelled was not predicted either.
    if {"true_region", "region"} <= set(answers.table):
        yield from _regions(answers, rows)
    if "error_refined_m" in answers.table:
        yield from _positions(answers, rows)
    if "heading_error_refined_deg" in answers.table:
        yield from _headings(answers, rows)


def _regions(answers: Answers, rows: LabelRows) -> Iterator[Finding]:
    """Confident learning: the model names another region at least as surely as it usually does.

    Usual is the mean probability of a region among the photos labelled with it (Northcutt, Jiang &
    Chuang 2021, "Confident Learning", eq. 2).
    """
    mean = pd.Series(answers.given_probability).groupby(answers.given).mean()
    usual = pd.Series(answers.said).map(mean).to_numpy(np.float64)
    known = answers.given != ""
    support = np.array(
        [_share(answers.given[near[known[near]]] == said)
         for near, said in zip(answers.neighbours, answers.said, strict=True)]
    )  # fmt: skip
    around = _around(answers)
    other = known & (answers.said != answers.given)
    doubt = _disputed(known, answers.said_probability * support, other)
    # A photo across a border shows the other region: it must also stand among its photos, if it
    # is known where it stands.
    beside = np.where(np.isnan(around), support, around)
    suspect = other & (answers.said_probability >= usual) & (beside >= AMONG)
    suspect &= doubt < MOST_DISPUTED
    for place in np.flatnonzero(suspect & unchanged(answers, rows, "region")):
        said, given = str(answers.said[place]), str(answers.given[place])
        margin = float(answers.said_probability[place] - answers.given_probability[place])
        evidence = max(margin, 0.0) * float(support[place]) * float(beside[place])
        there = (
            ""
            if np.isnan(around[place])
            else (f", and {percent(around[place])} of the nearest in space")
        )
        yield row_finding(
            rows, int(answers.row[place]), "unlikely_region", "Region_ID",
            said if evidence >= SURE else "", _score(evidence, doubt[place]),
            f"the model says region {said} with {percent(answers.said_probability[place])} and "
            f"{given} with {percent(answers.given_probability[place])}; of the "
            f"{len(answers.neighbours[place])} most similar training photos "
            f"{percent(support[place])} are in {said}{there}; "
            f"{_in_words(doubt[place])}",
        )  # fmt: skip


def _around(answers: Answers) -> Floats:
    """Share of the photos nearest in space that are labelled with the region the model names.

    NaN for a photo without a position.
    """
    share = np.full(len(answers), np.nan)
    placed = np.flatnonzero(np.isfinite(answers.position_m).all(axis=1) & (answers.given != ""))
    if not len(placed):
        return share
    k = min(NEAREST + 1, len(placed))
    place_m = answers.position_m[placed]
    near = placed[cKDTree(place_m).query(place_m, k=k)[1].reshape(len(placed), k)]
    itself = near == placed[:, None]
    same = (answers.given[near] == answers.said[placed, None]) & ~itself
    share[placed] = same.sum(axis=1) / np.maximum((~itself).sum(axis=1), 1)
    return share


def _positions(answers: Answers, rows: LabelRows) -> Iterator[Finding]:
    error = answers.column("error_refined_m")
    known = np.isfinite(error)
    if not known.any():
        return
    z, limit = _far(error, LEAST_M)
    predicted = np.column_stack([answers.column(f"{side}_refined_m") for side in ("north", "east")])
    apart = np.array(
        [_scatter(answers.position_m[near[known[near]]], said)
         for near, said in zip(answers.neighbours, predicted, strict=True)]
    )  # fmt: skip
    doubt = _disputed(known, -apart, error > limit)
    suspect = (error > limit) & (apart < TOGETHER_M) & (doubt < MOST_DISPUTED)
    decimals = label_decimals(rows.frame) if rows.frame else None
    for place in np.flatnonzero(suspect & unchanged(answers, rows, "position")):
        agreement = 1.0 - 0.5 * apart[place] / TOGETHER_M
        evidence = agreement * error[place] / (error[place] + limit)
        answer = [answers.column(f"{name}_refined")[place] for name in ("latitude", "longitude")]
        yield row_finding(
            rows, int(answers.row[place]), "unlikely_position", "position",
            " ".join(written(float(value), decimals) for value in answer),
            _score(evidence, doubt[place]),
            f"the model places it {error[place]:.0f} m away, {z[place]:.1f} robust deviations "
            f"beyond its usual error; most of the {len(answers.neighbours[place]):,} training "
            f"photos most alike stand within {apart[place]:.0f} m of there; "
            f"{_in_words(doubt[place])}",
        )  # fmt: skip


def _headings(answers: Answers, rows: LabelRows) -> Iterator[Finding]:
    error = answers.column("heading_error_refined_deg")
    known = np.isfinite(error)
    if not known.any():
        return
    z, limit = _far(error, LEAST_DEG)
    said = answers.column("angle_refined")
    given = answers.column("true_angle")
    accord = np.array(
        [_accord(given[near[known[near]]], each)
         for near, each in zip(answers.neighbours, said, strict=True)]
    )  # fmt: skip
    doubt = _disputed(known, accord, error > limit)
    suspect = (error > limit) & (accord >= TOGETHER) & (doubt < MOST_DISPUTED)
    for place in np.flatnonzero(suspect & unchanged(answers, rows, "heading")):
        evidence = accord[place] * error[place] / (error[place] + limit)
        yield row_finding(
            rows, int(answers.row[place]), "unlikely_heading", "angle",
            written(round(float(said[place])) % 360), _score(evidence, doubt[place]),
            f"the model says {said[place]:.0f}°, {error[place]:.0f}° away, {z[place]:.1f} robust "
            f"deviations beyond its usual error; the {len(answers.neighbours[place]):,} training "
            f"photos most alike look there too; {_in_words(doubt[place])}",
        )  # fmt: skip


def _disputed(known: np.ndarray, sureness: Floats, contradicts: np.ndarray) -> Floats:
    """`disputed` among the photos that have the label; 1 for the others."""
    doubt = np.ones(len(known))
    doubt[known] = disputed(sureness[known], contradicts[known])
    return doubt


def disputed(sureness: Floats, contradicts: np.ndarray) -> Floats:
    """Share of labels that a model contradicts among the photos of which it is as sure or surer.

    Args:
        sureness: `(n,)`, greater is surer.
        contradicts: `(n,)` whether its answer is another than the label.

    Returns:
        `(n,)` shares, each over at least 30 photos where there are as many.
    """
    order = np.argsort(-sureness, kind="stable")
    n = len(order)
    as_sure = np.searchsorted(-sureness[order], -sureness, side="right")
    as_sure = np.minimum(np.maximum(as_sure, _FEWEST_AS_SURE), n)
    return np.asarray(np.cumsum(contradicts[order])[as_sure - 1] / as_sure)


def _score(evidence: float, doubt: float) -> float:
    return 0.3 + 0.65 * float(evidence) * (1.0 - float(doubt) / MOST_DISPUTED)


def _in_words(doubt: float) -> str:
    return f"where it is as sure it contradicts {percent(doubt, 1)} of the labels"


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) >= FEWEST else 0.0


def _scatter(place_m: Floats, said_m: Floats) -> float:
    """Within how many metres of the answer most look-alikes stand: how sure the position is."""
    if len(place_m) < FEWEST:
        return np.inf
    return float(np.quantile(distance_m(place_m, said_m), 0.6))


def _accord(heading_deg: Floats, said_deg: float) -> float:
    """Mean cosine of the look-alikes' headings to the answer: how sure the heading is."""
    if len(heading_deg) < FEWEST:
        return -1.0
    turned = np.deg2rad(heading_difference_deg(heading_deg, said_deg))
    return float(np.cos(turned).mean())


def _far(error: Floats, least: float) -> tuple[Floats, float]:
    """Robust z of errors `(n,)`, and from which error on one is far; NaN is unknown."""
    middle = float(np.nanmedian(error))
    spread = max(1.4826 * float(np.nanmedian(np.abs(error - middle))), 1e-9)
    return np.asarray((error - middle) / spread), max(middle + FAR_Z * spread, least)
