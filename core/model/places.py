"""The place head, and the position, heading and region that are read off it.

The head classifies views: an anchor on the ground times a compass bearing. Regression averages what
it cannot decide between, so its features need not tell two places apart; a classification over
views must, which makes the features the ones that retrieval needs. The idea is CosPlace's (Berton
et al. 2022), whose classes are cells and bearings; targets are smoothed by distance as in PIGEON
(Haas et al. 2024).

The position is the strongest mode of the distribution, so a photo that matches two places is
placed at one of them and never at the point between. Every anchor has a learned offset,
bounded by its distance to the next anchor. Training does not use the true anchor alone: the
position loss takes the mean over anchors near the truth under the network's own shares, so that
every anchor that may win at test has learned its offset (training the true cell's offset alone is
what makes offsets fail at test in OSV-5M's hybrid models, Astruc et al. 2024).
"""

from dataclasses import dataclass
from typing import Self, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from numpy.typing import NDArray
from torch import Tensor, nn

from core.geo import Floats

# Bearings within about 30 degrees of each other are one direction, opposite ones never.
_KERNEL = 4.0
# Each round halves the way from the nearest bearing to the mode: a sixteenth of it is left.
_ROUNDS = 4
# A mode reaches this many times the usual distance between neighbouring anchors.
_REACH = 1.5
# Logarithm of a share that counts for nothing, and still has a gradient of 0 rather than NaN.
NOTHING = -1e4
# Concentration (von Mises) of a known heading over bearings: about 30 degrees either way.
_KNOWN_CONCENTRATION = 4.0
# Cosine of the angle to the true heading up to which a bearing may begin the search for it.
_NEAR_HEADING = 0.5
_SMALLEST_SHARE = 1e-6


def spacing(anchors_m: Tensor, placed: Tensor) -> Tensor:
    """Metres `(anchors,)` from every anchor `(anchors, 2)` to the nearest other placed one.

    An anchor that is alone has a spacing of 1 m, one that is not placed of 0.
    """
    apart = _apart(anchors_m, anchors_m)
    neither = torch.eye(len(placed), dtype=torch.bool, device=apart.device) | ~placed[None]
    nearest = apart.masked_fill(neither, torch.inf).min(dim=1).values
    return torch.where(nearest.isinf(), 1.0, nearest) * placed


def mode_radius_m(spacing_m: Tensor, placed: Tensor) -> Tensor:
    """How far from its middle a mode reaches, in metres, a scalar."""
    # The lower median, by operations that ONNX has.
    spaces = spacing_m.masked_fill(~placed, torch.inf).sort().values
    # Not by a number, for which a GPU would have to be asked.
    middle = (placed.sum() - 1) // 2
    return _REACH * spaces.gather(0, middle[None])[0]


def within(first_m: Tensor, second_m: Tensor, radius_m: Tensor) -> Tensor:
    """Which of `second_m` `(k, 2)` lie within a radius of each of `first_m` `(n, 2)`: `(n, k)`.

    The nearest one does in any case.
    """
    apart = _apart(first_m, second_m)
    return apart <= torch.maximum(radius_m, apart.min(dim=1, keepdim=True).values)


def _apart(first_m: Tensor, second_m: Tensor) -> Tensor:
    """Distances `(n, k)` of points `(n, 2)` and `(k, 2)`; ONNX has no `cdist`."""
    return (first_m[:, None] - second_m[None]).square().sum(dim=2).sqrt()


def windowed_mean(log_share: Tensor, window: Tensor, places: Tensor) -> Tensor:
    """Mean `(n, 2)` of places `(n, k, 2)` inside a window `(n, k)`, by shares `(n, k)`."""
    share = log_share.masked_fill(~window, NOTHING).softmax(dim=1)
    return (share[:, :, None] * places).sum(dim=1)


def strongest_bearing(share: Tensor, units: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Index `(n,)` of the bearing with most of `share` `(n, bearings)` around it.

    Args:
        share: Non-negative.
        units: `(bearings, 2)` unit vectors.
        allowed: `(n, bearings)`, which may be chosen; absent: all.
    """
    support = share @ torch.exp(_KERNEL * (units @ units.T - 1.0))
    return (support if allowed is None else support.masked_fill(~allowed, -1.0)).argmax(dim=1)


def modal_direction(share: Tensor, units: Tensor, start: Tensor) -> Tensor:
    """Unit vector `(n, 2)` of the mode of `share` `(n, bearings)` that the start `(n,)` lies in.

    Mean shift on the circle with a von Mises kernel (Kobayashi & Otsu 2010), a few rounds: smooth
    in the shares, independent of other directions, and between bearings if the shares are.
    """
    direction = units[start]
    for _ in range(_ROUNDS):
        near = share * torch.exp(_KERNEL * (direction @ units.T - 1.0))
        direction = F.normalize(near @ units, dim=1, eps=1e-12)
    return direction


class PlaceHead(nn.Module):
    """A linear classifier over `anchors` places times `bearings` compass bearings.

    The anchors are training positions' k-means centres; `set_anchors` puts them in. They are saved
    with the weights. If photos were taken at fewer places than there are anchors, the others are
    not placed (NaN) and never chosen.
    """

    anchors: Tensor
    spread_m: Tensor

    def __init__(self, width: int, anchors: int, bearings: int) -> None:
        """Make the head for features of `width`, with anchors yet to be placed."""
        super().__init__()
        self.shape = (anchors, bearings)
        self.classify = nn.Linear(width, anchors * bearings)
        self.register_buffer("anchors", torch.zeros(anchors, 2))  # normalised (north, east)
        self.register_buffer("spread_m", torch.ones(2))  # metres per normalised unit

    def forward(self, features: Tensor) -> Tensor:
        """Logits `(n, anchors, bearings)` of features `(n, width)`."""
        logits: Tensor = self.classify(features)
        logits = logits.reshape(-1, *self.shape)
        return logits.masked_fill(~self.placed[:, None], NOTHING)

    @property
    def placed(self) -> Tensor:
        """Which anchors `(anchors,)` have a position."""
        return self.anchors.isfinite().all(dim=1)

    @property
    def placed_anchors(self) -> Tensor:
        """Anchors `(anchors, 2)`, normalised; 0 where not placed."""
        return self.anchors.nan_to_num()

    @property
    def anchors_m(self) -> Tensor:
        """Metres `(anchors, 2)` of the anchors from the normaliser's centre; 0 where not placed."""
        return self.placed_anchors * self.spread_m

    def set_anchors(self, normalised: NDArray[np.float32], spread_m: tuple[float, float]) -> None:
        """Place anchors `(k, 2)`, normalised, with the metres of a unit per axis.

        `k` is at most the number of anchors; the others stay without a place.
        """
        self.anchors.fill_(torch.nan)
        self.anchors[: len(normalised)] = torch.from_numpy(normalised)
        self.spread_m.copy_(torch.tensor(spread_m))

    def targets(
        self, position: Tensor, heading: Tensor, sigma_m: float, concentration: float
    ) -> Tensor:
        """Soft targets `(n, anchors, bearings)`, each photo's adding up to 1.

        Anchors share by a Gaussian of their distance in metres, bearings by a von Mises density.

        Args:
            position: `(n, 2)` normalised true positions.
            heading: `(n, 2)` unit vectors `(cos, sin)` of the true headings.
            sigma_m: Standard deviation of the Gaussian.
            concentration: The von Mises density's kappa.
        """
        bearing = (concentration * heading @ self.bearing_units().T).softmax(dim=1)
        place = self.shares(position, sigma_m)
        return place[:, :, None] * bearing[:, None, :]

    def shares(self, position: Tensor, sigma_m: float) -> Tensor:
        """Shares `(n, anchors)` of the anchors in photos at normalised positions `(n, 2)`."""
        away_m = (position[:, None] - self.placed_anchors) * self.spread_m  # (n, anchors, 2)
        nearness = -away_m.square().sum(dim=2) / (2.0 * sigma_m**2)
        return nearness.masked_fill(~self.placed, -torch.inf).softmax(dim=1)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of logits with soft targets, both `(n, anchors, bearings)`."""
        return F.cross_entropy(logits.flatten(1).float(), targets.flatten(1))

    def place_loss(self, logits: Tensor, shares: Tensor) -> Tensor:
        """Cross-entropy of logits `(n, anchors, bearings)` with shares `(n, anchors)`.

        Where a photo faced is not asked: an anchor has the probability of all its bearings.
        """
        return F.cross_entropy(logits.float().logsumexp(dim=2), shares)

    def bearing_units(self) -> Tensor:
        """Unit vectors `(bearings, 2)` of the bearings, from north clockwise."""
        bearings = self.shape[1]
        angle = torch.arange(bearings, device=self.anchors.device) * (2.0 * torch.pi / bearings)
        return torch.stack([angle.cos(), angle.sin()], dim=1)


def find_anchors(position_m: Floats, anchors: int, seed: int) -> Floats:
    """Anchors in metres: k-means centres of training positions `(n, 2)`.

    Returns:
        `(anchors, 2)`, or fewer if the photos were taken at fewer different positions.
    """
    from sklearn.cluster import KMeans  # only runs with a place head need it

    distinct_m = np.unique(position_m, axis=0)
    if len(distinct_m) <= anchors:
        return distinct_m
    clusters = KMeans(anchors, n_init=1, random_state=seed).fit(position_m)
    return cast(Floats, clusters.cluster_centers_)


@dataclass(frozen=True)
class Modes:
    """The mode of each of n photos' distributions that the prediction is read off.

    Attributes:
        anchor: `(n,)` the anchor in its middle.
        bearing: `(n,)` the bearing nearest to it.
    """

    anchor: Tensor
    bearing: Tensor

    def repeated(self, n: int) -> Self:
        """The same mode for `n` images, of a single photo's."""
        return type(self)(self.anchor.expand(n), self.bearing.expand(n))


@dataclass(frozen=True)
class PlaceAnswer:
    """Position, heading and region of n photos, read off the distribution over views.

    Attributes:
        position: `(n, 2)` normalised.
        heading: `(n, 2)`; the direction is the mode's, the length is how far all shares agree.
        region: `(n, regions)` logarithms of the regions' shares.
        places: `(n, anchors)` shares of the anchors, adding up to 1, given what is known.
        offset: `(n, anchors, 2)` normalised offsets, if there are any.
        bearings: `(n, bearings)` shares of the bearings, of all places together.
        modes: The modes that position and heading are read off.
    """

    position: Tensor
    heading: Tensor
    region: Tensor
    places: Tensor
    offset: Tensor | None
    bearings: Tensor
    modes: Modes


class PlaceAnswers(nn.Module):
    """Offsets of the anchors, and the regions around them; reads the logits of a `PlaceHead`."""

    region_share: Tensor

    def __init__(
        self, width: int, anchors: int, regions: int, hidden: int | None, dropout: float
    ) -> None:
        """Make the layers for features of `width`; without `hidden` there are no offsets."""
        super().__init__()
        self.offset = None
        if hidden is not None:
            layers = (nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout))
            last = nn.Linear(hidden, 2 * anchors)
            # Before training, photos are predicted at their anchors.
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.offset = nn.Sequential(*layers, last)
        share = torch.full((anchors, regions), 1.0 / max(1, regions))
        self.register_buffer("region_share", share)

    def set_regions(self, shares: Tensor) -> None:
        """Store the regions around each anchor: `(anchors, regions)`, rows adding up to 1."""
        self.region_share.copy_(shares)

    def forward(
        self,
        head: PlaceHead,
        features: Tensor,
        logits: Tensor,
        known_region: Tensor | None = None,
        known_heading: Tensor | None = None,
        modes: Modes | None = None,
    ) -> PlaceAnswer:
        """Predict from logits `(n, anchors, bearings)` and features `(n, width)`.

        Known metadata are conditions: P(place | photo, heading) is the share of views at a place
        that face there. The predicted heading never uses the known heading.

        Args:
            head: Holds the anchors.
            features: For the offsets.
            logits: The head's.
            known_region: `(n,)`, -1 where unknown.
            known_heading: `(n, 2)` unit vectors, NaN where unknown.
            modes: Predict from these modes; absent: from the strongest.
        """
        views = log_views(logits)
        given_region = views + self._region_term(views, known_region)
        place = (given_region + _heading_term(head, known_heading)).logsumexp(dim=2)
        offset = self.offsets(head, features)
        anchor = _strongest_place(head, place) if modes is None else modes.anchor
        answered = head.placed_anchors.expand(place.shape[0], -1, -1)
        answered = answered if offset is None else answered + offset
        position = windowed_mean(place, _around(head, anchor), answered)
        # Over all places: if two are possible, the direction that they agree on counts.
        bearings = given_region.logsumexp(dim=1).softmax(dim=1)
        heading, bearing = _heading(head, bearings, modes)
        region = views.logsumexp(dim=2).exp() @ self.region_share
        return PlaceAnswer(
            position,
            heading,
            region.clamp(min=_SMALLEST_SHARE).log(),
            place.softmax(dim=1),
            offset,
            bearings,
            Modes(anchor, bearing),
        )

    def offsets(self, head: PlaceHead, features: Tensor) -> Tensor | None:
        """Normalised offsets `(n, anchors, 2)` of features `(n, width)`.

        North and east, each is at most the distance to the next anchor, or the radius of a mode
        if that is less: a lonely anchor covers the photos around it, not half the campus, and a
        wide bound would be too steep to learn.
        """
        if self.offset is None:
            return None
        apart_m = spacing(head.anchors_m, head.placed)
        bound_m = torch.minimum(apart_m, mode_radius_m(apart_m, head.placed))
        bound = bound_m[:, None] / head.spread_m  # (anchors, 2)
        raw: Tensor = self.offset(features.float())
        return raw.reshape(features.shape[0], -1, 2).tanh() * bound

    def _region_term(self, views: Tensor, known: Tensor | None) -> Tensor:
        if known is None:
            return views.new_zeros(())
        share = self.region_share.T[known.clamp(min=0)]  # (n, anchors)
        term = share.clamp(min=_SMALLEST_SHARE).log()
        return torch.where((known < 0)[:, None], 0.0, term)[:, :, None]


def log_views(logits: Tensor) -> Tensor:
    """Logarithms of the shares of all views, `(n, anchors, bearings)` like the logits."""
    return logits.float().flatten(1).log_softmax(dim=1).reshape(logits.shape)


def position_near(head: PlaceHead, logits: Tensor, offset: Tensor, truth: Tensor) -> Tensor:
    """The position `(n, 2)` that would be predicted from the mode at the truth `(n, 2)`."""
    window = _near(head, truth)
    return windowed_mean(log_views(logits).logsumexp(dim=2), window, head.placed_anchors + offset)


def heading_near(head: PlaceHead, logits: Tensor, place: Tensor, heading: Tensor) -> Tensor:
    """The unit vector `(n, 2)` that would be predicted from the mode at the true place and heading.

    Args:
        head: Holds the anchors.
        logits: `(n, anchors, bearings)`.
        place: `(n, 2)` normalised true positions; NaN: views of all places count.
        heading: `(n, 2)` true unit vectors.
    """
    unknown = place.isnan().any(dim=1, keepdim=True)
    window = _near(head, place.nan_to_num()) | unknown
    share = _bearing_shares(log_views(logits), window)
    units = head.bearing_units()
    # Half of the circle at least holds a bearing, however few there are.
    nearest = (heading @ units.T).max(dim=1, keepdim=True).values
    allowed = heading @ units.T >= nearest.clamp(max=_NEAR_HEADING)
    return modal_direction(share, units, strongest_bearing(share, units, allowed))


def _heading_term(head: PlaceHead, known: Tensor | None) -> Tensor:
    if known is None:
        return head.anchors.new_zeros(())
    unknown = known.isnan().any(dim=1, keepdim=True)
    facing = known.nan_to_num().float() @ head.bearing_units().T  # (n, bearings)
    return torch.where(unknown, 0.0, _KNOWN_CONCENTRATION * facing)[:, None, :]


def _strongest_place(head: PlaceHead, log_place: Tensor) -> Tensor:
    """The anchor `(n,)` with most of the shares around it."""
    support = log_place.softmax(dim=1) @ _close(head).float()
    return support.masked_fill(~head.placed, -1.0).argmax(dim=1)


def _around(head: PlaceHead, anchor: Tensor) -> Tensor:
    """The window `(n, anchors)` of modes whose middles are the anchors `(n,)`."""
    return _close(head)[anchor]


def _close(head: PlaceHead) -> Tensor:
    """Which anchors belong to the mode around each anchor, `(anchors, anchors)`."""
    places_m, placed = head.anchors_m, head.placed
    radius_m = mode_radius_m(spacing(places_m, placed), placed)
    return within(places_m, places_m, radius_m) & placed


def _near(head: PlaceHead, position: Tensor) -> Tensor:
    """Which anchors `(n, anchors)` belong to a mode at normalised positions `(n, 2)`."""
    placed = head.placed
    radius_m = mode_radius_m(spacing(head.anchors_m, placed), placed)
    # Anchors that are not placed must not be the nearest.
    places_m = torch.where(placed[:, None], head.anchors_m, 1e9)
    return within(position * head.spread_m, places_m, radius_m)


def _bearing_shares(views: Tensor, window: Tensor) -> Tensor:
    """Shares `(n, bearings)` of the bearings at the places of a window, adding up to 1."""
    return views.masked_fill(~window[:, :, None], NOTHING).logsumexp(dim=1).softmax(dim=1)


def _heading(head: PlaceHead, share: Tensor, modes: Modes | None) -> tuple[Tensor, Tensor]:
    """Heading vectors `(n, 2)` of shares `(n, bearings)`, and the bearings they are read at."""
    units = head.bearing_units()
    bearing = strongest_bearing(share, units) if modes is None else modes.bearing
    agreement = ((share @ units).square().sum(dim=1, keepdim=True) + 1e-12).sqrt()
    return modal_direction(share, units, bearing) * agreement, bearing
