import numpy as np
import pytest

from core.retrieval.baselines import Baseline, all_baselines, metadata_only
from core.retrieval.gallery import Gallery, build_gallery


@pytest.fixture
def gallery() -> Gallery:
    ids = [str(row) for row in range(4)]
    return build_gallery(
        ids, ids, np.eye(4), [[0, 0], [10, 0], [100, 0], [100, 40]], [350, 10, 90, 180],
        [0, 0, 0, 1], split_hash="h", parts=dict.fromkeys(ids, "train"),
        minute=[600, 600, 1430, np.nan],
    )  # fmt: skip


@pytest.fixture
def judged(gallery: Gallery) -> dict[str, Baseline]:
    found = all_baselines(
        gallery, np.eye(4)[[3, 1]], predicted_region=[1, 0], true_region=[0, -1], minute=[601, 9]
    )
    return {baseline.name: baseline for baseline in found}


def test_positions_by_hand(judged: dict[str, Baseline]) -> None:
    everyone = [52.5, 10.0]
    expected = {
        "global_mean": [everyone, everyone],
        "region_centroid_predicted": [[100, 40], [110 / 3, 0]],
        "region_centroid_true": [[110 / 3, 0], everyone],
        "nearest_feature": [[100, 40], [10, 0]],
        "metadata_only": [[5, 0], [100, 0]],
    }
    assert set(judged) == set(expected)
    for name, position in expected.items():
        np.testing.assert_allclose(judged[name].position_m, position, err_msg=name)


@pytest.mark.trap(name="metadata that gives the answer away")
def test_only_baselines_told_the_truth_are_marked_and_claim_no_region(
    judged: dict[str, Baseline],
) -> None:
    told = {name for name, baseline in judged.items() if baseline.given_truth}
    assert told == {"region_centroid_true", "metadata_only"}
    assert {name for name, baseline in judged.items() if baseline.region is None} == told
    assert judged["global_mean"].region.tolist() == [0, 0]
    assert judged["nearest_feature"].region.tolist() == [1, 0]


def test_headings_are_circular_means(judged: dict[str, Baseline]) -> None:
    heading = judged["metadata_only"].heading_deg
    assert min(heading[0], 360 - heading[0]) < 1e-6
    np.testing.assert_allclose(judged["nearest_feature"].heading_deg, [180, 10])


def test_the_minute_wraps_at_midnight_and_may_be_unknown(gallery: Gallery) -> None:
    found = metadata_only(gallery, np.array([0, 0, 1]), np.array([5.0, np.nan, 600.0]))
    np.testing.assert_allclose(found.position_m, [[100, 0], [110 / 3, 0], [100, 40]])


def test_no_photo_gives_empty_baselines(gallery: Gallery) -> None:
    for baseline in all_baselines(gallery, np.empty((0, 4)), [], [], []):
        assert baseline.position_m.shape == (0, 2)
