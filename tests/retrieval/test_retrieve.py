"""Answers by retrieval alone: who counts, who must not, and what happens where photos disagree."""

import numpy as np

from core.retrieval.gallery import Gallery, build_gallery
from core.retrieval.refine import retrieve


def gallery(headings: tuple[float, ...] = (10.0, 20.0, 200.0), whiten: float = 0.0) -> Gallery:
    """Two or three photos along three axes, in two regions, the third far away."""
    names = ["a", "b", "c"][: len(headings)]
    count = len(names)
    return build_gallery(
        names,
        names,
        np.eye(3, dtype=np.float32)[:count],
        np.array([[0.0, 0.0], [4.0, 0.0], [300.0, 0.0]])[:count],
        headings,
        [0, 0, 1][:count],
        split_hash="s",
        parts=dict.fromkeys(names, "train"),
        dimensions=2 if whiten else None,
        whiten=whiten,
    )


def test_the_most_similar_photos_answer() -> None:
    found = retrieve([[1.0, 0.9, 0.0], [0.0, 0.0, 1.0]], gallery(), 3)
    assert found.probabilities.argmax(axis=1).tolist() == [0, 1]
    assert np.allclose(found.probabilities.sum(axis=1), 1.0)
    # Far places never average into the gap between them.
    assert 0.0 < found.position_m[0, 0] < 4.0
    assert found.position_m[1].tolist() == [300.0, 0.0]
    heading = np.degrees(np.arctan2(found.heading[0, 1], found.heading[0, 0]))
    assert 10.0 < heading < 20.0


def test_a_photo_does_not_find_itself() -> None:
    found = retrieve([[1.0, 0.1, 0.0]], gallery(), 2, exclude_ids=["a"])
    assert found.position_m[0].tolist() == [4.0, 0.0]


def test_headings_that_cancel_leave_the_nearest_ones() -> None:
    opposite = gallery((90.0, 270.0))
    found = retrieve([[1.0, 1.0, 0.0]], opposite, 2)
    assert np.allclose(found.heading[0], [0.0, 1.0], atol=1e-6)


def test_no_photo_gives_no_answer() -> None:
    assert retrieve(np.empty((0, 3)), gallery(), 2).probabilities.shape == (0, 2)


def test_whitened_features_are_compared_in_their_own_space() -> None:
    found = retrieve([[0.0, 0.0, 1.0]], gallery(whiten=0.5), 2)
    assert found.position_m[0].tolist() == [300.0, 0.0]
