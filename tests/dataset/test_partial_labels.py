"""Data sets of which somebody labelled only a part: what is kept, made, split and said."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.dataset.labels import Dataset, read_dataset
from core.dataset.made_regions import best_count, cluster_centres
from core.dataset.store import prepare_dataset
from core.errors import LabelError, SplitError
from core.geo import distance_m
from core.splits.leak import leak_shares
from core.splits.protocols import make_split
from core.splits.split import Split
from tests.tables.folders import campus_rows, folder

ROWS = campus_rows(120)
BARE = ["filename", "latitude", "longitude"]


def four_places(photos: int = 60) -> pd.DataFrame:
    """Photos of four places 200 m apart, in turn, all within a few metres of their middle."""
    rows = campus_rows(photos)
    rng = np.random.default_rng(0)
    corner = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[np.arange(photos) % 4]
    near = corner * 9e-4 + rng.normal(0, 2e-5, (photos, 2))
    rows["latitude"] = [f"{12 + north:.7f}" for north in near[:, 0]]
    rows["longitude"] = [f"{77 + east:.7f}" for east in near[:, 1]]
    return rows


def test_labels_that_nobody_gave_are_absent(tmp_path: Path) -> None:
    bare = folder(tmp_path / "a", ROWS[BARE], campus="regions = 0\n")
    positions = read_dataset(bare)
    assert positions.labels == ("position",)
    assert (positions.region_index == -1).all()
    assert np.isnan(positions.headings_deg).all()
    regions = read_dataset(folder(tmp_path / "b", ROWS[["filename", "Region_ID"]]))
    assert regions.labels == ("region",)
    assert np.isnan(regions.positions).all()
    with pytest.raises(LabelError, match="no photo has a position, and none a region"):
        prepare_dataset(
            folder(tmp_path / "c", ROWS.assign(latitude="", longitude="", Region_ID="")), 32
        )
    for trained in (positions, regions):
        assert trained.check_trainable() is trained


def test_a_row_counts_for_the_labels_that_it_has(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows.loc[::2, "angle"] = ""
    rows.loc[:9, ["latitude", "longitude"]] = ""
    rows.loc[5:20, "Region_ID"] = "-"
    rows.loc[6, "angle"] = "n/a"
    dataset = read_dataset(folder(tmp_path, rows), allow_missing=True)
    counts = {label: int(dataset.labelled(label).sum()) for label in dataset.labels}
    assert len(dataset) == 118
    assert counts == {"position": 110, "heading": 60, "region": 104}
    assert dataset.excluded["photo_id"].tolist() == [
        "images/img_000006.jpg",
        "images/img_000008.jpg",
    ]
    assert set(dataset.excluded["reason"]) == {"no position, no heading and no region"}
    assert any("58 of 118 photos have no heading" in note for note in dataset.notes)


def test_regions_are_made_where_nobody_named_one(tmp_path: Path) -> None:
    rows = four_places()
    truth = np.arange(60) % 4
    dataset = read_dataset(folder(tmp_path, rows[BARE], campus='[regions]\n1 = "Gate"\n'))
    assert (dataset.regions, dataset.regions_from) == (("1", "2", "3", "4"), "positions")
    pairs = {
        (region, int(place)) for region, place in zip(dataset.table["region"], truth, strict=True)
    }
    assert len(pairs) == 4
    # From north to south: the northern places are regions 1 and 2.
    assert {place for region, place in pairs if region in "12"} == {0, 1}
    centres = np.array(dataset.region_centres)
    assert centres[:, 0] == pytest.approx([12.0009, 12.0009, 11.9991, 11.9991], abs=2e-5)
    assert dataset.campus.region_names == {}
    assert any("4 regions were made from the positions" in note for note in dataset.notes)
    again = folder(tmp_path / "again", rows[BARE].sample(frac=1.0, random_state=1))
    other = read_dataset(again)
    assert np.allclose(np.array(other.region_centres), centres, atol=1e-9)


@pytest.mark.parametrize(("asked", "regions"), [(0, 0), (2, 2), (7, 7)])
def test_campus_toml_asks_for_a_number_of_regions(tmp_path: Path, asked: int, regions: int) -> None:
    root = folder(tmp_path, four_places()[BARE], campus=f"regions = {asked}\n")
    dataset = read_dataset(root)
    assert len(dataset.regions) == regions
    assert ("region" in dataset.labels) == (regions > 0)


def test_a_number_of_regions_that_cannot_be_is_refused_and_an_unused_one_is_told(
    tmp_path: Path,
) -> None:
    with pytest.raises(LabelError, match="regions must be 0 or a number from 2"):
        read_dataset(folder(tmp_path / "one", ROWS[BARE], campus="regions = 1\n"))
    named = read_dataset(folder(tmp_path / "named", ROWS, campus="regions = 5\n"))
    assert (named.regions, named.regions_from) == (("1", "2", "3"), "labels")
    assert any("regions = 5 in campus.toml is not used" in note for note in named.notes)


def test_one_place_and_a_few_photos_make_no_regions(tmp_path: Path) -> None:
    rows = ROWS.assign(latitude="12.0001", longitude="77.0001")
    dataset = read_dataset(folder(tmp_path, rows[BARE]))
    assert dataset.labels == ("position",)
    assert any("too few places" in note for note in dataset.notes)
    assert best_count(np.random.default_rng(0).normal(0, 50, (15, 2))) == 0


def test_a_photo_of_another_place_gets_no_region_of_its_own(tmp_path: Path) -> None:
    rows = four_places()
    rows.loc[0, "latitude"] = "12.1000000"
    assert len(read_dataset(folder(tmp_path, rows[BARE])).regions) == 4


def test_photos_are_given_the_regions_of_a_model(tmp_path: Path) -> None:
    dataset = read_dataset(folder(tmp_path, four_places()[BARE], campus="regions = 3\n"))
    north_south = dataset.with_regions_near(np.array([[12.001, 77.0], [11.999, 77.0]]), ["8", "9"])
    expected = np.where(dataset.positions[:, 0] > 12.0, "8", "9")
    assert (north_south.table["region"] == expected).all()
    assert (north_south.regions, north_south.region_centres) == (
        ("8", "9"), ((12.001, 77.0), (11.999, 77.0)),
    )  # fmt: skip
    southern = north_south.without(dict.fromkeys(dataset.table["photo_id"][expected == "8"], "x"))
    assert (southern.regions, southern.region_centres) == (("9",), ((11.999, 77.0),))


def test_clusters_do_not_depend_on_the_order_of_the_photos() -> None:
    position_m = np.random.default_rng(3).normal(0, 100, (200, 2))
    first = cluster_centres(position_m, 6, 0)
    assert np.allclose(cluster_centres(position_m[::-1], 6, 0), first)
    assert (np.diff(first[:, 0]) <= 0).all()
    assert len(cluster_centres(position_m[:3], 6, 0)) == 3


def _stripped(tmp_path: Path, rows: pd.DataFrame) -> Dataset:
    return read_dataset(folder(tmp_path, rows))


def test_without_positions_walks_stay_together(tmp_path: Path) -> None:
    rows = ROWS[["filename", "Region_ID"]].assign(walk=[str(row // 5) for row in range(120)])
    dataset = _stripped(tmp_path, rows)
    split = make_split(dataset, "spot", 0)
    assert split.protocol == "visit"
    assert any("no photo has a position" in note for note in split.notes)
    parts = pd.Series([split.parts[photo] for photo in dataset.table["photo_id"]])
    assert (parts.groupby(dataset.table["walk"]).nunique() == 1).all()
    with pytest.raises(SplitError, match="block split needs them"):
        make_split(dataset, "block", 0)


def test_without_positions_and_times_the_split_is_random_and_says_so(tmp_path: Path) -> None:
    dataset = _stripped(tmp_path, ROWS[["filename", "Region_ID"]])
    for fold in (None, 1):
        split = make_split(dataset, "spot", 0, fold=fold)
        assert split.protocol == "random"
        assert any("figures may be too good" in note for note in split.notes)
    assert make_split(dataset, "random", 0).notes == make_split(dataset, "random", 1).notes


def test_regions_of_one_visit_each_are_split_at_random(tmp_path: Path) -> None:
    """The usual folder of regions: somebody went to each of them once."""
    rows = ROWS[["filename", "Region_ID"]].assign(walk=ROWS["Region_ID"].astype(str))
    dataset = _stripped(tmp_path, rows)
    split = make_split(dataset, "spot", 0)
    assert split.protocol == "random"
    assert set(split.parts.values()) >= {"train", "val", "test"}
    assert any("regions have one visit each): the split is random" in n for n in split.notes)
    with pytest.raises(SplitError, match="one visit each, which must train"):
        make_split(dataset, "visit", 0)


@pytest.mark.parametrize("protocol", ["spot", "visit", "block", "random", "region"])
def test_photos_without_position_or_region_are_split_too(tmp_path: Path, protocol: str) -> None:
    rows = ROWS.assign(walk=[str(row // 5) for row in range(120)])
    rows.loc[::7, ["latitude", "longitude"]] = ""
    rows.loc[3::11, "Region_ID"] = ""
    dataset = _stripped(tmp_path, rows)
    fold = 0 if protocol == "region" else None
    split = make_split(dataset, protocol, 0, fold=fold, folds=3)  # type: ignore[arg-type]
    assert len(split.parts) == len(dataset) == 120
    if protocol == "region":
        test = dataset.table["region"].to_numpy()[split.rows(dataset, "test")]
        assert "" not in test
    if protocol in ("spot", "block"):
        assert any("18 photos without a position" in note for note in split.notes)


def test_one_unplaced_photo_does_not_move_the_others_to_other_spots(tmp_path: Path) -> None:
    rows = four_places()
    rows.loc[7, ["latitude", "longitude"]] = ""
    dataset = _stripped(tmp_path, rows)
    split = make_split(dataset, "random", 0)
    placed = dataset.labelled("position")
    metres = dataset.local_frame().to_metres(dataset.positions)
    assert np.isnan(metres[~placed]).all()
    rows_of = {part: split.rows(dataset, part) for part in ("train", "test")}
    shares = leak_shares(metres[rows_of["test"]], metres[rows_of["train"]])
    test, train = (metres[each][placed[each]] for each in (rows_of["test"], rows_of["train"]))
    nearest = np.array([distance_m(train, point).min() for point in test])
    assert shares["within_5m"] == pytest.approx((nearest <= 5.0).mean())


def test_look_says_what_a_model_would_learn(tmp_path: Path) -> None:
    from core.dataset.look import look

    positions = read_dataset(folder(tmp_path / "a", four_places()[BARE]))
    assert "it learns positions and regions; nobody labelled headings" in positions.summary()
    assert "4 made from the positions, as no photo names one" in positions.summary()
    seen = json.loads(json.dumps(look(positions).as_json()))
    assert (seen["regions_from"], seen["with_region"], seen["with_heading"]) == ("positions", 0, 0)
    regions = read_dataset(folder(tmp_path / "b", ROWS[["filename", "Region_ID"]]))
    assert "it learns regions; nobody labelled positions or headings" in regions.summary()
    whole = read_dataset(folder(tmp_path / "c", ROWS))
    assert "it learns" not in whole.summary()


def test_the_audit_keeps_what_the_reader_keeps(tmp_path: Path) -> None:
    from core.audit.run import audit
    from core.audit.schema import AuditConfig

    rows = ROWS.copy()
    rows.loc[3, "angle"] = ""
    rows.loc[4, ["latitude", "longitude"]] = ""
    rows.loc[5, ["latitude", "longitude", "angle", "Region_ID"]] = ""
    root = folder(tmp_path / "few", rows)
    own = [
        each
        for each in audit(AuditConfig(dataset=root, photos=False)).findings
        if each.finding == "not_a_number"
    ]
    kept = {
        each.filename: (each.column, each.score) for each in own if "counts for" in each.evidence
    }
    assert kept == {"img_000003.jpg": ("angle", 0.3), "img_000004.jpg": ("position", 0.3)}
    (gone,) = (each for each in own if "leaves it out" in each.evidence)
    assert (gone.filename, gone.score) == ("img_000005.jpg", 1.0)
    dataset = read_dataset(root)
    assert dataset.excluded["photo_id"].tolist() == ["images/img_000005.jpg"]
    rows.loc[::2, "angle"] = ""
    half = audit(AuditConfig(dataset=folder(tmp_path / "half", rows), photos=False)).findings
    (said,) = (each for each in half if each.column == "angle" and each.finding == "not_a_number")
    assert "61 of 120 rows have no heading" in said.evidence
    for columns in (BARE, ["filename", "Region_ID"]):
        root = folder(tmp_path / columns[-1], ROWS[columns])
        kinds = audit(AuditConfig(dataset=root, photos=False)).by_kind
        assert not {"not_a_number", "region_empty"} & set(kinds)


def test_a_split_of_an_older_version_lacks_photos_that_it_left_out(tmp_path: Path) -> None:
    whole = read_dataset(folder(tmp_path / "whole", ROWS))
    split = make_split(whole, "random", 0)
    victim = next(photo for photo, part in split.parts.items() if part == "train")
    parts = {photo: part for photo, part in split.parts.items() if photo != victim}
    older = Split("random", 0, None, None, parts)
    with pytest.raises(SplitError, match="1 of 120 photos"):
        older.rows(whole, "test")
    rows = ROWS.copy()
    rows.loc[rows["filename"] == Path(victim).name, "angle"] = ""
    some = read_dataset(folder(tmp_path / "some", rows))
    assert len(older.rows(some, "train")) == len(split.rows(whole, "train")) - 1
    assert (older.rows(some, "test") == split.rows(whole, "test")).all()
