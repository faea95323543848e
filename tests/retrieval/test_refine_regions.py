import numpy as np

from core.geo import Floats
from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.refine import refine
from core.retrieval.schema import RefineConfig

HEAD = np.array([[0.6, 0.4]])


def _gallery() -> Gallery:
    """Three photos: two alike of region 1, one unlike of region 0."""
    ids = ["a", "b", "c"]
    return build_gallery(
        ids,
        ids,
        np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]),
        np.zeros((3, 2)),
        np.zeros(3),
        np.array([1, 1, 0]),
        split_hash="h",
        parts=dict.fromkeys(ids, "train"),
    )


def _probabilities(**options: float) -> Floats:
    config = RefineConfig(method="none", k=1, heading_k=1, region_k=2, **options)
    refined = refine(
        np.zeros((1, 2)),
        np.zeros(1),
        np.array([[1.0, 0.05]]),
        _gallery(),
        config,
        region_probabilities=HEAD,
    )
    assert refined.region_probabilities is not None
    return refined.region_probabilities


def test_neighbours_vote_for_their_regions_by_the_blend() -> None:
    np.testing.assert_allclose(_probabilities(blend_region=1.0), [[0.0, 1.0]], atol=1e-12)
    np.testing.assert_allclose(_probabilities(blend_region=0.5), [[0.3, 0.7]], atol=1e-12)


def test_without_a_blend_the_head_alone_speaks() -> None:
    np.testing.assert_array_equal(_probabilities(), HEAD)
