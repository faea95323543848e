"""What agreeing points do to the ranking, the heading and the choice of a refinement."""

from dataclasses import replace

import numpy as np
import pytest

from core.geo import heading_error_deg
from core.retrieval.choice import (
    COUNT_WEIGHT,
    POINTS_WEIGHTS,
    default_refinement,
    select_settings,
)
from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.local_features import FIRST, PointMethod, describe_gallery
from core.retrieval.neighbours import Neighbours
from core.retrieval.refine import refine
from core.retrieval.schema import RefineConfig
from core.retrieval.verification import Verified
from tests.retrieval.scenes import scene

HFOV_DEG = 66.0
NOTHING = RefineConfig(method="retrieval", k=1, heading_k=1, blend_heading=1.0, temperature=0.01)


def gallery_of(position_m: np.ndarray, heading_deg: np.ndarray, features: np.ndarray) -> Gallery:
    names = [str(row) for row in range(len(position_m))]
    return build_gallery(
        names, names, features, position_m, heading_deg, np.zeros(len(names), int),
        split_hash="h", parts=dict.fromkeys(names, "train"),
    )  # fmt: skip


@pytest.fixture
def three() -> Gallery:
    """Photo 0 looks most alike, photo 1 nearly, photo 2 not at all."""
    features = np.array([[1.0, 0.0, 0.0], [0.99, 0.14, 0.0], [0.0, 0.0, 1.0]])
    return gallery_of(np.array([[0, 0], [50, 0], [0, 90]]), np.array([10.0, 100, 200]), features)


LOOK = np.array([[1.0, 0.0, 0.0]])
SEEN = Verified(
    np.array([[0, 1]]), np.array([[3, 40]]), np.array([[0.0, -12.0]]), HFOV_DEG
)  # fmt: skip


def refined(gallery: Gallery, config: RefineConfig, verified: Verified | None = SEEN):  # noqa: ANN201
    return refine([[1, 1]], [0.0], LOOK, gallery, config, verified=verified, shown=3)


def test_a_photo_whose_points_agree_comes_first(three: Gallery) -> None:
    plain = refined(three, NOTHING)
    assert plain.neighbours[0].tolist() == [0, 1, 2]
    assert plain.position_m[0].tolist() == [0, 0]
    lifted = refined(three, NOTHING.model_copy(update={"points_weight": 0.05}))
    assert lifted.neighbours[0].tolist() == [1, 0, 2]
    assert lifted.position_m[0].tolist() == [50, 0]
    np.testing.assert_allclose(lifted.similarity[0, :2], [0.99, 1.0], atol=2e-3)


def test_points_that_agree_by_chance_have_no_say(three: Gallery) -> None:
    chance = Verified(SEEN.rows, np.array([[0, 5]]), SEEN.turn_deg, HFOV_DEG)
    config = NOTHING.model_copy(update={"points_weight": 10.0})
    assert refined(three, config, chance).neighbours[0, 0] == 0


def test_how_many_agree_is_told_and_who_was_not_compared(three: Gallery) -> None:
    assert refined(three, NOTHING).inliers[0].tolist() == [3, 40, -1]
    assert refined(three, NOTHING, None).inliers[0].tolist() == [-1, -1, -1]


def test_headings_are_turned_to_where_the_photo_looks(three: Gallery) -> None:
    lifted = NOTHING.model_copy(update={"points_weight": 0.05})
    assert refined(three, lifted).heading_deg[0] == pytest.approx(100.0)
    turned = lifted.model_copy(update={"turn_hfov_deg": HFOV_DEG})
    assert refined(three, turned).heading_deg[0] == pytest.approx(88.0)


def test_many_photos_keep_their_own_points() -> None:
    """More photos than are ranked together."""
    rng = np.random.default_rng(0)
    n, m = 1100, 40
    gallery = gallery_of(rng.normal(size=(m, 2)), rng.uniform(0, 360, m), rng.normal(size=(m, 8)))
    rows = np.argsort(rng.random((n, m)), axis=1)[:, :6]
    seen = Verified(rows, 20 * np.argsort(rng.random((n, 6)), axis=1), np.zeros((n, 6)), HFOV_DEG)
    config = RefineConfig(method="retrieval", k=3, points_weight=50.0, heading_k=3)
    found = refine(
        np.zeros((n, 2)), np.zeros(n), rng.normal(size=(n, 8)), gallery, config, verified=seen
    )
    for row in (0, 511, 512, 1099):
        best = rows[row, np.argsort(-seen.inliers[row], kind="stable")]
        assert found.neighbours[row, 0] == best[0]
        assert found.inliers[row, 0] == seen.inliers[row].max()


def lookalikes(n: int = 240) -> tuple[Gallery, np.ndarray, np.ndarray, np.ndarray, Verified]:
    """Every place has a twin that looks the same; points alone tell them apart, and the turn."""
    rng = np.random.default_rng(3)
    places = rng.uniform(0, 400, (n, 2))
    twins = places + 200.0
    look = np.repeat(rng.normal(size=(n, 16)), 2, axis=0)
    position = np.stack([places, twins], axis=1).reshape(-1, 2)
    heading = rng.uniform(0, 360, 2 * n)
    gallery = gallery_of(position, heading, look)
    which = rng.integers(0, 2, n)
    own = 2 * np.arange(n) + which
    turn = rng.uniform(-30, 30, n)
    rows = np.stack([2 * np.arange(n), 2 * np.arange(n) + 1], axis=1)
    points = np.where(rows == own[:, None], 50, 3)
    turns = np.where(rows == own[:, None], turn[:, None], 0.0)
    truth = position[own] + rng.normal(0, 2, (n, 2))
    return gallery, look[::2], truth, heading[own] + turn, Verified(rows, points, turns, HFOV_DEG)


def test_points_are_chosen_where_they_tell_twins_apart() -> None:
    gallery, look, truth, heading, verified = lookalikes()
    raw = truth + np.random.default_rng(1).normal(0, 150, truth.shape)
    raw_deg = np.zeros(len(raw))
    plain = select_settings(raw, raw_deg, look, truth, heading, gallery).config
    assert plain.points_weight == 0
    assert plain.turn_hfov_deg is None
    config = select_settings(raw, raw_deg, look, truth, heading, gallery, verified=verified).config
    assert config.points_weight in POINTS_WEIGHTS
    assert config.points_weight > 0
    assert config.turn_hfov_deg == HFOV_DEG
    found = refine(raw, raw_deg, look, gallery, config, verified=verified)
    assert np.median(np.hypot(*(found.position_m - truth).T)) < 5
    assert heading_error_deg(found.heading_deg, heading).mean() < 15


@pytest.mark.parametrize(
    ("method", "expected"),
    [(FIRST, ("count", COUNT_WEIGHT)), (PointMethod(), ("contrast", 0.4))],
    ids=["affine", "fundamental"],
)
def test_inliers_of_an_affine_map_are_counted_and_others_compared_by_default(
    three: Gallery, method: PointMethod, expected: tuple[str, float]
) -> None:
    photos = np.stack([scene(seed) for seed in range(3)])
    local = describe_gallery(photos, np.arange(3), 8, method)
    config = default_refinement(replace(three, local=local), verified=True, places=False)
    assert (config.evidence, config.points_weight) == expected
    plain = default_refinement(replace(three, local=local), verified=False, places=False)
    assert (plain.evidence, plain.points_weight) == ("count", 0.0)


def test_a_random_signal_is_not_chosen() -> None:
    """Every place looks different; inliers and turns are drawn at random."""
    gallery, *_ = lookalikes()
    rng = np.random.default_rng(7)
    look = rng.normal(size=(len(gallery), 16))
    gallery = gallery_of(gallery.position_m, gallery.heading_deg, look)
    own = np.arange(0, len(gallery), 2)
    truth = gallery.position_m[own] + rng.normal(0, 2, (len(own), 2))
    heading = gallery.heading_deg[own] + rng.normal(0, 5, len(own))
    query = look[own] + rng.normal(0, 0.8, look[own].shape)
    rows = Neighbours.search(query, gallery).rows
    noise = Verified(
        rows, rng.integers(0, 60, rows.shape), rng.uniform(-45, 45, rows.shape), HFOV_DEG
    )
    raw = truth + rng.normal(0, 150, truth.shape)
    config = select_settings(
        raw, np.zeros(len(raw)), query, truth, heading, gallery, verified=noise
    ).config
    assert config.method == "retrieval"
    assert config.points_weight == 0
    assert config.turn_hfov_deg is None


def test_headings_are_chosen_under_the_ranking_of_the_position() -> None:
    gallery, look, truth, _, verified = lookalikes()
    photos = np.arange(len(truth))
    own = verified.rows[photos, np.argmax(verified.inliers, axis=1)]
    twin = verified.rows[photos, np.argmin(verified.inliers, axis=1)]
    # The twin looks a little more alike, and the photo looks where the twin does: headings by
    # themselves would best be found without points, positions are found by points alone.
    features = np.array(gallery.features)
    features[own] += 0.05 * np.random.default_rng(2).normal(size=features[own].shape)
    gallery = gallery_of(gallery.position_m, gallery.heading_deg, features)
    verified = replace(verified, turn_deg=np.zeros(verified.rows.shape))
    heading = gallery.heading_deg[twin]
    raw = truth + np.random.default_rng(1).normal(0, 150, truth.shape)
    raw_deg = heading + 20.0
    config = select_settings(raw, raw_deg, look, truth, heading, gallery, verified=verified).config
    assert config.points_weight > 0
    found = refine(raw, raw_deg, look, gallery, config, verified=verified)
    assert heading_error_deg(found.heading_deg, heading).mean() < 25, "rather not turned at all"


def test_of_many_photos_each_keeps_its_own_points_in_the_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.retrieval.choice.MOST_PHOTOS", 100)
    gallery, look, truth, heading, verified = lookalikes()
    raw = truth + np.random.default_rng(1).normal(0, 150, truth.shape)
    config = select_settings(
        raw, np.zeros(len(raw)), look, truth, heading, gallery, verified=verified
    ).config
    assert config.points_weight > 0
