import numpy as np
import pytest

from core.geo import Floats, distance_m, heading_error_deg, heading_from_unit
from core.retrieval.choice import (
    DEFAULT,
    LEAST_PLACES,
    UNREFINED,
    Setting,
    choose,
    select_settings,
)
from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.neighbours import Neighbours
from core.retrieval.refine import refine, retrieve
from core.retrieval.select import (
    MOST_GALLERY_QUERIES,
    Raw,
    ValidationTruth,
    select_refinement,
    with_gallery_photos,
)


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
    config = select_settings(raw, raw_heading, features, truth, heading, gallery).config
    assert config.method == "retrieval"
    refined = refine(raw, raw_heading, features, gallery, config)
    error = np.median(distance_m(refined.position_m, truth))
    assert error < 0.5 * np.median(distance_m(raw, truth))
    turned = heading_error_deg(refined.heading_deg, heading).mean()
    assert turned < 0.7 * heading_error_deg(raw_heading, heading).mean()


def test_a_perfect_prediction_is_left_alone() -> None:
    gallery = make_gallery(informative=False)
    truth, heading, features = world(40, 5)
    config = select_settings(truth, heading, features, truth, heading, gallery).config
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
    ).config
    refined = refine(
        raw, raw_heading, features, gallery, config, region_probabilities=probabilities
    )
    moved, before = distance_m(refined.position_m, truth), distance_m(raw, truth)
    assert np.log(moved + 5).mean() <= np.log(before + 5).mean() + 1e-9
    turned = heading_error_deg(refined.heading_deg, heading).mean()
    assert turned <= heading_error_deg(raw_heading, heading).mean() + 1e-9


def test_the_choice_works_on_a_gallery_smaller_than_the_grid() -> None:
    gallery = make_gallery(4)
    truth, heading, features = world(10, 7)
    config = select_settings(truth + 5, heading, features, truth, heading, gallery).config
    assert max(config.k, config.heading_k) <= 4
    assert refine(truth, heading, features, gallery, config).neighbours.shape == (10, config.k)


def test_a_choice_that_only_flatters_is_not_made() -> None:
    methods = []
    for seed in range(8):
        gallery = make_gallery(200, informative=False)
        truth, heading, features = world(12, 10 + seed)
        raw = truth + np.random.default_rng(seed).normal(0, 10, truth.shape)
        config = select_settings(raw, heading, features, truth, heading, gallery).config
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
        ).config
        assert (config.blend_region > 0.0) is refined


def settings_of(*losses: np.ndarray) -> list[Setting]:
    """The default, and settings of one step more each, told apart by k."""
    return [
        Setting(DEFAULT.model_copy(update={"k": k + 1}), k, loss) for k, loss in enumerate(losses)
    ]


def test_a_setting_is_chosen_for_what_it_gains_beyond_one_standard_error() -> None:
    rng = np.random.default_rng(0)
    default, places = rng.normal(3.0, 1.0, 60), np.arange(60)
    better, best = default - 0.5, default - 0.51 + rng.normal(0, 0.1, 60)
    assert choose(settings_of(default, better, best), places).k == 2, "the nearest to the default"
    luck = default - 0.05 + rng.normal(0, 1.0, 60)
    assert choose(settings_of(default, luck), places).k == 1


def test_many_photos_of_one_place_are_one_piece_of_evidence() -> None:
    default = np.full(60, 3.0)
    gain = np.where(np.arange(60) < 40, 1.0, -0.5)
    assert choose(settings_of(default, default - gain), np.arange(60)).k == 2
    one_place = np.maximum(np.arange(60) - 39, 0)
    assert choose(settings_of(default, default - gain), one_place).k == 1


def test_with_few_places_the_default_stays() -> None:
    default = np.full(40, 3.0)
    few = np.arange(40) % (LEAST_PLACES - 1)
    assert choose(settings_of(default, default - 1.0), few).k == 1
    assert choose(settings_of(default, default - 1.0), np.arange(40)).k == 2


def test_the_choice_says_on_how_many_photos_and_places() -> None:
    gallery = make_gallery()
    truth, heading, features = world(120, 5)
    choice = select_settings(
        truth + 30.0, heading, features, truth, heading, gallery, spot=np.arange(120) // 3
    )
    assert choice.metrics() == {"refine_photos": 120.0, "refine_places": 40.0}
    assert "on 120 photos of 40 places" in str(choice)
    assert choice.config != UNREFINED


def test_gallery_photos_leave_out_their_surroundings_when_they_are_asked() -> None:
    gallery = make_gallery(300)
    _, _, features = world(300, 0)
    truth, heading, own = world(40, 5)
    found = retrieve(own, gallery, 2)
    raw = Raw(
        found.position_m, heading_from_unit(found.heading), found.probabilities,
        own.astype(np.float32),
    )  # fmt: skip
    val = ValidationTruth(truth, heading, np.zeros(40, np.int64), np.arange(40))
    photos, truths = with_gallery_photos(
        raw, val, gallery, features.astype(np.float32), np.arange(40, 340)
    )
    rows = len(truths.spot) - 40
    assert rows == MOST_GALLERY_QUERIES
    assert len(photos.features) == len(photos.position_m) == len(truths.region) == 40 + rows
    circles = photos.surroundings
    assert np.isnan(circles.position_m[:40]).all()
    # As far as validation photos are from their nearest training photo, 12 m in the median.
    apart, _ = gallery.tree.query(truth)
    assert circles.radius_m == pytest.approx(np.median(apart))
    searched = Neighbours.search(photos.features, gallery, surroundings=circles)
    nearest = distance_m(gallery.position_m[searched.rows[40:, 0]], truths.position_m[40:])
    assert nearest.min() > circles.radius_m
    assert select_refinement(photos, truths, gallery).photos == 40 + rows
