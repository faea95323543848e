"""Rows whose label a model that never saw them finds unlikely, where it has reason to be sure.

A wrong model must not accuse right labels: it speaks only where the training photos that look most
alike agree among themselves and with it. They are of other folds, so they never saw the label.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from core.audit.answers import Answers, read_answers, unchanged
from core.audit.finding import Finding
from core.audit.naming import row_finding, written
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.geo import Floats, circular_mean_deg, distance_m, heading_error_deg
from core.inference.records import label_decimals

KINDS = {
    "unlikely_region": "a region that a model which never saw the photo finds unlikely",
    "unlikely_position": "a position far from where such a model and look-alikes place the photo",
    "unlikely_heading": "a heading far from what such a model and look-alikes say",
}
# Fewer look-alikes than these agree by chance.
FEWEST = 3
FAR_Z = 4.0
LEAST_M, LEAST_DEG = 30.0, 45.0
# Look-alikes agree where the middle half of them lie within these of their median.
TOGETHER_M, TOGETHER = 25.0, 0.85
SURE = 0.5


def needs(rows: LabelRows, config: AuditConfig) -> str:
    """Need a cross-validation."""
    del rows
    return "" if config.crossval else "it needs a cross-validation of the dataset (--crossval DIR)"


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find unlikely regions, positions and headings; labels changed since are passed over."""
    assert config.crossval is not None
    answers = read_answers(config.crossval, rows)
    yield from _regions(answers, rows)
    yield from _positions(answers, rows)
    yield from _headings(answers, rows)


def _regions(answers: Answers, rows: LabelRows) -> Iterator[Finding]:
    """Confident learning: the model names another region at least as surely as it usually does.

    Usual is the mean probability of a region among the photos labelled with it (Northcutt, Jiang &
    Chuang 2021, "Confident Learning", eq. 2).
    """
    mean = pd.Series(answers.given_probability).groupby(answers.given).mean()
    usual = pd.Series(answers.said).map(mean).to_numpy(np.float64)
    suspect = (answers.said != answers.given) & (answers.said_probability >= usual)
    for place in np.flatnonzero(suspect & unchanged(answers, rows, "region")):
        near = answers.neighbours[place]
        if len(near) < FEWEST:
            continue
        said, given = str(answers.said[place]), str(answers.given[place])
        support = float((answers.given[near] == said).mean())
        margin = float(answers.said_probability[place] - answers.given_probability[place])
        evidence = max(margin, 0.0) * support
        yield row_finding(
            rows, int(answers.row[place]), "unlikely_region", "Region_ID",
            said if evidence >= SURE else "", 0.3 + 0.65 * evidence,
            f"the model says region {said} with {answers.said_probability[place]:.0%} and "
            f"{given} with {answers.given_probability[place]:.0%}; of the {len(near)} training "
            f"photos most alike {support:.0%} are in {said}",
        )  # fmt: skip


def _positions(answers: Answers, rows: LabelRows) -> Iterator[Finding]:
    error = answers.column("error_refined_m")
    z, limit = _far(error, LEAST_M)
    predicted = np.column_stack([answers.column(f"{side}_refined_m") for side in ("north", "east")])
    decimals = label_decimals(rows.frame) if rows.frame else None
    for place in np.flatnonzero((error > limit) & unchanged(answers, rows, "position")):
        near = answers.neighbours[place]
        if len(near) < FEWEST:
            continue
        middle = np.median(answers.position_m[near], axis=0)
        spread = float(np.median(distance_m(answers.position_m[near], middle)))
        off = float(distance_m(predicted[place], middle))
        if max(spread, off) > TOGETHER_M:
            continue
        agreement = 1.0 - max(spread, off) / (2.0 * TOGETHER_M)
        evidence = agreement * (1.0 - limit / (error[place] + limit))
        answer = [answers.column(f"{name}_refined")[place] for name in ("latitude", "longitude")]
        yield row_finding(
            rows, int(answers.row[place]), "unlikely_position", "position",
            " ".join(written(float(value), decimals) for value in answer), 0.3 + 0.65 * evidence,
            f"the model places it {error[place]:.0f} m away ({z[place]:.1f} robust deviations "
            f"beyond its usual error); half of the {len(near)} training photos most alike stand "
            f"within {spread:.0f} m of one point, {off:.0f} m from there",
        )  # fmt: skip


def _headings(answers: Answers, rows: LabelRows) -> Iterator[Finding]:
    error = answers.column("heading_error_refined_deg")
    z, limit = _far(error, LEAST_DEG)
    given, said = answers.column("true_angle"), answers.column("angle_refined")
    for place in np.flatnonzero((error > limit) & unchanged(answers, rows, "heading")):
        near = answers.neighbours[place]
        if len(near) < FEWEST:
            continue
        mean, length = circular_mean_deg(given[near])
        off = float(heading_error_deg(mean, said[place]))
        if length < TOGETHER or off > LEAST_DEG:
            continue
        evidence = float(length) * (1.0 - off / 90.0) * (1.0 - limit / (error[place] + limit))
        yield row_finding(
            rows, int(answers.row[place]), "unlikely_heading", "angle",
            written(round(float(said[place])) % 360), 0.3 + 0.65 * evidence,
            f"the model says {said[place]:.0f}°, {error[place]:.0f}° away ({z[place]:.1f} robust "
            f"deviations beyond its usual error); the {len(near)} training photos most alike look "
            f"to {float(mean):.0f}° on average",
        )  # fmt: skip


def _far(error: Floats, least: float) -> tuple[Floats, float]:
    """Robust z of errors `(n,)`, and from which error on one is far."""
    middle = float(np.median(error))
    spread = max(1.4826 * float(np.median(np.abs(error - middle))), 1e-9)
    return np.asarray((error - middle) / spread), max(middle + FAR_Z * spread, least)
