"""What a comparison found, as results that pass between rooms."""

from dataclasses import dataclass
from typing import Literal

from core.evaluation.measures import Measure
from core.evaluation.pairing import LeftOut
from core.evaluation.schema import Clusters, Kind

Verdict = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True)
class Difference:
    """One measure of two models.

    Attributes:
        measure: Which.
        reference: The reference's figure.
        candidate: The candidate's figure.
        low: Lower end of the interval of `candidate - reference`; None where there is none.
        high: Its upper end.
        reliable: Whether there are clusters enough to believe the interval.
    """

    measure: Measure
    reference: float
    candidate: float
    low: float | None
    high: float | None
    reliable: bool

    @property
    def difference(self) -> float:
        """`candidate - reference`: of errors, a negative one is an improvement."""
        return self.candidate - self.reference

    @property
    def verdict(self) -> Verdict:
        """The candidate against the reference: distinguishable where the interval excludes 0."""
        if not self.reliable or self.low is None or self.high is None:
            return "not distinguishable"
        if self.low <= 0.0 <= self.high:
            return "not distinguishable"
        return "better" if (self.low > 0.0) == self.measure.higher_is_better else "worse"


@dataclass(frozen=True)
class RegionDifference:
    """One true region: how many photos and clusters, and its entries of `PER_REGION`."""

    region: str
    photos: int
    clusters: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Comparison:
    """A candidate against a reference.

    Attributes:
        reference: Name of the one that is compared with.
        candidate: Name of the other.
        about: The photos in words.
        photos: How many both judged.
        clusters: How many spots or visits these are.
        by: What was drawn as a whole.
        radius_m: Photos this close share a spot; None for visits.
        kind: Whose positions and headings.
        confidence: With which all intervals of this comparison hold at the same time.
        draws: Resamples.
        seed: What seeded them.
        differences: One entry per measure.
        regions: One entry per true region, in the order of their ids.
        left_out: Photos that could not be compared.
    """

    reference: str
    candidate: str
    about: str
    photos: int
    clusters: int
    by: Clusters
    radius_m: float | None
    kind: Kind
    confidence: float
    draws: int
    seed: int
    differences: tuple[Difference, ...]
    regions: tuple[RegionDifference, ...]
    left_out: tuple[LeftOut, ...]

    def measures(self, verdict: Verdict) -> list[Measure]:
        """The measures with this verdict."""
        return [found.measure for found in self.differences if found.verdict == verdict]


@dataclass(frozen=True)
class Compared:
    """Several models against the first of them.

    Attributes:
        reference: Name of the first.
        pairs: One entry per model on the same photos.
        unranked: Names of the others, and why they are not ranked.
    """

    reference: str
    pairs: tuple[Comparison, ...]
    unranked: dict[str, str]
