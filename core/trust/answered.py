"""What a calibration reads of `core.inference.prediction.Prediction`.

A protocol, because predictions carry the confidence that is computed here.
"""

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats
from core.trust.support import Support


class Answered(Protocol):
    """Answers about n photos."""

    @property
    def region_probabilities(self) -> Floats:
        """`(n, R)`, with the neighbours' votes."""

    @property
    def position_m(self) -> Floats:
        """`(n, 2)` of the network."""

    @property
    def position_refined_m(self) -> Floats:
        """`(n, 2)`, the pins."""

    @property
    def heading_deg(self) -> Floats:
        """`(n,)` of the network."""

    @property
    def heading_refined_deg(self) -> Floats:
        """`(n,)`."""

    @property
    def heading_length(self) -> Floats:
        """`(n,)` of the network's vector."""

    @property
    def support(self) -> Support | None:
        """Neighbours and signals."""

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """The answers about some of the photos."""
