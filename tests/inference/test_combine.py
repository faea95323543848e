"""Several answers into one, against values worked out by hand."""

import numpy as np
import pytest

from core.geo import Floats, heading_error_deg
from core.inference.ensemble import (
    combine_headings,
    combine_lengths,
    combine_positions,
    combine_shares,
)

THREE = np.array([0.5, 0.3, 0.2])


def test_probabilities_are_averaged_by_weight() -> None:
    shares = np.array([[[1.0, 0.0]], [[0.5, 0.5]], [[0.0, 1.0]]])
    np.testing.assert_allclose(combine_shares(shares, THREE), [[0.65, 0.35]])


def test_positions_are_averaged_where_members_agree() -> None:
    positions = np.array([[[0.0, 0.0]], [[10.0, 0.0]], [[0.0, 10.0]]])
    position, spread = combine_positions(positions, THREE, agree_m=25.0)
    np.testing.assert_allclose(position, [[3.0, 2.0]])
    np.testing.assert_allclose(spread, [np.hypot(3.0, 8.0)])


@pytest.mark.trap(name="means of headings and of far places")
def test_a_position_that_no_member_saw_is_no_answer() -> None:
    positions = np.array([[[0.0, 0.0]], [[4.0, 0.0]], [[500.0, 0.0]]])
    position, spread = combine_positions(positions, np.array([0.3, 0.3, 0.4]), agree_m=25.0)
    # 4 m costs 0.3 * 4 + 0.4 * 496, less than either of the others.
    np.testing.assert_allclose(position, [[4.0, 0.0]])
    assert spread[0] == pytest.approx(500.0 - 201.2)


def test_of_two_that_disagree_the_heavier_answers() -> None:
    positions = np.array([[[0.0, 0.0]], [[900.0, 0.0]]])
    light, _ = combine_positions(positions, np.array([0.4, 0.6]), agree_m=25.0)
    equal, _ = combine_positions(positions, np.array([0.5, 0.5]), agree_m=25.0)
    assert (light[0, 0], equal[0, 0]) == (900.0, 0.0)


def test_agreement_is_decided_photo_by_photo() -> None:
    positions = np.array([[[0.0, 0.0], [0.0, 0.0]], [[2.0, 0.0], [80.0, 0.0]]])
    position, spread = combine_positions(positions, np.array([0.5, 0.5]), agree_m=1.0)
    np.testing.assert_allclose(position, [[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(spread, [1.0, 40.0])


@pytest.mark.trap(name="means of headings and of far places")
@pytest.mark.parametrize(
    ("headings", "weights", "expected"),
    [
        ([350.0, 30.0], [0.5, 0.5], 10.0),  # over north, where a plain mean says 190
        ([0.0, 90.0], [0.75, 0.25], np.degrees(np.arctan2(1, 3))),
        ([10.0, 190.0], [0.4, 0.6], 190.0),  # opposite, not cancelled: the heavier one's way
        ([10.0, 190.0], [0.5, 0.5], 10.0),  # cancelled: the first of the heaviest
        ([10.0, 185.0], [0.49, 0.51], 185.0),  # all but cancelled: the mean would be 97
    ],
)
def test_headings_are_averaged_round_the_circle(
    headings: list[float], weights: list[float], expected: float
) -> None:
    heading, spread = combine_headings(np.array(headings)[:, None], np.array(weights))
    assert heading_error_deg(heading, expected)[0] < 1e-9
    assert spread[0] == pytest.approx(heading_error_deg(headings, expected).max())


@pytest.fixture
def opposed() -> Floats:
    return np.array([[20.0], [200.0]])


def test_members_that_contradict_each_other_are_unsure_together(opposed: Floats) -> None:
    equal = np.array([0.5, 0.5])
    sure = np.array([[1.0], [1.0]])
    assert combine_lengths(opposed, sure, equal)[0] == pytest.approx(0.0, abs=1e-12)
    assert combine_lengths(opposed[:1].repeat(2, axis=0), 0.4 * sure, equal)[0] == pytest.approx(
        0.4
    )
