"""MixUp (Zhang et al. 2018): photos shown through each other, with the labels that allow it.

A photo that is 70 % of one and 30 % of another may well be called 70 % one region and 30 % the
other, or one view and the other: those labels are shares. Positions and headings are not. Between
two places lies a third that neither photo shows, and between two headings a third, so these are
taught as those of the photo that is seen best.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Mix:
    """How the photos of a batch are mixed with each other.

    Attributes:
        partner: `(n,)` integer: which photo of the batch each is mixed with. A permutation, so
            that each photo is a partner once, and as many partners as photos teach a position.
        own: The share of a photo's own content, the same for all of them: at least a half, so that
            the own photo is the one seen best.
    """

    partner: Tensor
    own: float

    def __post_init__(self) -> None:
        """Refuse a partner's photo that would be seen better than the own, or partners twice."""
        if not 0.5 <= self.own <= 1.0:
            raise ValueError(f"the own photo's share is {self.own}, not within [0.5, 1]")
        if sorted(self.partner.tolist()) != list(range(len(self.partner))):
            raise ValueError("partners are no permutation of the batch")

    def partners_of(self, values: Tensor) -> Tensor:
        """The partners' rows of anything aligned with the batch, `(n, ...)`."""
        return values[self.partner.to(values.device)]

    def blend(self, own: Tensor, partners: Tensor) -> Tensor:
        """Mix photos, features or losses with those of the partners; of the same shape."""
        return self.own * own + (1.0 - self.own) * partners

    def blended(self, values: Tensor) -> Tensor:
        """Mix the rows of `values`, `(n, ...)`, with their partners'."""
        return self.blend(values, self.partners_of(values))
