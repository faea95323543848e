"""Photos are taken as students take them, labelled as phones label them."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from core.demo.photo import photo_pose, photo_truth
from core.demo.plan import make_plan
from core.demo.walks import Pose, sight
from core.demo.world import World

COUNT = 900


@pytest.fixture(scope="module")
def poses(world: World) -> list[Pose]:
    return [photo_pose(world.seed, index) for index in range(COUNT)]


def offsets(poses: list[Pose]) -> npt.NDArray[np.float64]:
    return np.array([(p.labelled_north_m - p.north_m, p.labelled_east_m - p.east_m) for p in poses])


def test_every_region_is_seen_in_the_first_600(world: World, poses: list[Pose]) -> None:
    regions = {photo_truth(world, pose).region for pose in poses[:600]}
    assert regions == set(range(15))


def test_the_region_polygons_share_out_the_campus() -> None:
    plan = make_plan(11)
    rng = np.random.default_rng(0)
    points = rng.uniform((-274, -224), (274, 224), (4000, 2))
    assert (plan.region_of(points) >= 0).mean() > 0.995
    assert sorted(plan.region_of(plan.centres)) == list(range(15))


def test_a_stop_shares_one_fix_and_its_headings_are_70_degrees_apart(poses: list[Pose]) -> None:
    gaps = []
    for first, second in pairwise(poses):
        if (first.walk.number, first.stop) == (second.walk.number, second.stop):
            assert first.labelled_north_m == second.labelled_north_m
            assert first.labelled_east_m == second.labelled_east_m
            gap = abs(first.heading_deg - second.heading_deg) % 360
            gaps.append(min(gap, 360 - gap))
    assert 60 < np.median(gaps) < 80


def test_labels_are_about_4_m_and_6_degrees_off(poses: list[Pose]) -> None:
    assert 3.0 < np.linalg.norm(offsets(poses), axis=1).mean() < 4.5
    turns = np.array([p.labelled_angle - p.heading_deg for p in poses])
    turns = (turns + 180) % 360 - 180
    assert 4.0 < turns.std() < 8.0
    assert abs(turns.mean()) < 2.5
    assert all(0 <= p.labelled_angle < 360 for p in poses)


def test_two_visits_several_phones_and_a_little_tilt(poses: list[Pose]) -> None:
    assert {p.walk.visit for p in poses} == {0, 1}
    fields = {p.walk.hfov_deg for p in poses}
    assert len(fields) > 3
    assert min(fields) >= 60
    assert max(fields) <= 75
    assert max(abs(p.roll_deg) for p in poses) <= 5
    assert max(abs(p.pitch_deg) for p in poses) <= 8


def test_no_wall_right_before_the_lens(world: World, poses: list[Pose]) -> None:
    clear = [sight(world, np.array([p.north_m, p.east_m]), p.heading_deg) for p in poses[:200]]
    assert min(clear) > 2.5, "the sway about a stop may take a little off the 3.2 m"


def test_sight_measures_to_the_wall(world: World) -> None:
    plain = np.array([0.0, 0.0])
    assert sight(world, plain, 0.0) <= 280, "the boundary wall ends every view"
