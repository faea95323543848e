"""The audit on the course's own label file, where it is there."""

import os
from pathlib import Path

import numpy as np
import pytest

from core.audit.findings import NOTATION_SCORE
from core.audit.positions import KINDS as POSITION_KINDS
from core.audit.rows import read_rows
from core.audit.run import Audit, audit
from core.audit.schema import AuditConfig

NAMED = os.environ.get("BEARINGS_REAL_LABELS", "")
LABELS = Path(NAMED)
pytestmark = pytest.mark.skipif(
    not NAMED or not LABELS.is_file(),
    reason="BEARINGS_REAL_LABELS names no label file of the course, such as "
    "labels_train_without_images.csv",
)


@pytest.fixture(scope="module")
def real() -> Audit:
    return audit(AuditConfig(dataset=LABELS))


def test_the_49_sexagesimal_rows_and_their_decimals(real: Audit) -> None:
    found = [f for f in real.findings if f.finding == "sexagesimal"]
    names = {f.filename for f in found}
    assert names == {f"img_{number}.jpg" for number in range(2766, 2815)}
    for each in found:
        typed = np.array(each.value.split(), float) * 1e-6 + [17.22655, 78.20545]
        digits = [f"{value:.6f}" for value in typed]
        meant = [
            int(text[:2]) + int(text[3:5]) / 60 + int(text[5:]) / 100 / 3600 for text in digits
        ]
        labels = (np.array(meant) - [17.22655, 78.20545]) / 1e-6
        assert np.array(each.proposal.split(), float) == pytest.approx(labels, abs=0.51)
        assert each.score > 0.9


def test_headings_outliers_and_formats(real: Audit) -> None:
    over = {f.filename: f.proposal for f in real.findings if f.finding == "heading_out_of_range"}
    assert over == {"img_3335.jpg": "12", "img_4219.jpg": "30"}
    assert real.by_kind["heading_360"] == 3
    formats = {f.value for f in real.findings if f.finding == "timestamp_format"}
    assert real.by_kind["timestamp_format"] == 600
    assert {" 07:35", "6:37"} <= formats
    off = {f.filename for f in real.findings if f.finding in POSITION_KINDS}
    assert {"img_3619.jpeg", "img_4632.png", "img_6115.jpeg", "img_2233.jpg"} <= off


def test_fewer_than_one_in_a_hundred_clean_rows_is_accused(real: Audit) -> None:
    rows = read_rows(LABELS)
    gross = (np.abs(rows.latitude - np.median(rows.latitude)) > 4000) | (
        np.abs(rows.longitude - np.median(rows.longitude)) > 4000
    )
    faulty = gross | (rows.heading_deg >= 360) | (rows.minute < 360)
    assert gross.sum() == 75
    names = rows.text["filename"]
    missed = set(names[gross]) - {f.filename for f in real.findings if f.finding in POSITION_KINDS}
    assert missed == set()
    accused = {f.filename for f in real.findings if f.score > NOTATION_SCORE and f.photo_id}
    assert len(accused & set(names[~faulty])) < 0.01 * int((~faulty).sum())
