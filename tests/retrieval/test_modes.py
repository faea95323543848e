"""Modes of headings, evidence by contrast and the place head's term."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from core.errors import ConfigError
from core.geo import heading_error_deg, heading_from_unit
from core.retrieval.modes import heading_mode
from core.retrieval.neighbours import Neighbours, PlaceShares, inlier_evidence
from core.retrieval.refine import refine
from core.retrieval.schema import RefineConfig
from core.retrieval.verification import Verified
from tests.retrieval.test_points import gallery_of

SPREAD_DEG = 30.0


def test_the_mode_is_one_of_two_opposite_directions_and_never_between() -> None:
    headings = np.array([[350.0, 10.0, 180.0, np.nan]])
    vector = heading_mode(headings, np.array([[0.2, 0.2, 0.35, 0.25]]), SPREAD_DEG)
    assert heading_error_deg(heading_from_unit(vector), np.zeros(1))[0] < 0.5
    # Its length is its support: the two headings of 0.2 each, and nearly nothing of the others.
    assert np.hypot(*vector[0]) == pytest.approx(0.4, abs=0.05)
    assert not heading_mode(headings, np.zeros((1, 4)), SPREAD_DEG).any()


def test_far_headings_do_not_pull_the_mode_as_they_pull_the_mean() -> None:
    gallery = gallery_of(np.zeros((3, 2)), np.array([40.0, 60.0, 200.0]), np.eye(3))
    look = np.array([[1.0, 0.98, 0.96]])
    options = {"heading_k": 3, "heading_temperature": 1.0, "blend_heading": 1.0}
    config = RefineConfig(method="none", k=1, **options)
    mean = refine([[0, 0]], [200.0], look, gallery, config).heading_deg[0]
    mode = config.model_copy(update={"heading_spread_deg": SPREAD_DEG})
    found = refine([[0, 0]], [200.0], look, gallery, mode).heading_deg[0]
    assert abs(mean - 50.0) > 15.0
    assert found == pytest.approx(50.0, abs=1.0)
    # The raw heading votes with the share that the neighbours leave it.
    half = mode.model_copy(update={"blend_heading": 0.4})
    assert refine([[0, 0]], [200.0], look, gallery, half).heading_deg[0] == pytest.approx(
        200, abs=1
    )


def test_contrast_is_with_the_candidates_of_the_same_query() -> None:
    inliers = np.array([[15, 15, 15, 39], [30, 30, 30, 39]])
    verified = Verified(np.tile(np.arange(4), (2, 1)), inliers, np.zeros((2, 4)), 60.0)
    contrast = inlier_evidence(verified, "contrast")
    np.testing.assert_allclose(contrast[0], [0, 0, 0, np.log(40 / 16)])
    assert contrast[1, 3] < 0.3
    assert inlier_evidence(verified, "count")[1, 3] == inlier_evidence(verified, "count")[0, 3]


def test_a_count_of_chance_stands_out_from_candidates_without_inliers_for_nothing() -> None:
    inliers = np.array([[0, 0, 0, 11], [0, 0, 0, 51]])
    verified = Verified(np.tile(np.arange(4), (2, 1)), inliers, np.zeros((2, 4)), 60.0)
    contrast = inlier_evidence(verified, "contrast")
    assert not contrast[0].any(), "any two photos share so many"
    np.testing.assert_allclose(contrast[1], [0, 0, 0, np.log(52 / 13)])


def test_the_nearest_anchor_is_that_of_a_tree() -> None:
    rng = np.random.default_rng(0)
    position = rng.normal(1e5, 300.0, (500, 2))
    gallery = gallery_of(position, np.zeros(500), np.ones((500, 2)))
    for count in (1, 40):  # another place head of the same gallery is not given the first's
        anchors = rng.normal(1e5, 300.0, (count, 2))
        expected = cKDTree(anchors).query(gallery.position_m)[1]
        assert gallery.nearest_anchors(anchors).tolist() == expected.tolist()


def test_the_place_head_lifts_photos_near_its_likely_anchors() -> None:
    position = np.array([[0.0, 0.0], [100.0, 0.0], [101.0, 1.0]])
    gallery = gallery_of(position, np.zeros(3), np.array([[1.0, 0], [0.99, 0.14], [0.0, 1.0]]))
    anchors = np.array([[np.nan, np.nan], [0.0, 1.0], [99.0, 0.0]])
    views = np.log(np.array([[1e-9, 1e-9, 0.05, 0.05, 0.45, 0.45]]))
    places = PlaceShares.of(views, anchors, gallery)
    np.testing.assert_allclose(places.share, [[0.0, 0.1, 0.9]], atol=1e-6)
    assert places.anchor.tolist() == [1, 2, 2]
    found = Neighbours.search(np.array([[1.0, 0.0]]), gallery)
    config = RefineConfig(method="retrieval", k=3)
    assert found.ranked(config, 3, np.zeros((1, 2))).rows[0].tolist() == [0, 1, 2]
    lifted = config.model_copy(update={"place_weight": 0.02})
    ranked = found.ranked(lifted, 3, np.zeros((1, 2)), places=places)
    assert ranked.rows[0].tolist() == [1, 0, 2]
    with pytest.raises(ConfigError, match="place head"):
        found.ranked(lifted, 3, np.zeros((1, 2)))


def test_a_stored_refinement_that_names_no_new_option_means_what_it_meant() -> None:
    old = RefineConfig.model_validate({"method": "retrieval", "k": 3, "points_weight": 0.1})
    assert (old.evidence, old.heading_spread_deg, old.place_weight) == ("count", None, 0.0)
