"""How findings are counted against planted faults."""

from pathlib import Path

import pytest

from benchmarks.audit_score import accused, precision_rows, read_planted, recall_rows
from core.audit.findings import Column, Finding

ANSWERS = """filename,fault,column,true,written,moved_m
a.jpg,swapped,latitude,12.0,77.0,9999.0
a.jpg,swapped,longitude,77.0,12.0,9999.0
b.jpg,region,Region_ID,3,5,0.0
c.jpg,twin,,,,0.0
d.jpg,duplicate_photo,,,c.jpg,0.0
e.jpg,off_walk,latitude,12.0,12.001,111.0
"""
LABEL = {"latitude": "77.0", "longitude": "12.0", "Region_ID": "5"}


def _found(name: str, kind: str, column: Column, proposal: str, score: float = 0.9) -> Finding:
    return Finding(name, kind, column, "", proposal, score, "why", photo_id=name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "faults.csv").write_text(ANSWERS, encoding="utf-8")
    return tmp_path


def test_found_named_and_right_are_three_things(folder: Path) -> None:
    planted = read_planted(folder)
    findings = [
        _found("a.jpg", "swapped", "position", "12.00001 77.0"),
        _found("b.jpg", "region_neighbours", "Region_ID", "4"),
        _found("c.jpg", "duplicate_photo", "", ""),
        _found("e.jpg", "wrong_digit", "latitude", "12.0"),
    ]
    truth = dict.fromkeys(planted, LABEL)
    table = {row[0]: row[1:] for row in recall_rows(planted, findings, truth)}
    assert table["swapped"] == ["1", "1", "1", "1", "1"]
    assert table["region"] == ["1", "1", "1", "1", "0"]
    assert table["duplicate_photo"] == ["1", "1", "1", "0", "0"]
    assert table["off_walk"][:3] == ["1", "1", "0"]
    assert "twin" not in table


def test_precision_counts_rows_without_a_fault(folder: Path) -> None:
    findings = [
        _found("a.jpg", "swapped", "position", ""),
        _found("z.jpg", "swapped", "position", ""),
    ]
    rows = list(precision_rows(read_planted(folder), findings))
    assert rows[1] == ["swapped", "2", "1", "1", "0.50"]


def test_notations_accuse_nobody() -> None:
    findings = [_found("y.jpg", "heading_360", "angle", "0", 0.3), _found("z.jpg", "zero", "", "")]
    assert accused(findings, {"y.jpg", "z.jpg"}) == {"z.jpg"}
