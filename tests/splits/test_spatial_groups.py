"""tests/dataset/test_spatial_groups.py"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from core.dataset.labels import Dataset
from core.errors import SplitError
from core.splits.leak import leak_shares
from core.splits.protocols import make_split
from core.splits.spatial_groups import cells_of, spot_groups, spots_below
from core.splits.split import Split, calibration_part
from tests.dataset.plane import dataset_of


def test_photos_within_the_radius_share_a_spot_through_others_between() -> None:
    points = np.array([[0.0, 0.0], [50.0, 0.0], [2.9, 0.0], [5.8, 0.0], [50.0, 3.1]])
    groups = spot_groups(points, 3.0)
    assert groups[0] == groups[2] == groups[3]
    assert len({int(groups[0]), int(groups[1]), int(groups[4])}) == 3


def test_photos_at_one_point_share_a_spot() -> None:
    assert len(set(spot_groups(np.zeros((5, 2)), 3.0).tolist())) == 1


def test_photos_without_a_position_share_no_spot() -> None:
    points = np.array([[np.nan, np.nan], [0.0, 0.0], [np.nan, np.nan], [1.0, 0.0]])
    assert spot_groups(points, 3.0).tolist() == [0, 1, 2, 1]
    assert spot_groups(np.full((3, 2), np.nan), 3.0).tolist() == [0, 1, 2]


def test_the_radius_shrinks_where_a_walk_chains() -> None:
    chained = np.column_stack([np.arange(200) * 2.5, np.zeros(200)])
    groups, radius_m = spots_below(chained)
    assert radius_m == 2.0
    assert len(set(groups.tolist())) == 200


def test_sparse_photos_keep_the_full_radius() -> None:
    assert spots_below(np.column_stack([np.arange(200) * 9.0, np.zeros(200)]))[1] == 3.0


def test_what_chains_even_at_half_a_metre_is_refused() -> None:
    with pytest.raises(SplitError, match="100 of 100 photos chain"):
        spots_below(np.zeros((100, 2)))


@pytest.mark.trap(name="random splits that part photos of one spot")
def test_leak_shares_count_test_photos_near_a_training_photo() -> None:
    train = np.array([[0.0, 0.0], [100.0, 0.0]])
    test = np.array([[0.0, 0.0], [3.0, 4.0], [100.0, 9.0], [50.0, 0.0]])
    assert leak_shares(test, train) == {"within_1m": 0.25, "within_5m": 0.5, "within_10m": 0.75}


@pytest.mark.trap(name="neighbours from outside the training part, and the photo itself")
def test_a_test_photo_copied_into_train_is_a_leak() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.uniform(0, 1e4, (50, 2)), rng.uniform(2e4, 3e4, (20, 2))
    assert leak_shares(test, train)["within_10m"] == 0.0
    assert leak_shares(test, np.vstack([train, test[:1]]))["within_1m"] == 0.05


SHARED = Path(__file__).parents[3] / "shared" / "data" / "iiith"
REFERENCE = SHARED / "labels_train_without_images.csv"


def walks(count: int, photos: int, seed: int) -> Dataset:
    """Photos every 2 to 4 m along walks through four regions, as on a demo campus."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform(2, 4, (count, photos, 1))
    turns = np.cumsum(rng.normal(0, 0.3, (count, photos)), axis=1) + rng.uniform(0, 7, (count, 1))
    along = np.cumsum(steps * np.stack([np.cos(turns), np.sin(turns)], axis=2), axis=1)
    points = (along + rng.uniform(0, 400, (count, 1, 2))).reshape(-1, 2)
    regions = 1 + 2 * (points[:, 0] > 200) + (points[:, 1] > 200)
    return dataset_of(points, [str(region) for region in regions])


def nearest_m(dataset: Dataset, split: Split, part: str, others: tuple[str, ...]) -> float:
    """Least distance between photos of a part and those of others."""
    position_m = dataset.local_frame().to_metres(dataset.positions)
    rows = np.concatenate([split.rows(dataset, other) for other in others])
    found, _ = cKDTree(position_m[rows]).query(position_m[split.rows(dataset, part)])
    return float(found.min())


@pytest.mark.trap(name="places that nobody photographed judged by neighbours across a border")
@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(25, 40),
    photos=st.integers(12, 30),
    seed=st.integers(0, 99),
    fold=st.sampled_from([None, 0, 3]),
    buffer_m=st.sampled_from([0.0, 5.0, 10.0, 20.0]),
)
def test_no_test_photo_is_within_the_buffer_of_a_photo_that_teaches_or_chooses(
    count: int, photos: int, seed: int, fold: int | None, buffer_m: float
) -> None:
    dataset = walks(count, photos, seed)
    split = make_split(dataset, "block", seed, fold=fold, cell_m=30.0, buffer_m=buffer_m)
    held = tuple(part for part in ("val", "calibrate") if part in split.parts.values())
    assert nearest_m(dataset, split, "test", ("train", *held)) > buffer_m
    # What calibrates stands as far from training photos as what is tested.
    for part in held:
        assert nearest_m(dataset, split, part, ("train",)) > buffer_m
    assert set(dataset.region_index) == set(dataset.region_index[split.rows(dataset, "train")])


def test_the_positions_of_the_reference_course_are_kept_apart() -> None:
    if not REFERENCE.is_file():
        pytest.skip(f"{REFERENCE.name}, the label file of the reference course, is not here")
    labels = pd.read_csv(REFERENCE)
    points = labels[["latitude", "longitude"]].to_numpy(np.float64) * 0.111
    regions = labels["Region_ID"].astype(str).tolist()
    dataset = dataset_of(points, regions)
    for fold in (None, 0, 4):
        split = make_split(dataset, "block", 0, fold=fold)
        assert nearest_m(dataset, split, "test", ("train", "val", "calibrate")) > 10.0
        assert nearest_m(dataset, split, "calibrate", ("train",)) > 10.0
        assert list(split.parts.values()).count("buffer") < 0.25 * len(dataset)


def test_the_buffer_is_in_no_part_and_is_counted_hashed_and_kept() -> None:
    dataset = walks(30, 30, 1)
    split = make_split(dataset, "block", 0)
    left_out = split.rows(dataset, "buffer")
    parts = [split.rows(dataset, part) for part in ("train", "val", "calibrate", "test")]
    assert 0 < len(left_out) < 0.2 * len(dataset)
    assert sorted(np.concatenate([left_out, *parts])) == list(range(len(dataset)))
    assert split.notes[0].startswith(f"{len(left_out)} of {len(dataset)} photos are within 10 m")
    assert (split.cell_m, split.buffer_m) == (50.0, 10.0)
    assert Split.from_json(json.loads(json.dumps(split.to_json()))) == split
    photo = next(photo for photo, part in split.parts.items() if part == "buffer")
    assert replace(split, parts=split.parts | {photo: "train"}).hash != split.hash


@pytest.mark.trap(name="places that nobody photographed judged by neighbours across a border")
def test_a_block_split_has_no_leak_within_its_buffer() -> None:
    dataset = walks(30, 30, 2)
    position_m = dataset.local_frame().to_metres(dataset.positions)
    spot, block = (make_split(dataset, name, 0) for name in ("spot", "block"))
    leaks = [
        leak_shares(position_m[one.rows(dataset, "test")], position_m[one.rows(dataset, "train")])
        for one in (spot, block)
    ]
    assert leaks[0]["within_10m"] > 0.8
    assert leaks[1] == {"within_1m": 0.0, "within_5m": 0.0, "within_10m": 0.0}


def test_held_out_cells_are_held_out_whole() -> None:
    dataset = walks(30, 30, 3)
    split = make_split(dataset, "block", 0, cell_m=20.0, buffer_m=0.0)
    rng = np.random.default_rng([0, 5])
    cells = cells_of(dataset.local_frame().to_metres(dataset.positions), 20.0, rng)
    parts = np.array([split.parts[photo] for photo in dataset.table["photo_id"]])
    assert all(len(set(parts[cells == cell])) == 1 for cell in np.unique(cells))
    assert calibration_part(split) == "calibrate"
    assert "buffer" not in parts


def test_folds_test_every_photo_once() -> None:
    dataset = walks(30, 30, 4)
    tested = [make_split(dataset, "block", 0, fold=fold).rows(dataset, "test") for fold in range(5)]
    assert sorted(np.concatenate(tested)) == list(range(len(dataset)))


@pytest.mark.parametrize("beside_m", [30.0, 700.0], ids=["crowded", "alone"])
def test_a_region_without_training_photos_gets_cells_back_and_is_named(beside_m: float) -> None:
    # A region of one small cell, in the middle of the others or far from them.
    rng = np.random.default_rng(0)
    large = rng.uniform(0, 400, (800, 2))
    small = rng.uniform(0, 4, (9, 2)) + beside_m
    dataset = dataset_of(np.vstack([large, small]), ["1"] * 800 + ["2"] * 9)
    said = 0
    for fold in range(5):
        split = make_split(dataset, "block", 0, fold=fold, cell_m=20.0, buffer_m=15.0)
        trained = split.rows(dataset, "train")
        assert set(dataset.region_index[trained]) == {0, 1}
        assert nearest_m(dataset, split, "test", ("train", "val", "calibrate")) > 15.0
        said += any("would have no training photo" in note for note in split.notes)
    assert said > 0 or beside_m == 700.0
