"""Where a row that is off belongs: beside its fellows, or else in its region."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from core.audit.fellows import nearest_fellow
from core.audit.finding import Column, Finding
from core.audit.naming import row_finding, written
from core.audit.rows import LabelRows
from core.geo import Floats

# A row that is put back where its region is not is put back by chance more often.
STRANGE_REGION = 0.7
SEVERAL_PLACES = 0.8
ON_CAMPUS = 0.75
# From this share on, the number of digits is a habit of the file.
SAME_DIGITS = 0.95
_NOWHERE = 1e12


@dataclass(frozen=True)
class Meant:
    """A position that may have been meant.

    Attributes:
        kind: Name of the finding that it would be.
        column: What was misread: one coordinate or both.
        latitude: In label units.
        longitude: In label units.
        how: How it is read, as in `with 41973 read as 141973`.
        trust: How sure the finding is if the row is put in place and no other reading does it.
    """

    kind: str
    column: Column
    latitude: float
    longitude: float
    how: str
    trust: float


class Home:
    """The rows that stand where they should, which say where another row may belong."""

    def __init__(self, rows: LabelRows, leapt: np.ndarray, beside: float) -> None:
        """Learn from rows on the campus but those that `leapt` `(n,)` from their walk."""
        self.rows, self.ground, self._beside = rows, rows.ground, beside
        on = np.isfinite(self.ground.gap) & ~self.ground.on_island & ~leapt
        self._campus = cKDTree(self.ground.position[on])
        self._of_region = {
            region: cKDTree(self.ground.position[on & (rows.region == region)])
            for region in set(rows.region[on])
        }
        texts = rows.text["latitude"][on].head(200)
        self._decimals = max((len(text.strip().partition(".")[2]) for text in texts), default=0)
        self.usual_digits = tuple(
            _usual_digits(rows.text[name][on]) for name in ("latitude", "longitude")
        )

    def best(
        self, row: int, fellows: np.ndarray, candidates: list[Meant], sure: float
    ) -> Finding | None:
        """The reading that puts a row nearest to its fellows, or without any to its region.

        Args:
            row: The row.
            fellows: Rows of the same walk and minutes; may be none.
            candidates: What may have been meant.
            sure: How sure it is that the row is wrong at all.

        Returns:
            The finding; None where no reading puts the row back.
        """
        places = self.ground.place(np.array([(c.latitude, c.longitude) for c in candidates]))
        places[~np.isfinite(places).all(axis=1)] = _NOWHERE
        trust = np.array([candidate.trust for candidate in candidates])
        away = nearest_fellow(self.rows, fellows, places)
        beside = bool((away <= self._beside).any())
        if beside:
            trust[away > self._beside] = 0.0
            # From a step that is too long, some reading leads back by chance.
            trust *= 1.0 if self.ground.on_island[row] else ON_CAMPUS
        elif len(fellows) and not self.ground.on_island[row]:
            # Any reading puts a row on the campus that is on it already.
            return None
        else:
            away, trust = self._in_region(row, places, trust)
        if not trust.any():
            return None
        first = int(np.lexsort([away, -trust])[0])
        rivals = trust > 0.95 * trust[first]
        rivals &= np.hypot(*(places - places[first]).T) > self.ground.reach
        # Just off the campus, a photo may well stand where it says, whatever a digit could do.
        score = min(float(trust[first]) * (SEVERAL_PLACES if rivals.any() else 1.0), sure)
        lies = self._lies(row, float(away[first]), beside)
        return self._finding(row, candidates[first], score, lies)

    def _in_region(self, row: int, places: Floats, trust: Floats) -> tuple[Floats, Floats]:
        """Distance of places `(m, 2)` to the row's region, and what trust is left in each."""
        reach = self.ground.reach
        own = self._of_region.get(str(self.rows.region[row]))
        away = own.query(places)[0] if own else np.full(len(places), np.inf)
        left = np.where(away <= reach, trust, trust * STRANGE_REGION)
        left[self._campus.query(places)[0] > reach] = 0.0
        return np.asarray(away, np.float64), left

    def _lies(self, row: int, away: float, beside: bool) -> str:
        if beside:
            return f"{self.ground.length(away)} from a photo of the same walk and minutes"
        region = self.rows.region[row]
        if away <= self.ground.reach:
            return f"{self.ground.length(away)} from the nearest photo of region {region}"
        return f"on the campus, though not in region {region}"

    def _finding(self, row: int, meant: Meant, score: float, lies: str) -> Finding:
        gap = float(self.ground.gap[row])
        stands = f"{self.ground.length(gap)} off the campus" if gap else "far from its walk"
        latitude = written(meant.latitude, self._decimals)
        longitude = written(meant.longitude, self._decimals)
        proposal = {"latitude": latitude, "longitude": longitude}.get(
            meant.column, f"{latitude} {longitude}"
        )
        evidence = f"{stands} as it is written; {meant.how} it lies {lies}"
        return row_finding(self.rows, row, meant.kind, meant.column, proposal, score, evidence)


def _usual_digits(texts: pd.Series) -> int | None:
    """How many digits the values of a column have; None where they differ in that."""
    counts = texts.str.count(r"\d").value_counts(normalize=True)
    return int(counts.index[0]) if len(counts) and counts.iloc[0] >= SAME_DIGITS else None
