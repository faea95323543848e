"""The place head: a photo's place and heading as a soft choice between views.

Regression must average what it cannot decide between, so its features need not tell two places
apart. A classification over views (an anchor on the ground and a compass bearing) must, which makes
the features the ones that retrieval needs: the idea of CosPlace (Berton et al. 2022), whose classes
are cells and bearings, with targets smoothed by distance as PIGEON (Haas et al. 2024) does.
"""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own spelling
from numpy.typing import NDArray
from torch import Tensor, nn

from core.geo import Floats
from core.model.modes import NOTHING


class PlaceHead(nn.Module):
    """A linear classifier over `anchors` places times `bearings` compass bearings.

    The anchors are training positions' k-means centres; `put_anchors` puts them in. They are saved
    with the weights. Where photos stand on fewer places than there are anchors, the others are not
    placed (NaN) and never chosen.
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
        """Which anchors `(anchors,)` stand somewhere."""
        return self.anchors.isfinite().all(dim=1)

    @property
    def placed_anchors(self) -> Tensor:
        """Anchors `(anchors, 2)`, normalised; 0 where not placed."""
        return self.anchors.nan_to_num()

    @property
    def anchors_m(self) -> Tensor:
        """Metres `(anchors, 2)` of the anchors from the normaliser's centre; 0 where not placed."""
        return self.placed_anchors * self.spread_m

    def put_anchors(self, normalised: NDArray[np.float32], spread_m: tuple[float, float]) -> None:
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

    def bearing_units(self) -> Tensor:
        """Unit vectors `(bearings, 2)` of the bearings, from north clockwise."""
        bearings = self.shape[1]
        angle = torch.arange(bearings, device=self.anchors.device) * (2.0 * torch.pi / bearings)
        return torch.stack([angle.cos(), angle.sin()], dim=1)


def find_anchors(position_m: Floats, anchors: int, seed: int) -> Floats:
    """Anchors in metres: k-means centres of training positions `(n, 2)`.

    Returns:
        `(anchors, 2)`, or fewer where the photos stand on fewer different positions.
    """
    from sklearn.cluster import KMeans  # only runs with a place head need it

    places = np.unique(position_m, axis=0)
    if len(places) <= anchors:
        return places
    found = KMeans(anchors, n_init=1, random_state=seed).fit(position_m)
    return cast(Floats, found.cluster_centers_)
