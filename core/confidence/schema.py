"""What `calibration.json` holds; read by lists and pages, so this module imports nothing heavy."""

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION = 3
"""Version 1 knew photos with the whole gallery only, and version 2 had no curves of sizes: all that
they hold means the same."""
LEVELS = (0.5, 0.9)
"""How often a radius, a region and a wedge hold the truth."""
Pair = tuple[float | None, float | None]
"""One value a level of `LEVELS`; None where too few photos were there to promise it."""

Growth = Annotated[tuple[float, ...], Field(min_length=len(LEVELS), max_length=len(LEVELS))]
"""One number a level of `LEVELS`: how much more a size grows with the chance of an unseen view."""
NO_GROWTH = (0.0, 0.0)


_Positive = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RegionFit(_Part):
    """Region probabilities are raised to `1 / temperature` and brought to a sum of 1.

    `before` and `after` hold `nll`, `ece` and `brier` on the calibration photos; `after` by
    cross-fitting: each photo under a temperature that was fitted without its spot.
    """

    temperature: float = Field(gt=0)
    before: dict[str, float]
    after: dict[str, float]


class SizeCurve(_Part):
    """Factor of a size by the log-odds of an unseen view.

    Its logarithm is linear between knots and constant beyond the first and last.

    Attributes:
        log_odds: Of the knots, ascending.
        log_factor: At each knot.
    """

    log_odds: tuple[float, ...] = Field(min_length=1)
    log_factor: tuple[float, ...]

    @model_validator(mode="after")
    def _check_knots(self) -> Self:
        ascending = all(a < b for a, b in pairwise(self.log_odds))
        if len(self.log_odds) != len(self.log_factor) or not ascending:
            raise ValueError("a curve of sizes needs one factor for each of its ascending knots")
        return self


Curves = Annotated[tuple[SizeCurve, ...], Field(min_length=len(LEVELS), max_length=len(LEVELS))]
"""One curve a level of `LEVELS`."""


class DensityFit(_Part):
    """Where a photo may be: a mixture of bells about retrieved positions and the network's own.

    Attributes:
        softness: Retrieved positions weigh as exp(similarity / softness).
        retrieved_m: Standard deviation of the bell about a retrieved position.
        own_share: Share of the bell about the answer's own position.
        own_m: Its standard deviation.
        campus_share: Share of one wide bell over the campus, for photos that mislead altogether.
        campus_centre_m: Its centre, `[north_m, east_m]`.
        campus_m: Its standard deviation.
    """

    softness: float = Field(gt=0)
    retrieved_m: float = Field(gt=0)
    own_share: float = Field(ge=0, le=1)
    own_m: float = Field(gt=0)
    campus_share: float = Field(ge=0, le=1)
    campus_centre_m: tuple[float, float]
    campus_m: float = Field(gt=0)


class ScaleFit(_Part):
    """Expected size of an error: `exp(intercept + slopes . clues + unseen log-odds)`.

    The odds are those that no training photo shows the view.
    """

    intercept: float
    slopes: tuple[float, ...]
    unseen: float = 0.0


class PositionFit(_Part):
    """The density, the mass of its highest part that holds the truth, and the radius.

    `mass` is what share of a photo's own density a region must hold at each level; the radius at a
    level is `ratio` times the expected error, by more where a view may be unseen.

    Attributes:
        density: Of photos whose view a training photo shows.
        unseen: Of photos whose view no training photo shows; None: nothing is known of them. A
            photo's density mixes both by the probability that its view is unseen.
        mass: At each level.
        mass_growth: Of files up to version 2, see `core.confidence.apply.growth`.
        mass_curves: Growth of the mass, in place of `mass_growth`.
        scale: Expected error.
        ratio: At each level.
        ratio_growth: Like `mass_growth`.
        ratio_curves: In place of `ratio_growth`.
    """

    density: DensityFit
    unseen: DensityFit | None = None
    mass: Pair
    mass_growth: Growth = NO_GROWTH
    mass_curves: Curves | None = None
    scale: ScaleFit
    ratio: Pair
    ratio_growth: Growth = NO_GROWTH
    ratio_curves: Curves | None = None


class HeadingFit(_Part):
    """The half-width of the wedge at a level is `ratio` times the expected error, 180 at most."""

    scale: ScaleFit
    ratio: Pair
    ratio_growth: Growth = NO_GROWTH
    ratio_curves: Curves | None = None


class AppearanceFit(_Part):
    """The appearance of genuine photos: a normal distribution of standardised numbers."""

    mean: tuple[float, ...]
    std: tuple[_Positive, ...]
    precision: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        lengths = {len(self.std), len(self.precision), *map(len, self.precision)}
        if lengths != {len(self.mean)}:
            raise ValueError("mean, std and precision of the appearance must have one length")
        return self


class RefusalFit(_Part):
    """How unlike the campus a photo is: `intercept - weights . z`, z the signals made comparable.

    Attributes:
        appearance: What gives the last signal.
        signals: Names of what is looked at.
        low: Signals are not followed below this; what lies there is known to be odd already.
        high: The same, above.
        mean: Of the genuine calibration photos.
        std: Of the genuine calibration photos.
        weights: Greater: more like the campus.
        intercept: Added.
        threshold: Photos with a greater score are refused.
        accepted: Share of genuine photos that the threshold accepts.
        negatives: How many photos of each kind were made up to fit the weights.
    """

    appearance: AppearanceFit
    signals: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[_Positive, ...]
    weights: tuple[float, ...]
    intercept: float
    threshold: float
    accepted: float
    negatives: dict[str, int]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        rows = (self.low, self.high, self.mean, self.std, self.weights)
        if any(len(row) != len(self.signals) for row in rows):
            raise ValueError("every signal needs its bounds, mean, std and weight")
        return self


class OverlapFit(_Part):
    """Probability that no training photo shows a photo's view: `1 / (1 + exp(line))`.

    The line is `intercept + weights . z`, z the signals within their bounds, made comparable.
    """

    signals: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[_Positive, ...]
    weights: tuple[float, ...]
    intercept: float

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        rows = (self.low, self.high, self.mean, self.std, self.weights)
        if any(len(row) != len(self.signals) for row in rows):
            raise ValueError("every signal needs its bounds, mean, std and weight")
        return self


class Calibration(_Part):
    """What was learnt from photos with known truth about how far answers can be believed.

    Attributes:
        schema_version: Of this file.
        answers: Names the network (or members) and refinement whose answers were scored.
        split_hash: Of the split whose part was used.
        protocol: Of that split: promises hold for photos that are held out like these.
        part: Part of the split.
        photos: How many photos.
        groups: How many spots or visits they are of.
        region: Region probabilities.
        position: Density, region and radius.
        heading: Wedge.
        overlap: Probability that no training photo shows the view; None if the calibration photos
            were answered with the whole gallery only.
        growth_power: Of files up to version 2: sizes grow with the chance of an unseen view to this
            power; 1 in files that do not name it. See `core.confidence.apply.growth`.
        radii_m: They were answered again without the training photos within each of these.
        refusal: Score and threshold; None where too few photos were there to set one.
        notes: What is not predicted or not calibrated, and which labels only some of the photos
            have.

    `region`, `position` and `heading` are None if the model does not predict them, or if too few of
    the photos have the label.
    """

    schema_version: int = SCHEMA_VERSION
    answers: str
    split_hash: str
    protocol: str
    part: str
    photos: int
    groups: int
    region: RegionFit | None
    position: PositionFit | None
    heading: HeadingFit | None
    overlap: OverlapFit | None = None
    growth_power: float = Field(1.0, gt=0)
    radii_m: tuple[float, ...] = ()
    refusal: RefusalFit | None = None
    notes: tuple[str, ...] = ()

    @property
    def about(self) -> dict[str, Any]:
        """On what it was fitted, for reports and pages."""
        names = ("protocol", "part", "photos", "groups", "split_hash")
        return {name: getattr(self, name) for name in names}
