"""Answers read off the place head's distribution: a place, a heading, a region.

A photo of which two places look alike is answered with one of them. A regression would answer with
the point between, where no photo was ever taken.

Every anchor has an offset, bounded by its distance to the next one, that says where around it the
photo stands. In training nobody points the network to the true anchor: the answer that is taught
is the mean over anchors near the truth under the network's own shares, so that every anchor that
may win at test has learnt its own offset (teaching the true cell's alone is what makes offsets
fail at test in OSV-5M's hybrid models, Astruc et al. 2024).
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from core.model.modes import (
    NOTHING,
    modal_direction,
    mode_radius_m,
    spacing,
    strongest_bearing,
    windowed_mean,
    within,
)
from core.model.places import PlaceHead

# How sharply a known heading speaks for the bearings around it: within some 30 degrees.
_KNOWN_CONCENTRATION = 4.0
# Cosine of the angle to the true heading up to which a bearing may begin the search for it.
_NEAR_HEADING = 0.5
_SMALLEST_SHARE = 1e-6


@dataclass(frozen=True)
class Modes:
    """Which mode of n photos' distributions is answered with.

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
    """What the distribution over views says of n photos.

    Attributes:
        position: `(n, 2)` normalised.
        heading: `(n, 2)`; the direction is the mode's, the length says how far all shares agree.
        region: `(n, regions)` logarithms of the regions' shares.
        places: `(n, anchors)` shares of the anchors, adding up to 1, given what is known.
        offset: `(n, anchors, 2)` normalised offsets, where there are any.
        bearings: `(n, bearings)` shares of the bearings, of all places together.
        modes: The modes answered with.
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
            # Photos stand on their anchors until something is known.
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.offset = nn.Sequential(*layers, last)
        self.register_buffer("region_share", torch.full((anchors, regions), 1.0 / regions))

    def put_regions(self, shares: Tensor) -> None:
        """Say which regions lie around each anchor: `(anchors, regions)`, rows adding up to 1."""
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
        """Answer from logits `(n, anchors, bearings)` and features `(n, width)`.

        Known metadata are conditions: P(place | photo, heading) is the share of views at a place
        that face there. The heading's own answer never sees the known heading.

        Args:
            head: Where the anchors stand.
            features: For the offsets.
            logits: The head's.
            known_region: `(n,)`, -1 where unknown.
            known_heading: `(n, 2)` unit vectors, NaN where unknown.
            modes: Answer from these modes; absent: from the strongest.
        """
        views = log_views(logits)
        given_region = views + self._region_term(views, known_region)
        place = (given_region + _heading_term(head, known_heading)).logsumexp(dim=2)
        offset = self.offsets(head, features)
        anchor = _strongest_place(head, place) if modes is None else modes.anchor
        answered = head.placed_anchors.expand(len(place), -1, -1)
        answered = answered if offset is None else answered + offset
        position = windowed_mean(place, _around(head, anchor), answered)
        # Of all places: where two are possible, what they agree on about the direction counts.
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
        where that is less: a lonely anchor answers for the photos around it, not for half the
        campus, and a wide bound would be too steep to learn within.
        """
        if self.offset is None:
            return None
        apart_m = spacing(head.anchors_m, head.placed)
        bound_m = torch.minimum(apart_m, mode_radius_m(apart_m, head.placed))
        bound = bound_m[:, None] / head.spread_m  # (anchors, 2)
        raw: Tensor = self.offset(features.float())
        return raw.reshape(len(features), -1, 2).tanh() * bound

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
    """The position `(n, 2)` that the mode at the truth `(n, 2)` would be answered with."""
    window = _near(head, truth)
    return windowed_mean(log_views(logits).logsumexp(dim=2), window, head.placed_anchors + offset)


def heading_near(head: PlaceHead, logits: Tensor, place: Tensor, heading: Tensor) -> Tensor:
    """The unit vector `(n, 2)` that the mode at the true place and heading would be answered with.

    Args:
        head: Where the anchors stand.
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
