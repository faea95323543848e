"""What pages share is read again when its files change."""

from pathlib import Path

import pandas as pd
import pytest

from app import cached


@pytest.mark.parametrize("named", ["", "labels.csv"])
def test_changed_labels_are_read_again(small_campus: Path, named: str) -> None:
    """A run may have been given the folder, or the label file in it."""
    path = small_campus / named
    before = cached.dataset(path)
    assert cached.dataset(path) is before
    labels = pd.read_csv(small_campus / "labels.csv")
    labels.loc[0, "angle"] = (labels.loc[0, "angle"] + 90.0) % 360.0
    labels.to_csv(small_campus / "labels.csv", index=False)
    after = cached.dataset(path)
    assert (after.headings_deg != before.headings_deg).sum() == 1
