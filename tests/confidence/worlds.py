"""Answers about invented photos whose truth is known, drawn so that all of them are alike."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.confidence.evidence import Evidence
from core.confidence.fit import GroundTruth
from core.confidence.schema import DensityFit
from core.geo import Floats, wrap_heading_deg

REGIONS = 3


@dataclass(frozen=True)
class Invented:
    """The arrays of n predictions that a calibration reads."""

    region_probabilities: Floats
    position_m: Floats
    position_refined_m: Floats
    heading_deg: Floats
    heading_refined_deg: Floats
    heading_length: Floats
    evidence: Evidence | None

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.position_m)

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """The answers about some of the photos."""
        names = [field.name for field in fields(self) if field.name != "evidence"]
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **arrays, evidence=self.evidence and self.evidence.rows(rows))


def world(
    n: int, seed: int, *, shift_m: float = 0.0, neighbours: int = 8, names: tuple[str, ...] = ()
) -> tuple[Invented, GroundTruth]:
    """Photos with errors of many sizes, which neighbours and network tell of.

    Args:
        n: How many, two of each spot.
        seed: Draws them.
        shift_m: Moves every answer off by so much: photos of another visit, say.
        neighbours: Training photos a photo.
        names: Signals, higher for genuine photos.
    """
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-200.0, 200.0, (n, 2))
    doubt = rng.uniform(1.0, 25.0, n)  # metres
    places = truth[:, None] + doubt[:, None, None] * rng.normal(size=(n, neighbours, 2))
    pin = truth + 0.6 * doubt[:, None] * rng.normal(size=(n, 2)) + shift_m
    heading = rng.uniform(0.0, 360.0, n)
    turn = doubt * 2.0
    headings = heading[:, None] + turn[:, None] * rng.normal(size=(n, neighbours))
    region = rng.integers(0, REGIONS, n)
    logit = rng.normal(size=(n, REGIONS)) + 2.0 * np.eye(REGIONS)[region]
    share = np.exp(6.0 * (logit - logit.max(axis=1, keepdims=True)))
    evidence = Evidence(
        places + shift_m,
        wrap_heading_deg(headings),
        rng.integers(0, REGIONS, (n, neighbours)),
        np.sort(rng.uniform(0.5, 0.99, (n, neighbours)), axis=1)[:, ::-1],
        np.zeros(neighbours, np.int64),
        np.ones(1),
        rng.normal(size=(n, 4))
        @ np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        rng.normal(2.0, 1.0, (n, len(names))),
        names,
    )
    answers = Invented(
        region_probabilities=share / share.sum(axis=1, keepdims=True),
        position_m=truth + doubt[:, None] * rng.normal(size=(n, 2)),
        position_refined_m=pin,
        heading_deg=wrap_heading_deg(heading + turn * rng.normal(size=n)),
        heading_refined_deg=wrap_heading_deg(heading + turn * rng.normal(size=n) + shift_m),
        heading_length=np.exp(-turn / 60.0),
        evidence=evidence,
    )
    return answers, GroundTruth(truth, heading, region, np.arange(n) // 2)


def unseen(answers: Invented, known: GroundTruth, lower: float) -> Invented:
    """The answers as if nobody had photographed around the photos: neighbours agree elsewhere.

    Args:
        answers: With signals.
        known: Their truth.
        lower: By how much signals are lower, in their standard deviations.
    """
    evidence = answers.evidence
    assert evidence is not None
    away = np.random.default_rng(9).normal(0.0, 40.0, (len(answers), 2))
    turned = (answers.heading_refined_deg - known.heading_deg + 180.0) % 360.0 - 180.0
    return replace(
        answers,
        position_m=answers.position_m + away,
        position_refined_m=answers.position_refined_m + away,
        heading_refined_deg=wrap_heading_deg(known.heading_deg + 2.0 * turned),
        evidence=replace(
            evidence,
            position_m=evidence.position_m + away[:, None],
            signals=evidence.signals - lower,
        ),
    )


def together(first: Invented, second: Invented) -> Invented:
    """The answers of both, one after the other."""
    names = [field.name for field in fields(first) if field.name != "evidence"]
    arrays = {n: np.concatenate([getattr(first, n), getattr(second, n)]) for n in names}
    assert first.evidence is not None
    assert second.evidence is not None
    return replace(first, **arrays, evidence=Evidence.joined([first.evidence, second.evidence]))


def density_fit(**changes: Any) -> DensityFit:  # noqa: ANN401 - any field of the schema
    """A mixture of some metres."""
    usual = {
        "softness": 0.03, "retrieved_m": 4.0, "own_share": 0.1, "own_m": 6.0,
        "campus_share": 0.01, "campus_centre_m": (0.0, 0.0), "campus_m": 150.0,
    }  # fmt: skip
    return DensityFit.model_validate(usual | changes)
