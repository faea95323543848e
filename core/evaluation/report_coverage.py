"""The part of a report that holds calibrated confidence against what was measured."""

from dataclasses import dataclass

from core.headline import Figures, Interval


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often a calibrated size held the truth.

    Attributes:
        promised: Level of the promise.
        measured: Share of photos whose truth was inside; None where sizes or truths are unknown.
        interval: 95 % interval of that share.
        mean_radius_m: Mean size of a radius.
        mean_deg: Mean half-width of a heading wedge.
    """

    promised: float
    measured: float | None
    interval: Interval | None
    mean_radius_m: float | None = None
    mean_deg: float | None = None


@dataclass(frozen=True, kw_only=True)
class CoverageOfPhotos:
    """Coverage of radius, region and heading wedge on n photos, one entry a level."""

    n: int
    radius: tuple[Coverage, ...]
    region: tuple[Coverage, ...]
    wedge: tuple[Coverage, ...]

    @property
    def by_size(self) -> dict[str, tuple[Coverage, ...]]:
        """The three by name."""
        return {"radius": self.radius, "region": self.region, "wedge": self.wedge}


@dataclass(frozen=True, kw_only=True)
class RegionCoverage(CoverageOfPhotos):
    """The same for the photos of one true region."""

    name: str


@dataclass(frozen=True)
class CalibratedOn:
    """The photos that were used to fit the calibration."""

    protocol: str
    part: str
    photos: int
    groups: int
    split_hash: str


@dataclass(frozen=True)
class ProbabilityMetrics:
    """Negative log-likelihood, expected calibration error and Brier score of probabilities."""

    nll: float
    ece: float
    brier: float


@dataclass(frozen=True)
class RegionProbabilities:
    """Region probabilities before and after the temperature."""

    temperature: float
    before: ProbabilityMetrics
    after: ProbabilityMetrics


@dataclass(frozen=True)
class Refused:
    """How many of n genuine photos were refused, and which share was promised."""

    n: int
    count: int
    share: float
    interval: Interval
    promised: float | None


@dataclass(frozen=True)
class RiskCoverage:
    """How well the radius sorts errors (Geifman & El-Yaniv 2017), all in metres.

    Attributes:
        area_m: Area under the curve of mean error over the share of photos answered.
        best_m: That of the best possible order.
        random_m: That of a random order, which is the mean error.
        answered: Every tenth of the photos, the most confident first.
        mean_m: Mean error of those photos.
    """

    area_m: float
    best_m: float
    random_m: float
    answered: tuple[float, ...]
    mean_m: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Accepted(Figures):
    """Refined figures of the photos that were not refused."""

    n: int


@dataclass(frozen=True, kw_only=True)
class UnseenCoverage(CoverageOfPhotos):
    """Coverage on n photos of places without a training photo.

    Attributes:
        radius_m: The search left out the training photos within this of each photo's true position;
            None if the split holds whole blocks of ground out, so that the photos are as they are.
        median_m: Median position error.
        named: Share of the photos whose answer says that no training photo shows the view.
        refused: Share of the photos that are refused.
    """

    radius_m: float | None
    median_m: float | None
    named: float
    refused: float


@dataclass(frozen=True, kw_only=True)
class CoverageReport:
    """Calibrated confidence against what was measured.

    Attributes:
        calibrated_on: Photos used to fit the confidence.
        levels: Levels of the promises.
        overall: Coverage of all photos.
        per_region: Coverage by id of the true region.
        region_probabilities: Before and after calibration; None where there are no regions.
        refused: Genuine photos that were refused.
        confidence: None where radii or positions are unknown.
        accepted: None if every photo is refused.
        named: Share of photos whose answer says that no training photo shows the view; None in
            reports of older versions.
        unseen: Coverage where nobody photographed; None in reports of older versions, or if it
            cannot be simulated: without positions, a gallery, or training photos farther away.
    """

    calibrated_on: CalibratedOn
    levels: tuple[float, ...]
    overall: CoverageOfPhotos
    per_region: dict[str, RegionCoverage]
    region_probabilities: RegionProbabilities | None
    refused: Refused
    confidence: RiskCoverage | None
    accepted: Accepted | None
    named: float | None = None
    unseen: UnseenCoverage | None = None
