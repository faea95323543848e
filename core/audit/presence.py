"""Rows without their photo, and photos without a row."""

from collections.abc import Iterator

import numpy as np

from core.audit.finding import Finding
from core.audit.naming import row_finding
from core.audit.rows import LabelRows
from core.audit.schema import AuditConfig

KINDS = {
    "missing_photo": "a row whose photo is not there or cannot be one",
    "unlabelled_photo": "a photo that no row names",
}


def find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    """Compare the rows with the folders of photos."""
    del config
    for row in np.flatnonzero((rows.text["path"] == "").to_numpy()):
        evidence = f"{rows.text['photo_fault'].iat[row]}, so Bearings leaves the row out"
        yield row_finding(rows, int(row), "missing_photo", "filename", "", 1.0, evidence)
    for found in rows.found:
        for name in found.unlabelled:
            photo_id = (found.folder / name).relative_to(rows.root).as_posix()
            yield Finding(
                name, "unlabelled_photo", "filename", "", "", 0.3,
                f"the photo lies in {found.folder.name}/ and no row of the label file names it",
                photo_id,
            )  # fmt: skip
