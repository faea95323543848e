from pathlib import Path

import numpy as np
import pytest

from core.audit.rows import read_rows
from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.audit.twins import LOOK_ALIKE_KINDS, Features, find_with, nearest
from tests.audit.photo_campus import PHOTOS, PhotoCampus


@pytest.fixture
def campus(tmp_path: Path) -> PhotoCampus:
    """Neighbours in the file stand at one spot and look one way."""
    campus = PhotoCampus(tmp_path / "campus")
    for row in range(1, PHOTOS, 2):
        campus.label(row, row - 1)
    campus.labels.to_csv(campus.root / "labels.csv", index=False)
    return campus


def features(seed: int = 0) -> Features:
    """Both photos of a spot are alike, some more than others."""
    rng = np.random.default_rng(seed)
    spots = rng.normal(0.0, 1.0, (PHOTOS // 2, 32)).repeat(2, axis=0)
    noise = rng.normal(0.0, 1.0, spots.shape) * np.linspace(0.05, 0.3, PHOTOS)[:, None]
    return np.asarray(spots + noise, np.float32)


def found(campus: PhotoCampus, values: Features) -> dict[str, str]:
    rows = read_rows(campus.root)
    return {each.filename: each.evidence for each in find_with(rows, lambda paths: values)}


def test_photos_of_one_spot_may_look_alike(campus: PhotoCampus) -> None:
    assert found(campus, features()) == {}


def test_photos_that_are_alike_at_two_places_are_both_named(campus: PhotoCampus) -> None:
    values = features()
    values[40] = values[3] * 1.7  # of another length, and the same to a cosine
    evidence = found(campus, values)
    assert set(evidence) == {"img_03.jpg", "img_40.jpg"}
    assert "images/img_40.jpg" in evidence["img_03.jpg"]
    assert "m apart" in evidence["img_03.jpg"]


def test_photos_less_alike_than_those_of_one_spot_are_not_named(campus: PhotoCampus) -> None:
    values = features()
    values[[3, 40]] += np.random.default_rng(1).normal(0.0, 3.0, (2, 32)).astype(np.float32)
    values[40] += values[3]
    assert found(campus, values) == {}


def test_the_nearest_is_never_the_photo_itself() -> None:
    values = np.array([[1, 0], [0.9, 0.1], [0, 1], [0, 2]], np.float32)
    other, alike = nearest(values)
    assert other.tolist() == [1, 0, 3, 2]
    assert alike[2] == pytest.approx(1.0)


def test_a_checkpoint_answers_through_the_audit(shared_campus: Path, checkpoint: Path) -> None:
    without = audit(AuditConfig(dataset=shared_campus)).skipped
    assert any("--checkpoint" in each.reason for each in without)
    result = audit(AuditConfig(dataset=shared_campus, checkpoint=checkpoint))
    assert "look-alikes" not in {each.check for each in result.skipped}
    assert set(result.by_kind) <= {*LOOK_ALIKE_KINDS, "near_duplicate_photo"}
