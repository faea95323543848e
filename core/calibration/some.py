"""Answers about some of the photos that were asked about: what fitting passes on to trust."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.geo import Floats
from core.trust.answered import Answered
from core.trust.support import Support


@dataclass(frozen=True)
class Some:
    """The arrays of n answers that trust looks at; see `core.trust.answered.Answered`."""

    region_probabilities: Floats
    position_m: Floats
    position_refined_m: Floats
    heading_deg: Floats
    heading_refined_deg: Floats
    heading_length: Floats
    support: Support | None

    @classmethod
    def of(cls, answers: Answered) -> Self:
        """Take the arrays out of a prediction."""
        return cls(**{field.name: getattr(answers, field.name) for field in fields(cls)})

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.position_m)

    def rows(self, rows: NDArray[np.int64]) -> Self:
        """The answers about some of the photos."""
        names = [field.name for field in fields(self) if field.name != "support"]
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **arrays, support=self.support and self.support.rows(rows))
