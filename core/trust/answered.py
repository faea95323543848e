"""What trust needs to know of answers; `core.inference.prediction.Prediction` has all of it."""

from typing import Protocol

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
