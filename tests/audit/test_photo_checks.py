import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.audit import photo_checks, twins
from core.audit.photo_scan import scan_photo, scan_photos
from core.audit.run import audit
from core.audit.schema import AuditConfig
from tests.audit.photo_campus import ORIGIN, PHOTOS, PhotoCampus, jpeg, scene
from tests.phone_photos import phone_photo

KINDS = {*photo_checks.APPEARANCE_KINDS, *twins.TWIN_KINDS, *photo_checks.EXIF_KINDS}
Found = set[tuple[str, int]]


@pytest.fixture
def campus(tmp_path: Path) -> PhotoCampus:
    return PhotoCampus(tmp_path / "campus")


def of_photos(found: object) -> Found:
    return {key for key in found if key[0] in KINDS}  # type: ignore[attr-defined]


def test_sound_photos_are_not_accused(campus: PhotoCampus) -> None:
    assert of_photos(campus.audited()) == set()


def test_photos_that_show_little_are_named(campus: PhotoCampus) -> None:
    campus.photo(1).write_bytes(campus.photo(1).read_bytes()[:2000])
    jpeg(scene(2, (40, 30)), campus.photo(2))
    jpeg(scene(3, (520, 120)), campus.photo(3))
    jpeg((scene(4) * 0.12).astype(np.uint8), campus.photo(4))
    jpeg(np.maximum(scene(5), 253), campus.photo(5))
    jpeg(cv2.GaussianBlur(scene(6), (0, 0), 6), campus.photo(6))
    campus.photo(7).write_bytes(b"")
    jpeg(scene(8, (100, 100)), campus.photo(8))
    found = campus.audited()
    assert of_photos(found) == {
        ("unreadable_photo", 1), ("tiny_photo", 2), ("odd_shape", 3), ("dark_photo", 4),
        ("overexposed_photo", 5), ("blurred_photo", 6), ("odd_shape", 8),
    }  # fmt: skip
    assert found["odd_shape", 8].score < found["odd_shape", 3].score
    assert "truncated" in found["unreadable_photo", 1].evidence


def test_a_dataset_of_dusk_is_not_dark(campus: PhotoCampus) -> None:
    for row in range(PHOTOS):
        jpeg((scene(row) * 0.4).astype(np.uint8), campus.photo(row))
    assert of_photos(campus.audited()) == set()


def test_far_fewer_pixels_than_the_rest_are_named(campus: PhotoCampus) -> None:
    for row in range(PHOTOS):
        jpeg(scene(row, (800, 600)), campus.photo(row))
    jpeg(scene(9, (112, 84)), campus.photo(9))
    assert of_photos(campus.audited()) == {("tiny_photo", 9)}


def test_exact_duplicates_are_named_and_contradictions_score_higher(campus: PhotoCampus) -> None:
    for row, like in ((10, 3), (20, 4), (47, 5)):
        shutil.copy(campus.photo(like), campus.photo(row))
    campus.label(10, 3)
    campus.label(20, 4, angle=int(campus.labels.loc[4, "angle"]) + 100)
    found = campus.audited()
    assert of_photos(found) == {("duplicate_photo", row) for row in (10, 20, 47)}
    assert found["duplicate_photo", 10].score == pytest.approx(0.3)
    assert found["duplicate_photo", 20].score > 0.9
    assert found["duplicate_photo", 47].score > 0.9
    assert "the same file as images/img_04.jpg" in found["duplicate_photo", 20].evidence
    assert "headings 100° apart" in found["duplicate_photo", 20].evidence
    assert "126 m apart" in found["duplicate_photo", 47].evidence


def test_a_file_that_lost_its_exif_is_the_same_photo(campus: PhotoCampus) -> None:
    pixels = scene(99)
    campus.photo(3).write_bytes(phone_photo(pixels=pixels, latitude=None, direction=None))
    jpeg(pixels, campus.photo(12), quality=90)
    found = campus.audited()
    assert of_photos(found) == {("duplicate_photo", 12)}
    assert "the same pixels" in found["duplicate_photo", 12].evidence


def test_copies_in_another_guise_are_near_duplicates(campus: PhotoCampus) -> None:
    one = scene(3)
    jpeg(one, campus.photo(11), quality=35)
    jpeg(cv2.resize(one, (120, 90), interpolation=cv2.INTER_AREA), campus.photo(30))
    jpeg((one * 1.2).clip(0, 255).astype(np.uint8), campus.photo(40))
    campus.label(11, 3)
    campus.label(30, 3, Region_ID=2)
    found = campus.audited()
    assert of_photos(found) == {("near_duplicate_photo", row) for row in (11, 30, 40)}
    scores = [found["near_duplicate_photo", row].score for row in (11, 30, 40)]
    assert scores[0] < 0.2 < 0.5 < scores[1] < scores[2]


def test_a_photo_cropped_a_little_is_a_near_duplicate(campus: PhotoCampus) -> None:
    large = cv2.resize(scene(3, (8, 6)), (320, 240), interpolation=cv2.INTER_CUBIC)
    jpeg(large, campus.photo(3))
    jpeg(large[7:, 9:], campus.photo(12))
    assert ("near_duplicate_photo", 12) in campus.audited()


def test_exif_that_contradicts_the_label_is_proposed(campus: PhotoCampus) -> None:
    def shoot(row: int, **options: object) -> None:
        where = {
            "latitude": float(campus.labels.loc[row, "latitude"]),
            "longitude": ORIGIN[1],
            "direction": float(campus.labels.loc[row, "angle"]),
        }
        values = where | options
        campus.photo(row).write_bytes(phone_photo(pixels=scene(row), **values))  # type: ignore[arg-type]

    shoot(0, accuracy=4.0)
    shoot(1, longitude=ORIGIN[1] + 100.0 / 106_080.0, accuracy=4.0)
    shoot(2, longitude=ORIGIN[1] + 100.0 / 106_080.0, accuracy=50.0)
    shoot(3, direction=(37.0 * 3 + 90.0) % 360.0)
    shoot(4, direction=(37.0 * 4 + 60.0) % 360.0, reference="M")
    found = campus.audited()
    assert of_photos(found) == {("exif_position", 1), ("exif_heading", 3)}
    position, heading = found["exif_position", 1], found["exif_heading", 3]
    assert position.column == "position"
    latitude, longitude = map(float, position.proposal.split())
    assert latitude == pytest.approx(float(campus.labels.loc[1, "latitude"]), abs=1e-7)
    assert longitude == pytest.approx(ORIGIN[1] + 100.0 / 106_080.0, abs=1e-7)
    assert "100 m from the label" in position.evidence
    assert (heading.column, heading.value, heading.proposal) == ("angle", "111", "201")
    # With the declination the magnetic one is known, and 60 degrees are too many.
    magnetic = campus.audited(declination=-1.5)["exif_heading", 4]
    assert magnetic.proposal == "206.5"
    assert "208° from magnetic north, 206° with the declination of -1.5°" in magnetic.evidence


def test_exif_is_proposed_in_label_units(campus: PhotoCampus) -> None:
    (campus.root / "campus.toml").write_text(
        '[frame]\nkind = "scaled_degrees"\nscale = 1e-6\n'
        "origin_latitude = 17.0\norigin_longitude = 78.0\n"
    )
    campus.labels["latitude"] = ((campus.labels["latitude"] - 17.0) * 1e6).round().astype(int)
    campus.labels["longitude"] = round((ORIGIN[1] - 78.0) * 1e6)
    campus.photo(1).write_bytes(
        phone_photo(latitude=17.442, longitude=78.341, direction=37.0, pixels=scene(1))
    )
    assert campus.audited()["exif_position", 1].proposal == "442000.00 341000.00"


def test_without_a_frame_positions_are_not_compared(campus: PhotoCampus) -> None:
    (campus.root / "campus.toml").write_text('[frame]\nkind = "planar_metres"\n')
    campus.photo(1).write_bytes(phone_photo(direction=37.0, pixels=scene(1)))
    assert of_photos(campus.audited()) == set()


def test_photos_are_read_once_and_told(campus: PhotoCampus) -> None:
    campus.labels.to_csv(campus.root / "labels.csv", index=False)
    told: list[tuple[int, int]] = []
    config = AuditConfig(dataset=campus.root)
    audit(config, photo_progress=lambda done, total: told.append((done, total)))
    assert told == [(done, PHOTOS) for done in range(1, PHOTOS + 1)]
    told.clear()
    blind = AuditConfig(dataset=campus.root, photos=False)
    skipped = audit(blind, photo_progress=lambda done, total: told.append((done, total))).skipped
    assert told == []
    assert {each.check for each in skipped} >= {"looks of photos", "EXIF"}


def test_what_is_no_photo_is_a_fault_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff" + bytes(200))
    assert scan_photo(tmp_path / "a.jpg").fault.startswith("it cannot be read")
    assert "cannot be opened" in scan_photo(tmp_path / "absent.jpg").fault
    assert scan_photos([""]) == [None]


def test_equal_hashes_alone_make_no_copy() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.0, 1.0 / 32.0, (2, 1024)).astype(np.float32)
    assert twins.likeness(one, one, np.uint64(5), np.uint64(5)) is not None
    assert twins.likeness(one, other, np.uint64(5), np.uint64(5)) is None
    assert twins.likeness(one, one, np.uint64(0), np.uint64(2**20 - 1)) == (
        pytest.approx(1.0, abs=0.1), False
    )  # fmt: skip
