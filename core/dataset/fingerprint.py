"""Whether two readings of a dataset are about the same labelled photos."""

import hashlib

from core.dataset.labels import Dataset

_LABELS = ("photo_id", "latitude", "longitude", "heading_deg", "region", "timestamp")


def labels_hash(dataset: Dataset) -> str:
    """SHA-256 of every photo's name and labels, in any order of the rows; pixels are not read."""
    rows = dataset.table[list(_LABELS)].itertuples(index=False)
    lines = sorted("\t".join(map(repr, row)) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
