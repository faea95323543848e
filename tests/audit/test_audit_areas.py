"""Labels against the polygons of regions.geojson."""

import json
from pathlib import Path

import pytest

from core.audit.areas import KINDS
from core.audit.findings import Finding
from core.audit.run import Audit, audit
from core.audit.schema import AuditConfig
from tests.dataset.grid import RIGHT, WEST, feature, photos, ring
from tests.tables.folders import folder


def audited(root: Path, *areas: dict[str, object], campus: str = "") -> Audit:
    """West and East by their columns; one row names the other region, one none."""
    rows = photos(Region_ID=(["West"] * 3 + ["East"] * 3) * 5)
    rows.loc[7, "Region_ID"] = "East"
    rows.loc[9, "Region_ID"] = ""
    folder(root, rows, campus=campus)
    content = {"type": "FeatureCollection", "features": list(areas)}
    (root / "regions.geojson").write_text(json.dumps(content))
    return audit(AuditConfig(dataset=root, photos=False))


def about_areas(audit: Audit) -> list[Finding]:
    return [found for found in audit.findings if found.finding in KINDS]


def test_a_label_of_another_area_is_named_with_its_distance(tmp_path: Path) -> None:
    (found,) = about_areas(audited(tmp_path, feature("West", WEST), feature("East", RIGHT)))
    assert (found.filename, found.column) == ("1_1.jpg", "Region_ID")
    assert (found.value, found.proposal) == ("East", "West")
    # 1.5 columns of 0.001 degrees at 12.25 north.
    assert "163 m from that of region East" in found.evidence
    assert found.score == pytest.approx(163.2 / 173.2, abs=1e-3)


def test_a_position_in_no_area_has_no_proposal(tmp_path: Path) -> None:
    low = feature("East", ring(0.9, 2.5, 4.5, 5.5))
    found = [each for each in about_areas(audited(tmp_path, feature("West", WEST), low))
             if each.filename != "1_1.jpg"]  # fmt: skip
    assert sorted(each.filename for each in found) == ["0_3.jpg", "0_4.jpg", "0_5.jpg"]
    assert {each.proposal for each in found} == {""}
    assert "in no area" in found[0].evidence


def test_regions_without_an_area_and_shared_ground_contradict_nothing(tmp_path: Path) -> None:
    both = feature("East", ring(-0.5, -0.5, 4.5, 5.5))
    assert about_areas(audited(tmp_path / "a", feature("West", WEST), both)) == []
    other = [feature("Park", WEST), feature("Hall", RIGHT)]
    assert about_areas(audited(tmp_path / "b", *other)) == []


def test_areas_that_cannot_be_read_skip_the_check(tmp_path: Path) -> None:
    result = audited(tmp_path, feature("", WEST), feature("East", RIGHT))
    reasons = {each.check: each.reason for each in result.skipped}
    assert "1 of 2 areas have no name" in reasons["region polygons"]
