"""Findings from out-of-fold answers: a tiny dataset, and a model that answers as the truth is."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.audit.findings import Finding
from core.audit.model_disagreement import KINDS, disputed
from core.audit.run import Audit, audit
from core.audit.schema import AuditConfig
from core.errors import ConfigError
from core.geo import CoordinateFrame, LocalFrame

PHOTOS, REGIONS = 90, 3
LOCAL = LocalFrame(CoordinateFrame("degrees"), (17.44, 78.34))


@dataclass
class Folds:
    """Labels and what the folds answered; a test spoils either before the audit."""

    root: Path
    labels: pd.DataFrame = field(init=False)
    table: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        (self.root / "images").mkdir(parents=True)
        rng = np.random.default_rng(0)
        number = np.arange(PHOTOS)
        region = number // (PHOTOS // REGIONS)
        spot = number % (PHOTOS // REGIONS) // 5  # five photos a spot, which look alike
        place = np.column_stack([20.0 * spot, 200.0 * region]) + rng.normal(0.0, 2.0, (PHOTOS, 2))
        heading = (60.0 * spot + rng.normal(0.0, 5.0, PHOTOS)) % 360.0
        degrees = LOCAL.to_degrees(place)
        self.labels = pd.DataFrame(
            {
                "filename": [f"img_{n:02d}.jpg" for n in number],
                "latitude": degrees[:, 0].round(7),
                "longitude": degrees[:, 1].round(7),
                "angle": heading.round(),
                "Region_ID": region + 1,
            }
        )
        said = place + rng.normal(0.0, 6.0, place.shape)
        said_degrees = LOCAL.to_degrees(said)
        self.table = pd.DataFrame(
            {
                "region": region + 1,
                "region_probability": rng.uniform(0.7, 0.99, PHOTOS),
                "latitude_refined": said_degrees[:, 0],
                "longitude_refined": said_degrees[:, 1],
                "angle_refined": (heading + rng.normal(0.0, 8.0, PHOTOS)) % 360.0,
                "north_refined_m": said[:, 0],
                "east_refined_m": said[:, 1],
                "photo_id": [f"images/img_{n:02d}.jpg" for n in number],
                "seen_in_training": False,
                "neighbours": [
                    ";".join(f"images/img_{m:02d}.jpg" for m in range(n - n % 5, n - n % 5 + 5)
                             if m != n)
                    for n in number
                ],
            }
        )  # fmt: skip

    def audited(self, relabel: dict[int, dict[str, object]] | None = None) -> Audit:
        """Judge the labels as they are, change some afterwards, and audit."""
        folder = self.root / "cv"
        folder.mkdir(exist_ok=True)
        self.judged().to_csv(folder / "predictions.csv", index=False)
        for row, values in (relabel or {}).items():
            for column, value in values.items():
                self.labels.loc[row, column] = value
        self.labels.to_csv(self.root / "labels.csv", index=False)
        return audit(AuditConfig(dataset=self.root, crossval=folder))

    def judged(self) -> pd.DataFrame:
        """The answers beside the labels, as a report has them."""
        labels = self.labels
        place = LOCAL.from_degrees(labels[["latitude", "longitude"]].to_numpy(np.float64))
        said = self.table[["north_refined_m", "east_refined_m"]].to_numpy(np.float64)
        turned = np.abs((self.table["angle_refined"] - labels["angle"] + 180) % 360 - 180)
        right = self.table["region"] == labels["Region_ID"]
        sure = self.table["region_probability"]
        return self.table.assign(
            filename=labels["filename"],
            true_region=labels["Region_ID"],
            true_region_probability=np.where(right, sure, 1.0 - sure),
            true_latitude=labels["latitude"],
            true_longitude=labels["longitude"],
            true_angle=labels["angle"],
            true_north_m=place[:, 0],
            true_east_m=place[:, 1],
            error_refined_m=np.hypot(*(place - said).T),
            heading_error_refined_deg=turned,
        )

    def unlikely(self, relabel: dict[int, dict[str, object]] | None = None) -> list[Finding]:
        """The findings that the answers gave, the surest first."""
        return [found for found in self.audited(relabel).findings if found.finding in KINDS]


@pytest.fixture
def folds(tmp_path: Path) -> Folds:
    return Folds(tmp_path / "campus")


def named(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(found.finding, found.filename) for found in findings]


def test_right_labels_are_not_accused(folds: Folds) -> None:
    assert folds.unlikely() == []


def test_planted_labels_are_found_with_the_right_proposal(folds: Folds) -> None:
    truth = folds.labels.copy()
    folds.labels.loc[4, "Region_ID"] = 3
    folds.labels.loc[40, ["latitude", "longitude"]] = truth.loc[89, ["latitude", "longitude"]]
    folds.labels.loc[70, "angle"] = (truth.loc[70, "angle"] + 120) % 360
    found = folds.unlikely()
    assert set(named(found)) == {
        ("unlikely_region", "img_04.jpg"),
        ("unlikely_position", "img_40.jpg"),
        ("unlikely_heading", "img_70.jpg"),
    }
    proposals = {each.finding: each.proposal for each in found}
    assert proposals["unlikely_region"] == "1"
    assert abs(float(proposals["unlikely_heading"]) - truth.loc[70, "angle"]) < 30
    place = [float(value) for value in proposals["unlikely_position"].split()]
    wanted = truth.loc[40, ["latitude", "longitude"]].to_numpy(np.float64)
    north, east = LOCAL.from_degrees([place])[0] - LOCAL.from_degrees([wanted])[0]
    assert np.hypot(north, east) < 30.0
    assert all(each.score > 0.5 for each in found)


def test_a_model_that_is_unsure_accuses_nobody(folds: Folds) -> None:
    """It names another region, place and heading, yet its look-alikes do not agree with it."""
    table = folds.table
    table.loc[5, ["region", "region_probability"]] = (2, 0.3)
    table.loc[6, "north_refined_m"] = 300.0
    table.loc[7, "angle_refined"] = (folds.labels.loc[7, "angle"] + 90.0) % 360.0
    assert folds.unlikely() == []


def test_scattered_look_alikes_are_no_evidence(folds: Folds) -> None:
    folds.labels.loc[40, ["latitude", "longitude"]] = [17.4409, 78.3438]
    folds.labels.loc[70, "angle"] = (folds.labels.loc[70, "angle"] + 120) % 360
    for row in (40, 70):
        folds.table.loc[row, "neighbours"] = ";".join(
            f"images/img_{n:02d}.jpg" for n in (0, 12, 33, 48, 69, 85)
        )
    assert folds.unlikely() == []


def test_a_label_that_was_mended_since_is_passed_over(folds: Folds) -> None:
    right = {column: folds.labels.loc[4, column] for column in ("Region_ID", "angle")}
    folds.labels.loc[4, ["Region_ID", "angle"]] = [3, (right["angle"] + 120) % 360]
    assert len(folds.unlikely()) == 2
    folds.labels.loc[4, ["Region_ID", "angle"]] = [3, (right["angle"] + 120) % 360]
    assert folds.unlikely(relabel={4: right}) == []


def test_photos_that_the_model_learnt_are_left_out(folds: Folds) -> None:
    folds.labels.loc[4, "Region_ID"] = 3
    folds.table.loc[4, "seen_in_training"] = True
    assert folds.unlikely() == []
    folds.table["seen_in_training"] = True
    with pytest.raises(ConfigError, match="not trained on"):
        folds.audited()


def test_an_older_report_without_the_probability_still_serves(
    folds: Folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds.labels.loc[4, "Region_ID"] = 3
    whole = folds.judged().drop(columns="true_region_probability")
    monkeypatch.setattr(folds, "judged", lambda: whole)
    assert named(folds.unlikely()) == [("unlikely_region", "img_04.jpg")]


def test_without_a_cross_validation_it_is_skipped_and_said(folds: Folds) -> None:
    folds.audited()
    skipped = audit(AuditConfig(dataset=folds.root)).skipped
    assert any(each.check == "unlikely labels" and "--crossval" in each.reason for each in skipped)
    with pytest.raises(ConfigError, match=r"no predictions.csv"):
        audit(AuditConfig(dataset=folds.root, crossval=folds.root))


def test_a_model_that_is_sure_and_mostly_wrong_accuses_nobody(folds: Folds) -> None:
    """Another region for every fourth photo, with probability and look-alikes behind it."""
    folds.table["region_probability"] = 0.95
    for row in range(0, PHOTOS, 4):
        folds.table.loc[row, "region"] = folds.table.loc[row, "region"] % REGIONS + 1
        elsewhere = (row + PHOTOS // REGIONS) % PHOTOS
        folds.table.loc[row, "neighbours"] = folds.table.loc[elsewhere, "neighbours"]
        for column in ("north_refined_m", "east_refined_m", "angle_refined"):
            folds.table.loc[row, column] = folds.table.loc[elsewhere, column]
    assert folds.unlikely() == []


def test_disputes_are_counted_among_the_photos_that_are_as_sure() -> None:
    sureness = np.repeat([0.9, 0.5], 50)
    contradicts = np.zeros(100, bool)
    contradicts[[3, 60, 61, 62, 63]] = True
    share = disputed(sureness, contradicts)
    assert share[:50].tolist() == [1 / 50] * 50
    assert share[50:].tolist() == [5 / 100] * 50
    # The surest of all is not judged by itself alone.
    first = disputed(np.linspace(1.0, 0.0, 100), np.arange(100) == 0)
    assert first[0] == pytest.approx(1 / 30)


def test_a_photo_that_stands_in_its_region_may_show_another(folds: Folds) -> None:
    """All of it says region 3, yet the photos around it are of its own region."""
    folds.table.loc[4, ["region", "region_probability"]] = (3, 0.95)
    folds.table.loc[4, "neighbours"] = folds.table.loc[64, "neighbours"]
    assert "unlikely_region" not in {found.finding for found in folds.unlikely()}
