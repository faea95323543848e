import numpy as np
import pytest

from core.geo import Floats, distance_m, heading_error_deg
from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.refine import refine
from core.retrieval.select import select_settings


def world(n: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Positions, headings and features that change smoothly with both."""
    rng = np.random.default_rng(seed)
    position = rng.uniform(0, 200, (n, 2))
    heading = rng.uniform(0, 360, n)
    radians = np.deg2rad(heading)
    basis = np.random.default_rng(1).normal(size=(5, 64))
    state = np.c_[position / 40, 2 * np.cos(radians), 2 * np.sin(radians), np.ones(n)]
    return position, heading, np.sin(state @ basis)


def make_gallery(n: int = 600, *, informative: bool = True) -> Gallery:
    position, heading, features = world(n, 0)
    if not informative:
        features = np.random.default_rng(9).normal(size=features.shape)
    ids = [str(row) for row in range(n)]
    return build_gallery(
        ids,
        ids,
        features,
        position,
        heading,
        (position[:, 0] // 100).astype(int),
        split_hash="h",
        parts=dict.fromkeys(ids, "train"),
    )


def test_weak_regression_and_telling_features_choose_retrieval() -> None:
    gallery = make_gallery()
    truth, heading, features = world(120, 5)
    rng = np.random.default_rng(2)
    raw, raw_heading = truth + rng.normal(0, 60, truth.shape), heading + rng.normal(0, 70, 120)
    config = select_settings(raw, raw_heading, features, truth, heading, gallery)
    assert config.method == "retrieval"
    refined = refine(raw, raw_heading, features, gallery, config)
    error = np.median(distance_m(refined.position_m, truth))
    assert error < 0.5 * np.median(distance_m(raw, truth))
    turned = heading_error_deg(refined.heading_deg, heading).mean()
    assert turned < 0.7 * heading_error_deg(raw_heading, heading).mean()


def test_a_perfect_prediction_is_left_alone() -> None:
    gallery = make_gallery(informative=False)
    truth, heading, features = world(40, 5)
    config = select_settings(truth, heading, features, truth, heading, gallery)
    refined = refine(truth, heading, features, gallery, config)
    np.testing.assert_array_equal(refined.position_m, truth)
    np.testing.assert_array_equal(refined.heading_deg, heading)


@pytest.mark.parametrize("informative", [True, False])
def test_on_validation_refinement_is_never_worse_than_raw(*, informative: bool) -> None:
    gallery = make_gallery(informative=informative)
    truth, heading, features = world(80, 6)
    rng = np.random.default_rng(4)
    raw, raw_heading = truth + rng.normal(0, 8, truth.shape), heading + rng.normal(0, 5, 80)
    probabilities = np.full((80, 2), 0.5)
    config = select_settings(
        raw, raw_heading, features, truth, heading, gallery, region_probabilities=probabilities
    )
    refined = refine(
        raw, raw_heading, features, gallery, config, region_probabilities=probabilities
    )
    before = np.median(distance_m(raw, truth))
    assert np.median(distance_m(refined.position_m, truth)) <= before + 1e-9
    turned = heading_error_deg(refined.heading_deg, heading).mean()
    assert turned <= heading_error_deg(raw_heading, heading).mean() + 1e-9


def test_the_choice_works_on_a_gallery_smaller_than_the_grid() -> None:
    gallery = make_gallery(4)
    truth, heading, features = world(10, 7)
    config = select_settings(truth + 5, heading, features, truth, heading, gallery)
    assert max(config.k, config.heading_k) <= 4
    assert refine(truth, heading, features, gallery, config).neighbours.shape == (10, config.k)


def test_a_choice_that_only_flatters_is_not_made() -> None:
    methods = []
    for seed in range(8):
        gallery = make_gallery(200, informative=False)
        truth, heading, features = world(12, 10 + seed)
        raw = truth + np.random.default_rng(seed).normal(0, 10, truth.shape)
        config = select_settings(raw, heading, features, truth, heading, gallery)
        methods.append(config.method)
    # These neighbours help nobody; the best of hundreds of settings would claim so each time.
    assert methods.count("none") >= 7


def test_regions_are_refined_only_where_the_neighbours_know_better() -> None:
    gallery = make_gallery()
    truth, heading, features = world(200, 5)
    region = (truth[:, 0] // 100).astype(int)
    ignorant, certain = np.full((200, 2), 0.5), np.eye(2)[region]

    for probability, refined in ((ignorant, True), (certain, False)):
        config = select_settings(
            truth,
            heading,
            features,
            truth,
            heading,
            gallery,
            region_probabilities=probability,
            true_region=region,
        )
        assert (config.blend_region > 0.0) is refined
