import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.dataset.labels import Dataset, read_dataset
from core.errors import SplitError
from core.splits.parts import PARTS
from core.splits.protocols import make_split
from core.splits.spatial_groups import spot_groups
from core.splits.split import Split, as_begun, calibration_part
from tests.dataset.plane import dataset_of

PROTOCOLS = [("random", None), ("spot", None), ("random", 1), ("spot", 1), ("region", 1)]


@pytest.fixture(scope="module")
def town() -> Dataset:
    """900 photos at 300 standing points in 6 regions, one of them small."""
    rng = np.random.default_rng(3)
    points = np.repeat(rng.uniform(9, 500, (300, 2)), 3, axis=0) + rng.normal(0, 0.5, (900, 2))
    regions = [str(1 + min(int(north // 90), 5)) for north, _ in points]
    return dataset_of(points, regions)


@pytest.mark.parametrize(("protocol", "fold"), PROTOCOLS)
def test_every_photo_is_in_one_part_and_no_part_is_empty(
    town: Dataset, protocol: str, fold: int | None
) -> None:
    split = make_split(town, protocol, 0, fold=fold)
    rows = [split.rows(town, part) for part in PARTS]
    assert PARTS == ("train", "val", "calibrate", "test")
    assert sorted(np.concatenate(rows)) == list(range(900))
    assert all(len(part) for part in rows)


@pytest.mark.parametrize("protocol", ["random", "spot"])
def test_shares_are_eighty_ten_ten_in_every_region(town: Dataset, protocol: str) -> None:
    split = make_split(town, protocol, 0)
    for part, share in zip(PARTS, (0.8, 0.05, 0.05, 0.1), strict=True):
        rows = split.rows(town, part)
        assert len(rows) / 900 == pytest.approx(share, abs=0.015)
        counts = np.bincount(town.region_index[rows], minlength=len(town.regions))
        by_region = counts / np.bincount(town.region_index)
        np.testing.assert_allclose(by_region, share, atol=0.06)


@pytest.mark.trap(name="random splits that part photos of one spot")
@pytest.mark.parametrize("fold", [None, 0, 4])
def test_spots_are_never_divided(town: Dataset, fold: int | None) -> None:
    split = make_split(town, "spot", 0, fold=fold)
    groups = spot_groups(town.local_frame().to_metres(town.positions), split.radius_m)
    parts = np.array([split.parts[photo] for photo in town.table["photo_id"]])
    assert all(len(set(parts[groups == group])) == 1 for group in range(groups.max() + 1))


@pytest.mark.parametrize("fold", [None, 0, 4])
def test_val_and_calibrate_share_no_spot(town: Dataset, fold: int | None) -> None:
    for protocol in ("spot", "region"):
        split = make_split(town, protocol, 0, fold=1 if protocol == "region" else fold)
        groups = spot_groups(town.local_frame().to_metres(town.positions), split.radius_m)
        val, aside = (set(groups[split.rows(town, part)]) for part in ("val", "calibrate"))
        assert len(val) >= 5
        assert len(aside) >= 5
        assert val.isdisjoint(aside)
        assert calibration_part(split) == "calibrate"


@pytest.mark.parametrize(("points", "each"), [(60, 3), (36, 12)], ids=["photos", "spots"])
def test_too_few_photos_or_spots_for_two_halves_stay_together(points: int, each: int) -> None:
    where = np.repeat(np.random.default_rng(1).uniform(0, 900, (points, 2)), each, axis=0)
    few = dataset_of(where, ["1"] * len(where))
    split = make_split(few, "spot", 0)
    assert len(split.rows(few, "calibrate")) == 0
    assert len(split.rows(few, "val")) / len(few) == pytest.approx(0.1, abs=0.05)
    assert calibration_part(split) == "val"
    assert any("must serve for calibration too" in note for note in split.notes)


def test_a_split_of_old_without_calibrate_is_read_and_goes_on(town: Dataset) -> None:
    split = make_split(town, "spot", 0)
    together = {p: "val" if part == "calibrate" else part for p, part in split.parts.items()}
    stored = replace(split, parts=together).to_json()
    del stored["parts"]["calibrate"]
    old = Split.from_json(stored)
    assert calibration_part(old) == "val"
    assert as_begun(split, old) == old
    moved = old.parts | {next(p for p, part in old.parts.items() if part == "test"): "train"}
    assert as_begun(split, replace(old, parts=moved)) == split
    assert as_begun(split, split) == split


@pytest.mark.trap(name="random splits that part photos of one spot")
def test_random_divides_spots_which_is_its_leak(town: Dataset) -> None:
    split = make_split(town, "random", 0)
    parts = np.array([split.parts[photo] for photo in town.table["photo_id"]])
    assert any(len(set(parts[row : row + 3])) > 1 for row in range(0, 900, 3))


@pytest.mark.parametrize("protocol", ["random", "spot", "region"])
def test_folds_test_every_photo_once(town: Dataset, protocol: str) -> None:
    tested = [
        make_split(town, protocol, 0, fold=fold, folds=3).rows(town, "test") for fold in range(3)
    ]
    assert sorted(np.concatenate(tested)) == list(range(900))
    # Whole regions cannot be dealt more evenly than they come.
    assert max(map(len, tested)) - min(map(len, tested)) < (250 if protocol == "region" else 40)


def test_val_and_calibrate_of_a_fold_are_a_tenth_of_all(town: Dataset) -> None:
    for protocol in ("random", "spot", "region"):
        split = make_split(town, protocol, 0, fold=0)
        val, aside = (len(split.rows(town, part)) for part in ("val", "calibrate"))
        assert (val + aside) / 900 == pytest.approx(0.1, abs=0.02)
        assert val == pytest.approx(aside, rel=0.2)


def test_every_region_held_out_is_trained_except_in_region_folds(town: Dataset) -> None:
    for protocol, fold in PROTOCOLS:
        split = make_split(town, protocol, 0, fold=fold)
        trained, val, aside, tested = (
            set(town.region_index[split.rows(town, part)]) for part in PARTS
        )
        assert val | aside <= trained
        assert tested.isdisjoint(trained) if protocol == "region" else tested <= trained


@pytest.mark.trap(name="rare regions lost by stratified groups")
def test_a_region_that_is_one_spot_is_trained_in_every_fold() -> None:
    points = np.vstack([np.random.default_rng(0).uniform(0, 900, (200, 2)), np.full((9, 2), 2e3)])
    town = dataset_of(points, ["1"] * 200 + ["2"] * 9)
    for fold in range(5):
        split = make_split(town, "spot", 0, fold=fold)
        assert split.radius_m == 3.0
        assert set(range(200, 209)) <= set(split.rows(town, "train"))


def test_the_same_seed_gives_the_same_split_in_any_row_order(town: Dataset) -> None:
    first = make_split(town, "spot", 5)
    shuffled = town.table.sample(frac=1.0, random_state=1).reset_index(drop=True)
    again = make_split(replace(town, table=shuffled), "spot", 5)
    assert again.parts == first.parts
    assert again.hash == first.hash
    assert make_split(town, "spot", 6).hash != first.hash


def test_the_hash_knows_protocol_and_parts(town: Dataset) -> None:
    split = make_split(town, "random", 0)
    moved = dict(split.parts)
    moved[next(photo for photo, part in moved.items() if part == "val")] = "train"
    assert replace(split, parts=moved).hash != split.hash
    assert replace(split, protocol="spot").hash != split.hash


def test_a_split_survives_json(town: Dataset) -> None:
    split = make_split(town, "spot", 0, fold=2)
    assert Split.from_json(json.loads(json.dumps(split.to_json()))) == split


def test_a_damaged_split_is_refused(town: Dataset) -> None:
    stored = make_split(town, "random", 0).to_json()
    stored["parts"]["train"].append(stored["parts"]["test"].pop())
    with pytest.raises(SplitError, match="do not fit its hash"):
        Split.from_json(stored)
    stored["parts"]["val"].append(stored["parts"]["train"][0])
    with pytest.raises(SplitError, match="twice"):
        Split.from_json(stored)
    with pytest.raises(SplitError, match="parts"):
        Split.from_json({})


def test_photos_the_split_does_not_know_are_refused(town: Dataset) -> None:
    split = make_split(town, "random", 0)
    table = town.table.assign(photo_id="other/" + town.table["photo_id"])
    with pytest.raises(SplitError, match=r"900 of 900 photos .*--part all"):
        split.rows(replace(town, table=table), "test")


def test_a_dataset_may_lack_photos_of_the_split(town: Dataset) -> None:
    split = make_split(town, "random", 0)
    part = replace(town, table=town.table.head(300))
    assert split.absent(part) == 600
    assert sum(len(split.rows(part, name)) for name in PARTS) == 300


def test_without_a_test_file_the_official_val_part_is_tested(town: Dataset) -> None:
    official = ["train"] * 800 + ["val"] * 100
    split = make_split(
        dataset_of(town.positions, town.table["region"].tolist(), official), "official", 0
    )
    assert list(split.rows(town, "test")) == list(range(800, 900))
    carved = [len(split.rows(town, part)) for part in ("val", "calibrate")]
    assert sum(carved) == pytest.approx(90, abs=10)
    assert min(carved) > 35


def test_all_three_official_parts_are_taken_as_they_are_but_for_half_of_val(town: Dataset) -> None:
    # Four photos a point, so that val begins and ends with a whole one.
    points = np.repeat(town.positions[::3], 4, axis=0)[:900]
    official = ["train"] * 700 + ["val"] * 100 + ["test"] * 100
    held = dataset_of(points, town.table["region"].tolist(), official)
    split = make_split(held, "official", 0)
    train, val, aside, test = (split.rows(held, part) for part in PARTS)
    assert (len(train), len(test)) == (700, 100)
    assert sorted([*val, *aside]) == list(range(700, 800))
    assert len(aside) == pytest.approx(50, abs=8)
    assert set(val // 4).isdisjoint(aside // 4)


def test_parts_that_need_no_spots_are_made_where_walks_chain() -> None:
    official = (["train"] * 8 + ["val", "test"]) * 20
    crowd = dataset_of(np.zeros((200, 2)), ["1", "2"] * 100, official)
    assert len(make_split(crowd, "official", 0).rows(crowd, "test")) == 20
    assert len(make_split(crowd, "random", 0).rows(crowd, "test")) == 20
    with pytest.raises(SplitError, match="chain into one spot"):
        make_split(crowd, "spot", 0)


@pytest.mark.trap(name="regions grouped away that the test part asks for")
def test_an_official_region_that_is_not_trained_is_refused() -> None:
    points = np.random.default_rng(0).uniform(0, 900, (60, 2))
    official = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    town = dataset_of(points, ["1"] * 50 + ["2"] * 10, official)
    with pytest.raises(SplitError, match="regions 2 are in the test part but not in train"):
        make_split(town, "official", 0)


@pytest.mark.parametrize(
    ("protocol", "options", "message"),
    [
        ("official", {}, "no official split"),
        ("official", {"fold": 0}, "no folds"),
        ("region", {}, "folds only"),
        ("region", {"fold": 0, "folds": 7}, "6 regions cannot be 7 folds"),
        ("spot", {"fold": 5}, "fold 5 of 5"),
        ("random", {"fold": 0, "folds": 1}, "at least 2"),
        ("block", {"cell_m": 5000.0}, "no photo for val and test: .*smaller split.cell_m"),
        ("session", {}, "unknown split 'session'"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    town: Dataset, protocol: str, options: dict[str, int], message: str
) -> None:
    with pytest.raises(SplitError, match=message):
        make_split(town, protocol, 0, **options)


def test_too_few_photos_for_three_parts_are_refused() -> None:
    town = dataset_of(np.arange(6.0).reshape(3, 2) * 100, ["1", "2", "3"])
    with pytest.raises(SplitError, match="leaves no photo for"):
        make_split(town, "spot", 0)


def test_the_tiny_campus_of_the_tests_can_be_split(shared_campus: Path) -> None:
    dataset = read_dataset(shared_campus)
    for protocol in ("random", "spot"):
        split = make_split(dataset, protocol, 0)
        assert min(len(split.rows(dataset, part)) for part in ("train", "val", "test")) >= 4
        assert calibration_part(split) == "val"


def test_regions_of_one_photo_each_leave_none_to_test_on() -> None:
    points = np.random.default_rng(4).uniform(0, 400, (60, 2))
    lonely = dataset_of(points, [str(row) for row in range(60)])
    with pytest.raises(SplitError, match="60 of 60 regions have one photo each, which must train"):
        make_split(lonely, "random", 0)
    with pytest.raises(SplitError, match="60 of 60 regions have one spot each"):
        make_split(lonely, "spot", 0)


def test_more_folds_than_cells_are_refused() -> None:
    heap = dataset_of(np.zeros((60, 2)), [str(row % 4) for row in range(60)])
    with pytest.raises(SplitError, match=r"has 1 cells, which cannot be 5 folds.*cell_m"):
        make_split(heap, "block", 0, fold=0, folds=5)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("train", 3), ("train", None), ("train", ["a", 1]), ("val", 0.5), ("val", {"a": 1}),
     ("notes", 3), ("notes", None), ("protocol", 3), ("protocol", ["a"])],
)  # fmt: skip
def test_a_split_of_other_types_is_damaged(town: Dataset, key: str, wrong: object) -> None:
    stored = make_split(town, "spot", 0).to_json()
    (stored["parts"] if key in ("train", "val") else stored)[key] = wrong
    with pytest.raises(SplitError, match="damaged"):
        Split.from_json(stored)
