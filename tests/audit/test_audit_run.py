"""The audit as a whole: the registry, what is skipped, and findings.csv."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from core.audit.findings import CSV_COLUMNS, Check, Finding, photos
from core.audit.rows import LabelRows
from core.audit.run import CHECKS, all_kinds, audit
from core.audit.schema import AuditConfig


def _find(rows: LabelRows, config: AuditConfig) -> Iterator[Finding]:
    del config
    yield Finding(rows.text["filename"].iat[0], "odd", "", "", "", 0.5, "it is odd")


def test_kinds_have_one_owner_and_a_sentence() -> None:
    assert sum(len(check.kinds) for check in CHECKS) == len(all_kinds())
    assert all(all_kinds().values())


def test_findings_are_written_with_the_promised_columns(
    labels: pd.DataFrame, tmp_path: Path
) -> None:
    labels.loc[1, "angle"] = "372"
    labels.loc[2, "angle"] = "360"
    labels.to_csv(tmp_path / "labels.csv", index=False)
    found = audit(AuditConfig(dataset=tmp_path, out=tmp_path / "out" / "findings.csv"))
    table = pd.read_csv(tmp_path / "out" / "findings.csv", dtype=str, keep_default_na=False)
    assert tuple(table.columns) == CSV_COLUMNS
    assert table["filename"].tolist() == ["img_0001.jpg", "img_0002.jpg"]
    assert (found.rows, found.by_kind) == (480, {"heading_out_of_range": 1, "heading_360": 1})


def test_a_check_of_photos_is_skipped_with_the_reason(labels: pd.DataFrame, tmp_path: Path) -> None:
    labels.to_csv(tmp_path / "labels.csv", index=False)
    checks = (Check("pixels", {"odd": "odd"}, _find, photos),)
    result = audit(AuditConfig(dataset=tmp_path), checks)
    assert result.findings == ()
    assert result.skipped[0].check == "pixels"
    assert "0 of 480" in result.skipped[0].reason


def test_checks_of_photos_run_where_photos_are(shared_campus: Path) -> None:
    checks = (Check("pixels", {"odd": "odd"}, _find, photos),)
    assert audit(AuditConfig(dataset=shared_campus), checks).by_kind == {"odd": 1}
    off = audit(AuditConfig(dataset=shared_campus, photos=False), checks)
    assert "switched off" in off.skipped[0].reason


def test_a_check_may_only_find_what_it_declares(shared_campus: Path) -> None:
    with pytest.raises(ValueError, match="does not declare"):
        audit(AuditConfig(dataset=shared_campus), (Check("odd", {}, _find),))


def test_a_sound_campus_with_photos_has_no_finding(shared_campus: Path) -> None:
    # Its photos are stripes, some of which are alike.
    assert set(audit(AuditConfig(dataset=shared_campus)).by_kind) <= {"near_duplicate_photo"}


def test_surest_first_and_unsure_ones_left_out(labels: pd.DataFrame, tmp_path: Path) -> None:
    labels.loc[1, "angle"] = "360"
    labels.loc[2, "angle"] = "372"
    labels.to_csv(tmp_path / "labels.csv", index=False)
    every = audit(AuditConfig(dataset=tmp_path)).findings
    assert [found.finding for found in every] == ["heading_out_of_range", "heading_360"]
    sure = audit(AuditConfig(dataset=tmp_path, min_score=0.5)).findings
    assert [found.finding for found in sure] == ["heading_out_of_range"]
