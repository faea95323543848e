import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.refine import RefineConfig, refine

NEAREST = RefineConfig(method="retrieval", k=1, heading_k=1, blend_position=1.0, blend_heading=1.0)


def make_gallery(features: object, position_m: object, heading_deg: object) -> Gallery:
    ids = [str(row) for row in range(len(np.asarray(position_m)))]
    return build_gallery(
        ids,
        ids,
        features,
        position_m,
        heading_deg,
        np.arange(len(ids)) % 2,
        split_hash="h",
        parts=dict.fromkeys(ids, "train"),
    )


@pytest.fixture
def three() -> Gallery:
    return make_gallery(np.eye(3), [[0, 0], [100, 0], [0, 300]], [10, 120, 250])


@pytest.mark.trap(name="the farthest neighbour taken for the nearest")
@pytest.mark.parametrize("row", [0, 1, 2])
def test_the_nearest_wins_and_k_1_returns_it(three: Gallery, row: int) -> None:
    query = np.full((1, 3), 0.1)
    query[0, row] = 1.0
    refined = refine([[50, 50]], [0.0], query, three, NEAREST)
    assert refined.neighbours.tolist() == [[row]]
    np.testing.assert_allclose(refined.position_m, three.position_m[[row]])
    np.testing.assert_allclose(refined.heading_deg, three.heading_deg[[row]])
    np.testing.assert_allclose(refined.weight, 1.0)


def test_position_knn_is_the_mean_of_the_nearest_training_positions() -> None:
    gallery = make_gallery(np.eye(4), [[0, 0], [10, 0], [0, 10], [500, 500]], [0, 0, 0, 0])
    config = RefineConfig(method="position_knn", k=3, heading_k=1)
    refined = refine([[1, 1]], [40.0], np.eye(4)[[3]], gallery, config)
    np.testing.assert_allclose(refined.position_m, [[10 / 3, 10 / 3]])
    np.testing.assert_allclose(refined.heading_deg, [40.0])


@pytest.mark.parametrize("method", ["none", "position_knn", "retrieval"])
def test_identical_neighbours_change_nothing(method: str) -> None:
    gallery = make_gallery(np.ones((6, 3)), np.full((6, 2), 7.0), np.full(6, 33.0))
    config = RefineConfig(method=method, k=4, heading_k=4, blend_position=0.6, blend_heading=0.6)
    refined = refine([[7, 7]], [33.0], np.ones((1, 3)), gallery, config)
    np.testing.assert_allclose(refined.position_m, [[7, 7]])
    np.testing.assert_allclose(refined.heading_deg, [33.0])


def two_clusters() -> Gallery:
    rng = np.random.default_rng(0)
    position = np.r_[rng.normal(0, 3, (5, 2)), rng.normal([300, 0], 3, (4, 2))]
    return make_gallery(np.ones((9, 3)), position, np.zeros(9))


@pytest.mark.trap(name="means of headings and of far places")
def test_two_look_alike_clusters_never_average_into_the_gap() -> None:
    gallery = two_clusters()
    config = RefineConfig(method="retrieval", k=9, heading_k=1)
    refined = refine([[150, 0]], [0.0], np.ones((1, 3)), gallery, config)
    np.testing.assert_allclose(refined.position_m, [gallery.position_m[:5].mean(axis=0)])
    np.testing.assert_allclose(refined.weight[0, refined.neighbours[0] >= 5], 0.0)


@settings(max_examples=50, deadline=None)
@given(
    gap=st.floats(60, 1000),
    split=st.integers(1, 8),
    seed=st.integers(0, 99),
    temperature=st.floats(0.01, 1.0),
)
def test_retrieval_stays_beside_a_neighbour_always(
    gap: float, split: int, seed: int, temperature: float
) -> None:
    rng = np.random.default_rng(seed)
    position = rng.uniform(-5, 5, (9, 2)) + np.where(np.arange(9)[:, None] < split, 0, gap)
    gallery = make_gallery(rng.normal(size=(9, 4)), position, np.zeros(9))
    config = RefineConfig(method="retrieval", k=9, heading_k=1, temperature=temperature)
    refined = refine([[0, 0]], [0.0], rng.normal(size=(1, 4)), gallery, config)
    nearest = np.linalg.norm(gallery.position_m - refined.position_m, axis=1).min()
    assert nearest < 10.0


@pytest.mark.trap(name="means of headings and of far places")
def test_headings_of_neighbours_are_averaged_on_the_circle() -> None:
    gallery = make_gallery(np.ones((2, 3)), np.zeros((2, 2)), [350.0, 10.0])
    config = RefineConfig(method="retrieval", k=2, heading_k=2, blend_heading=1.0)
    refined = refine([[0, 0]], [90.0], np.ones((1, 3)), gallery, config)
    assert min(refined.heading_deg[0], 360 - refined.heading_deg[0]) < 1e-6


def test_headings_that_cancel_leave_the_raw_one() -> None:
    gallery = make_gallery(np.ones((2, 3)), np.zeros((2, 2)), [0.0, 180.0])
    config = RefineConfig(method="retrieval", k=2, heading_k=2, blend_heading=1.0)
    refined = refine([[0, 0]], [77.0], np.ones((1, 3)), gallery, config)
    np.testing.assert_allclose(refined.heading_deg, [77.0])


def test_a_radius_keeps_far_look_alikes_out(three: Gallery) -> None:
    config = NEAREST.model_copy(update={"radius_m": 60.0})
    refined = refine([[10, 0]], [0.0], np.eye(3)[[2]], three, config)
    assert refined.neighbours.tolist() == [[0]]
    np.testing.assert_allclose(refined.position_m, [[0, 0]])


def test_no_training_photo_in_the_radius_leaves_the_raw_prediction(three: Gallery) -> None:
    config = NEAREST.model_copy(update={"radius_m": 5.0})
    refined = refine([[1000, 0]], [66.0], np.eye(3)[[2]], three, config)
    np.testing.assert_allclose(refined.position_m, [[1000, 0]])
    np.testing.assert_allclose(refined.heading_deg, [66.0])
    np.testing.assert_allclose(refined.weight, 0.0)


def test_the_region_probability_decides_between_look_alikes() -> None:
    gallery = make_gallery(np.ones((2, 3)), [[0, 0], [200, 0]], [0, 0])
    config = NEAREST.model_copy(update={"region_weight": 0.1})
    for region in (0, 1):
        refined = refine(
            [[0, 0]],
            [0.0],
            np.ones((1, 3)),
            gallery,
            config,
            region_probabilities=np.where(np.arange(2) == region, 0.9, 0.1)[None],
        )
        assert refined.neighbours.tolist() == [[region]]
    with pytest.raises(ConfigError, match="region probabilities"):
        refine([[0, 0]], [0.0], np.ones((1, 3)), gallery, config)


@pytest.mark.trap(name="neighbours from outside the training part, and the photo itself")
@pytest.mark.parametrize("method", ["position_knn", "retrieval"])
def test_a_training_photo_never_finds_itself(three: Gallery, method: str) -> None:
    config = NEAREST.model_copy(update={"method": method})
    ids = list(three.photo_ids)
    raw = three.position_m
    found = refine(raw, [0, 0, 0], np.eye(3), three, config)
    np.testing.assert_allclose(found.position_m, raw)
    other = refine(raw, [0, 0, 0], np.eye(3), three, config, exclude_ids=ids)
    assert (other.neighbours[:, 0] != np.arange(3)).all()
    assert (np.linalg.norm(other.position_m - raw, axis=1) > 1).all()


def test_more_neighbours_than_photos_is_an_error_that_says_so(three: Gallery) -> None:
    config = NEAREST.model_copy(update={"k": 4})
    with pytest.raises(ConfigError, match=r"k = 4 .* 3 training photos"):
        refine([[0, 0]], [0.0], np.eye(3)[[0]], three, config)
    with pytest.raises(ConfigError):
        refine(
            [[0, 0]],
            [0.0],
            np.eye(3)[[0]],
            three,
            NEAREST.model_copy(update={"k": 3}),
            exclude_ids=[None],
        )


def test_evidence_can_be_longer_than_what_refines(three: Gallery) -> None:
    refined = refine([[0, 0]], [0.0], [[1.0, 0.5, 0.2]], three, NEAREST, shown=3)
    assert refined.neighbours.tolist() == [[0, 1, 2]]
    assert (np.diff(refined.similarity) < 0).all()
    np.testing.assert_allclose(refined.weight, [[1, 0, 0]])


def test_one_photo_and_a_thousand_give_the_same() -> None:
    rng = np.random.default_rng(3)
    gallery = make_gallery(rng.normal(size=(50, 8)), rng.uniform(0, 100, (50, 2)), np.arange(50.0))
    config = RefineConfig(method="retrieval", k=5, heading_k=5, blend_heading=0.5)
    query, raw = rng.normal(size=(1100, 8)), rng.uniform(0, 100, (1100, 2))
    many = refine(raw, np.zeros(1100), query, gallery, config)
    for row in (0, 511, 512, 1099):
        one = refine(raw[[row]], [0.0], query[[row]], gallery, config)
        np.testing.assert_allclose(one.position_m[0], many.position_m[row], atol=1e-3)
        np.testing.assert_allclose(one.heading_deg[0], many.heading_deg[row], atol=1e-3)
    assert refine(raw[:0], np.zeros(0), query[:0], gallery, config).neighbours.shape == (0, 5)
