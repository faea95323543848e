"""A finding: what looks wrong with one row of a label file, why, and what would mend it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Column = Literal[
    "", "filename", "timestamp", "latitude", "longitude", "angle", "Region_ID", "position"
]
"""What a finding is about: a column under the course's name, `position` for latitude and longitude
together, or nothing where it is about the photo as a whole."""

NOTATION_SCORE = 0.3


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong.

    Attributes:
        filename: The photo as the label file names it.
        finding: Name of the kind of finding, such as `sexagesimal`.
        column: Which value is meant.
        value: The value as the file has it; `latitude longitude` for a position.
        proposal: What it should be, in the same form; empty where nothing can be proposed.
        score: How sure it is that the value, as Bearings reads it, is wrong, in `[0, 1]`; an odd
            notation that is read right all the same scores at most `NOTATION_SCORE`.
        evidence: One sentence that a person can check.
        photo_id: Key of the photo in its dataset; empty where the finding is about a whole label
            file, whose name is then in `filename`.
        labels: The label file that has the row, relative to the dataset folder; empty where no row
            is meant, and in findings that were read back from a file.
    """

    filename: str
    finding: str
    column: Column
    value: str
    proposal: str
    score: float
    evidence: str
    photo_id: str = ""
    labels: str = ""

    def __post_init__(self) -> None:
        """Refuse a finding without a name, evidence or a usable score."""
        if not self.finding or not self.evidence:
            raise ValueError(f"a finding needs a name and its evidence, got {self}")
        if not (np.isfinite(self.score) and 0.0 <= self.score <= 1.0):
            raise ValueError(f"a score lies in [0, 1], got {self.score}")


CSV_COLUMNS = ("filename", "finding", "column", "value", "proposal", "score", "evidence")
"""Columns of `findings.csv`, in this order."""
