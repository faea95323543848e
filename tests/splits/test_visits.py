"""Visits: nobody's walk is ever in two parts, and what cannot be told is refused or joined."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.labels import Dataset
from core.errors import SplitError
from core.splits.protocols import make_split
from core.splits.split import Split
from core.splits.visits import day_key, find_visits
from core.tables.times import minute_of_day
from tests.dataset.plane import dataset_of


def strolls(
    walks: int, photos: int, seed: int = 0, *, dated: bool = True, regions: int = 3
) -> tuple[Dataset, np.ndarray]:
    """Walks of one photo a minute, 30 minutes apart, two a day; and the walk of each photo."""
    rng = np.random.default_rng(seed)
    walk = np.repeat(np.arange(walks), photos)
    minute = np.tile(np.arange(photos), walks) + 540 + 60 * (walk % 2)
    days = pd.Timestamp("2024-01-13") + pd.to_timedelta(walk // 2, unit="D")
    clock = [f"{each // 60:02d}:{each % 60:02d}" for each in minute]
    stamps = [
        f"{day:%Y-%m-%d} {time}" if dated else time for day, time in zip(days, clock, strict=True)
    ]
    names = [str(each) for each in rng.integers(1, regions + 1, len(walk))]
    shuffled = rng.permutation(len(walk))
    made = dataset_of(rng.uniform(9, 500, (len(walk), 2)), [names[row] for row in shuffled])
    return _timed(made, [stamps[row] for row in shuffled]), walk[shuffled]


def _timed(dataset: Dataset, stamps: list[str]) -> Dataset:
    table = dataset.table.assign(timestamp=stamps)
    return replace(dataset, table=table.assign(minute=minute_of_day(table["timestamp"])))


def _parts(split: Split, dataset: Dataset) -> np.ndarray:
    return np.array([split.parts[photo] for photo in dataset.table["photo_id"]])


def _never_parted(parts: np.ndarray, walk: np.ndarray) -> bool:
    return all(len(set(parts[walk == each])) == 1 for each in np.unique(walk))


@settings(max_examples=30, deadline=None)
@given(
    walks=st.integers(10, 24),
    photos=st.integers(2, 12),
    seed=st.integers(0, 99),
    fold=st.sampled_from([None, 0, 3]),
)
def test_no_walk_is_in_two_parts(walks: int, photos: int, seed: int, fold: int | None) -> None:
    dataset, walk = strolls(walks, photos, seed)
    split = make_split(dataset, "visit", seed, fold=fold, folds=4)
    assert _never_parted(_parts(split, dataset), walk)
    assert set(dataset.region_index) == set(dataset.region_index[split.rows(dataset, "train")])


def test_the_walks_of_a_day_are_visits_of_their_own() -> None:
    dataset, walk = strolls(12, 8)
    found = find_visits(dataset.table, dataset.positions, 10.0)
    assert len(np.unique(found.groups)) == 12
    assert len({(a, b) for a, b in zip(found.groups, walk, strict=True)}) == 12
    # An hour and more between the two walks of a day, 53 minutes without a photo.
    assert len(np.unique(find_visits(dataset.table, dataset.positions, 53.0).groups)) == 6


def test_folds_test_every_photo_once() -> None:
    dataset, _ = strolls(20, 9)
    tested = [
        make_split(dataset, "visit", 0, fold=fold, folds=4).rows(dataset, "test")
        for fold in range(4)
    ]
    assert sorted(np.concatenate(tested)) == list(range(180))


def test_where_few_visits_teach_each_region_val_takes_what_can_be_spared() -> None:
    # Regions come in pairs of walks: dealt to val, a walk is at once needed back in train.
    dataset, walk = strolls(8, 6)
    regions = pd.Series(walk // 2 + 1).astype(str)
    held = replace(
        dataset, table=dataset.table.assign(region=regions), regions=("1", "2", "3", "4")
    )
    split = make_split(held, "visit", 0, fold=0, folds=4)
    assert len(split.rows(held, "val"))
    assert set(held.region_index[split.rows(held, "train")]) == {0, 1, 2, 3}
    spared = "spots of trained visits" not in " ".join(split.notes)
    assert _never_parted(_parts(split, held), walk) == spared
    assert not set(walk[split.rows(held, "test")]) & set(walk[split.rows(held, "train")])


def test_where_no_visit_can_be_spared_val_takes_spots_of_trained_visits_and_says_so() -> None:
    dataset, walk = strolls(6, 12)
    regions = pd.Series(np.where(walk < 5, walk, 0) + 1).astype(str)
    held = replace(
        dataset, table=dataset.table.assign(region=regions), regions=("1", "2", "3", "4", "5")
    )
    for fold in range(5):
        try:
            split = make_split(held, "visit", 0, fold=fold, folds=5)
        except SplitError as error:
            assert "no photo for test" in str(error)  # noqa: PT017 - other folds are tested
            continue
        assert not set(walk[split.rows(held, "test")]) & set(walk[split.rows(held, "train")])
        assert "spots of training visits" in " ".join(split.notes)
        break
    else:
        pytest.fail("one fold must test one of the two walks of region 1")


def test_times_without_a_date_join_days_and_say_so() -> None:
    dataset, walk = strolls(12, 8, dated=False)
    table = dataset.table.assign(minute=dataset.table["minute"] + 60.0 * (walk // 4))
    found = find_visits(table, dataset.positions, 10.0)
    assert len(np.unique(found.groups)) == 4
    assert _never_parted(found.groups, walk)
    assert "hold no date" in found.notes[0]


def test_walks_that_the_labels_name_count_before_the_clock() -> None:
    dataset, walk = strolls(12, 8)
    named = dataset.table.assign(walk=[str(each // 2) for each in walk], minute=np.nan)
    found = find_visits(named, dataset.positions, 10.0)
    assert found.gap_minutes is None
    assert len(np.unique(found.groups)) == 6
    assert _never_parted(found.groups, walk // 2)
    visited = named.assign(visit=[str(each % 2) for each in walk])
    assert len(np.unique(find_visits(visited, dataset.positions, 10.0).groups)) == 12


def test_a_photo_without_a_time_joins_its_nearest_neighbour() -> None:
    dataset, walk = strolls(12, 8)
    stamps = dataset.table["timestamp"].tolist()
    stamps[5] = ""
    near = dataset.positions.copy()
    near[5] = near[40] + 0.1
    lost = _timed(dataset, stamps)
    found = find_visits(lost.table, near, 10.0)
    assert found.groups[5] == found.groups[40]
    assert walk[5] != walk[40]
    assert "1 photos without a time" in found.notes[0]


def test_more_than_a_few_without_a_time_are_refused() -> None:
    dataset, _ = strolls(12, 8)
    stamps = ["" if row < 4 else stamp for row, stamp in enumerate(dataset.table["timestamp"])]
    with pytest.raises(SplitError, match=r"4 of 96 have no time \(first: images/00000.jpg"):
        make_split(_timed(dataset, stamps), "visit", 0)


def test_one_visit_for_nearly_all_photos_is_refused() -> None:
    dataset, _ = strolls(12, 8, dated=False)
    with pytest.raises(SplitError, match=r"one visit holds 48 of 96 .*hold no date.*gap_minutes"):
        make_split(dataset, "visit", 0)
    alone = replace(dataset, table=dataset.table.assign(walk="1"))
    with pytest.raises(SplitError, match="column walk, or choose the spot split"):
        make_split(alone, "visit", 0)


@pytest.mark.parametrize(
    ("stamp", "key"),
    [
        ("2024-03-05T15:03:22+05:30", "2024-3-5"),
        ("2024:03:05 15:03:22", "2024-3-5"),
        ("05/03/2024 3:05 PM", "2024-3-5"),
        ("3/5/24 15:03", "2024-3-5"),
        ("5 March 2024, 15:03", "2024-3-5"),
        ("Mar 5th, 2024 15:03", "2024-3-5"),
        ("2024-12-31 09:00", "2024-12-31"),
        (" 15:03", ""),
        ("17:20:01", ""),
    ],
)
def test_dates_are_read_from_free_forms(stamp: str, key: str) -> None:
    assert day_key(stamp) == key


def test_a_visit_split_survives_json() -> None:
    dataset, _ = strolls(12, 8)
    stamps = dataset.table["timestamp"].tolist()
    stamps[5] = ""
    split = make_split(_timed(dataset, stamps), "visit", 0, fold=1, folds=3)
    assert split.gap_minutes == 10.0
    assert split.notes
    assert Split.from_json(json.loads(json.dumps(split.to_json()))) == split
    assert {len(split.rows(dataset, part)) > 0 for part in ("train", "val", "test")} == {True}
