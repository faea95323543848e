"""Values that are no numbers at all, with what may have been meant."""

import re
from collections.abc import Iterator

import numpy as np

from core.audit.finding import Column, Finding
from core.audit.naming import row_finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig
from core.dataset.clean import numbers
from core.dataset.repairs import TEXT_OF

KINDS = {"not_a_number": "a coordinate or heading that is no number"}
_COLUMNS: tuple[Column, ...] = ("latitude", "longitude", "angle")


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Find texts that Bearings cannot read as a number; it leaves such rows out."""
    del config
    for column in _COLUMNS:
        text = rows.text[TEXT_OF[column]].str.strip()
        for row in np.flatnonzero(np.isnan(numbers(text))):
            proposal = _number_in(str(text.iat[row]))
            said = "is empty" if text.iat[row] == "" else "is no number"
            evidence = f"{column} {said}, so Bearings leaves the row out"
            yield row_finding(rows, int(row), "not_a_number", column, proposal, 1.0, evidence)


def _number_in(text: str) -> str:
    """The one number in a text such as `133°`, `17,4412` or `~ 90 deg`; `""` without just one."""
    found = re.findall(r"[-+]?\d+(?:[.,]\d+)?", text.replace("O", "0").replace("o", "0"))
    return found[0].replace(",", ".") if len(found) == 1 else ""
