import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError
from core.evaluation.make_report import leak_report
from core.evaluation.report import Both, Report
from core.evaluation.stored_reports import read_report
from core.headline import PhotoErrors

STORED = Path(__file__).parent / "stored"
FIRST, BEFORE = "report_first_version.json", "report_version_before.json"


def stored(name: str = BEFORE) -> dict[str, Any]:
    """The shipped model's report as an older version wrote it."""
    return dict(json.loads((STORED / name).read_text(encoding="utf-8")))


def test_a_report_of_the_first_version_is_read_and_lacks_what_it_lacked() -> None:
    report = Report.from_json(stored(FIRST))
    assert (report.n, report.split.part, report.split.radius_m) == (1394, "test", None)
    assert report.figures("refined").median_m == pytest.approx(9.4390917)
    assert report.figures("raw").region_accuracy == pytest.approx(0.9461979), "the voted regions"
    assert report.leak is not None
    assert report.leak.within_5m == pytest.approx(0.6771879)
    assert (report.leak.away, report.leak.beyond_5m) == ({}, None)
    assert (report.intervals, report.flagged, report.coverage) == (None, None, None)
    assert {each.intervals for each in report.baselines.values()} == {None}
    assert report.interval("raw", "median_m") is None


def test_a_report_of_the_version_before_is_read_whole() -> None:
    content = stored()
    report = Report.from_json(content)
    assert report.figures("raw").region_accuracy == content["region"]["accuracy_raw"]
    assert report.interval("refined", "p90_m") == tuple(content["intervals"]["refined"]["p90_m"])
    assert report.interval("refined", "within_15") is None, "it had no such interval"
    assert report.coverage is not None
    assert (
        report.coverage.overall.radius[0].measured
        == (content["coverage"]["overall"]["radius"][0]["measured"])
    )
    written = report.to_json()
    for key, value in content.items():
        _same(value, written[key], key)


def test_a_report_without_headings_counts_labels_and_has_no_heading_figure() -> None:
    content = stored()
    assert "labelled" not in Report.from_json(content).to_json(), "unsaid where all are labelled"
    partial = content | {
        "heading": None, "joint_10m_15deg": None, "joint_10m_15deg_raw": None,
        "labelled": {"position": content["n"], "heading": 0, "region": content["n"]},
    }  # fmt: skip
    report = Report.from_json(partial)
    figures = report.figures("refined")
    assert (figures.maae_deg, figures.within_15, figures.joint_10m_15deg) == (None, None, None)
    assert figures.median_m == content["position"]["refined"]["median_m"]
    assert (report.photos_with("heading"), report.photos_with("region")) == (0, content["n"])
    assert report.to_json()["labelled"] == partial["labelled"]
    with pytest.raises(ValueError, match="7 with a region"):
        Report.from_json(content | {"labelled": {"position": 9, "heading": 9, "region": 7}})


def _same(old: Any, new: Any, where: str) -> None:  # noqa: ANN401 - any JSON
    """Everything that a file held is written again under the same key."""
    if isinstance(old, dict):
        for key, value in old.items():
            _same(value, new[key], f"{where}.{key}")
    elif isinstance(old, list):
        assert len(old) == len(new), where
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            _same(before, after, f"{where}[{number}]")
    else:
        assert new == old, where


def test_what_is_written_is_read_again() -> None:
    report = Report.from_json(stored())
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_figures_that_do_not_exist_are_written_as_null() -> None:
    report = Report.from_json(stored())
    raw = replace(report.position.raw, rmse_m=float("nan"))
    position = replace(report.position, raw=raw)
    assert replace(report, position=position).to_json()["position"]["raw"]["rmse_m"] is None


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("n",), 3, "counts"),
        (("leak", "within_5m"), "near", "within_5m"),
        (("region", "confusion"), [[1]], "regions has sizes"),
        (("flagged", "without", "refined"), None, "reason"),
        (("flagged", "all", "raw", "within_10m"), 1.2, "within_10m"),
        (("split",), None, "split"),
    ],
)
def test_content_that_cannot_be_is_refused(
    where: tuple[str, ...], value: object, message: str, tmp_path: Path
) -> None:
    content = stored()
    inner = content
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    with pytest.raises(ValueError, match=message):
        Report.from_json(content)
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError, match="evaluate again"):
        read_report(tmp_path)


def test_figures_away_from_training_are_those_of_the_photos_beyond_each_radius() -> None:
    nearest_m = np.repeat([0.0, 1.0, 4.0, 8.0, 20.0], [10, 10, 20, 12, 9])
    errors = PhotoErrors(nearest_m + 2.0, np.full(61, 5.0), nearest_m < 8.0)
    leak = leak_report(nearest_m, Both(errors, errors))
    assert leak.within_1m == pytest.approx(20 / 61)
    assert leak.within_5m == pytest.approx(40 / 61)
    assert leak.nearest_training_m == 4.0
    away = leak.away
    assert [away[f"beyond_{radius}m"].n for radius in (1, 5, 10)] == [41, 21, 9]
    assert away["beyond_1m"].refined is not None
    assert away["beyond_1m"].refined.median_m == 10.0
    assert away["beyond_1m"].refined.region_accuracy == pytest.approx(20 / 41)
    assert leak.beyond_5m is away["beyond_5m"]
    assert away["beyond_5m"].refined is not None
    assert away["beyond_5m"].refined.within_10m == pytest.approx(12 / 21)
    assert away["beyond_10m"].refined is None
    assert away["beyond_10m"].reason == "9 photos are fewer than 10"
