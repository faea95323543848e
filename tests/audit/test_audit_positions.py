"""Coordinates off the campus, and what was meant by them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core.audit.findings import Finding
from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.audit.typos import Axis, sexagesimal

Audited = Callable[..., list[Finding]]


def _only(findings: list[Finding], filename: str) -> Finding:
    (found,) = [each for each in findings if each.filename == filename]
    return found


def test_a_sound_file_has_no_finding(audited: Audited) -> None:
    assert audited({}) == []


def test_sexagesimal_digits_are_read_as_degrees_minutes_and_seconds() -> None:
    meant = {round(r.value, 6) for r in sexagesimal(17.264907, Axis(1.0, 0.0))}
    assert round(17 + 26 / 60 + 49.07 / 3600, 6) in meant
    packed = {round(r.value, 6) for r in sexagesimal(172649.07, Axis(1.0, 0.0))}
    assert round(17 + 26 / 60 + 49.07 / 3600, 6) in packed


def _typed(decimal: str) -> str:
    """The digits of degrees, minutes and seconds behind one point."""
    value = float(decimal)
    whole = int(value)
    minutes = int((value - whole) * 60)
    seconds = (value - whole) * 3600 - 60 * minutes
    return f"{whole}.{minutes:02d}{round(seconds * 100):04d}"


def test_sexagesimal_positions_get_their_decimals(audited: Audited, labels: pd.DataFrame) -> None:
    true = labels.loc[100]
    typed = {name: _typed(true[name]) for name in ("latitude", "longitude")}
    found = _only(audited({100: typed}), "img_0100.jpg")
    assert (found.finding, found.column) == ("sexagesimal", "position")
    assert found.value == f"{typed['latitude']} {typed['longitude']}"
    latitude, longitude = map(float, found.proposal.split())
    assert latitude == pytest.approx(float(true["latitude"]), abs=3e-6)
    assert longitude == pytest.approx(float(true["longitude"]), abs=3e-6)


def test_the_frame_of_scaled_labels_counts(tmp_path: Path, labels: pd.DataFrame) -> None:
    def scaled(text: pd.Series, origin: float) -> pd.Series:
        return ((text.astype(float) - origin) * 1e6).round().astype(int).astype(str)

    table = labels.assign(
        latitude=scaled(labels["latitude"], 17.2), longitude=scaled(labels["longitude"], 78.2)
    )
    degrees = 17 + 26 / 60 + 27.5 / 3600
    table.loc[7, "latitude"] = str(round((17.262750 - 17.2) * 1e6))
    table.to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "campus.toml").write_text(
        '[frame]\nkind = "scaled_degrees"\nscale = 1e-6\norigin_latitude = 17.2\n'
        "origin_longitude = 78.2\n",
        encoding="utf-8",
    )
    found = _only(list(audit(AuditConfig(dataset=tmp_path)).findings), "img_0007.jpg")
    assert (found.finding, found.column) == ("sexagesimal", "latitude")
    assert int(found.proposal) == pytest.approx((degrees - 17.2) * 1e6, abs=1)


def test_exchanged_coordinates_are_exchanged_back(audited: Audited, labels: pd.DataFrame) -> None:
    north, east = labels.loc[30, "latitude"], labels.loc[30, "longitude"]
    found = _only(audited({30: {"latitude": east, "longitude": north}}), "img_0030.jpg")
    assert (found.finding, found.proposal) == ("swapped", f"{north} {east}")
    assert found.score > 0.9


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("dropped_digit", lambda text: text[:3] + text[4:]),
        ("added_digit", lambda text: text[:1] + "3" + text[1:]),
        ("wrong_digit", lambda text: text[:3] + "9" + text[4:]),
        ("wrong_scale", lambda text: str(float(text) * 1000)),
        ("wrong_sign", lambda text: "-" + text),
    ],
)
def test_slips_of_one_coordinate_are_undone(
    audited: Audited, labels: pd.DataFrame, kind: str, spoil: Callable[[str], str]
) -> None:
    true = labels.loc[200, "latitude"]
    found = _only(audited({200: {"latitude": spoil(true)}}), "img_0200.jpg")
    assert (found.finding, found.column) == (kind, "latitude")
    assert float(found.proposal) == pytest.approx(float(true), abs=1e-4)
    assert found.score > 0.5


def test_zeros_have_their_name_and_no_proposal(audited: Audited) -> None:
    found = _only(audited({3: {"latitude": "0", "longitude": "0"}}), "img_0003.jpg")
    assert (found.finding, found.column, found.proposal) == ("zero", "position", "")
    assert found.score > 0.99


def test_a_lonely_position_is_isolated_and_the_surer_the_farther(
    audited: Audited, labels: pd.DataFrame
) -> None:
    east = float(labels["longitude"].astype(float).max())
    findings = audited(
        {
            9: {"longitude": f"{east + 0.001234:.6f}"},
            19: {"latitude": "31.415927", "longitude": "12.345678"},
        }
    )
    near, far = _only(findings, "img_0009.jpg"), _only(findings, "img_0019.jpg")
    assert far.finding == "outside_campus"
    assert 0.3 < near.score < far.score


def test_without_a_frame_the_audit_speaks_of_label_units(
    tmp_path: Path, labels: pd.DataFrame
) -> None:
    table = labels.assign(
        latitude=(labels["latitude"].astype(float) * 1e6).astype(int).astype(str),
        longitude=(labels["longitude"].astype(float) * 1e6).astype(int).astype(str),
    )
    table.loc[4, "latitude"] = table.loc[4, "latitude"][1:]
    table.to_csv(tmp_path / "labels.csv", index=False)
    found = _only(list(audit(AuditConfig(dataset=tmp_path)).findings), "img_0004.jpg")
    assert found.finding == "dropped_digit"
    assert "label units" in found.evidence
