"""A build is whole or visibly not, the same for a seed, and tells no truth in its labels."""

import csv
import platform
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from pydantic import ValidationError

from core.dataset.base_layer import read_base_layer
from core.demo.base_layer import INVENTED_PLACE
from core.demo.build import DemoConfig, build_demo
from core.demo.photo import photo_jpeg, render_photo
from core.demo.plan import make_plan
from core.demo.seeds import photo_index, photo_name
from core.demo.tables import TRUTH_COLUMNS
from core.demo.world import World
from core.errors import DemoError

SMALL, LARGE = 10, 40
PARTS = ("labels.csv", "truth.csv", "campus.toml", "campus.geojson")


@pytest.fixture(scope="module")
def built(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "small"
    return build_demo(DemoConfig(out=out, photos=SMALL, seed=world.seed, workers=1))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_a_photo_is_the_same_each_time_and_is_what_a_build_writes(built: Path) -> None:
    first = photo_jpeg(3, 4)
    assert first == photo_jpeg(3, 4)
    assert first == (built / "images" / photo_name(4)).read_bytes()
    pixels, truth = render_photo(3, 4)
    assert pixels.shape == (224, 224, 3)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 10
    assert truth.index == 4


def test_a_larger_build_begins_with_the_smaller_and_reuses_its_photos(
    built: Path, world: World
) -> None:
    labels, truth = rows(built / "labels.csv"), rows(built / "truth.csv")
    old = {path.name: path.read_bytes() for path in (built / "images").iterdir()}
    made = (built / "images" / photo_name(0)).stat().st_mtime_ns
    build_demo(DemoConfig(out=built, photos=LARGE, seed=world.seed, workers=1))
    assert rows(built / "labels.csv")[:SMALL] == labels
    assert rows(built / "truth.csv")[:SMALL] == truth
    assert len(rows(built / "labels.csv")) == len(list((built / "images").iterdir())) == LARGE
    assert all((built / "images" / name).read_bytes() == data for name, data in old.items())
    assert (built / "images" / photo_name(0)).stat().st_mtime_ns == made


def test_labels_hold_no_truth(built: Path) -> None:
    labels, truth = rows(built / "labels.csv"), rows(built / "truth.csv")
    assert list(labels[0]) == [
        "filename", "timestamp", "latitude", "longitude", "angle", "Region_ID",
        "hfov_deg", "walk", "visit",
    ]  # fmt: skip
    hidden = set(TRUTH_COLUMNS) - {"filename", "latitude", "longitude", "hfov_deg", "walk", "visit"}
    assert not hidden & set(labels[0])
    for label, exact in zip(labels, truth, strict=True):
        assert label["Region_ID"] == exact["region"]
        off = (float(label["latitude"]) - float(exact["latitude"])) * 110_600
        assert off != 0
        assert abs(off) < 20


def test_an_interrupted_build_is_not_complete_and_is_continued(
    world: World, tmp_path: Path
) -> None:
    config = DemoConfig(out=tmp_path / "demo", photos=LARGE, seed=world.seed, workers=1)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_demo(config, stop)
    assert not any((config.out / name).exists() for name in PARTS)
    torn = config.out / "images" / f".img_000039.jpg.99999999@{platform.node()}.abcdefgh"
    torn.write_bytes(b"half a photo")
    kept = (config.out / "images" / photo_name(0)).stat().st_mtime_ns
    seen: list[tuple[int, int]] = []
    build_demo(config, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (LARGE, LARGE)
    assert all((config.out / name).is_file() for name in PARTS)
    assert not torn.exists()
    assert (config.out / "images" / photo_name(0)).stat().st_mtime_ns == kept


def test_a_finished_build_is_left_alone(built: Path, world: World) -> None:
    count = len(rows(built / "labels.csv"))
    before = (built / "labels.csv").stat().st_mtime_ns
    base = (built / "campus.geojson").read_bytes()
    (built / "campus.geojson").unlink()
    build_demo(DemoConfig(out=built, photos=count, seed=world.seed, workers=1))
    assert (built / "labels.csv").stat().st_mtime_ns == before
    # What an older version did not write is added.
    assert (built / "campus.geojson").read_bytes() == base


def test_the_base_layer_shows_what_is_built_where_it_stands(built: Path, world: World) -> None:
    base = read_base_layer(built)
    assert base is not None
    assert base.notes == ()
    assert base.attribution
    shapes = base.within(INVENTED_PLACE, (-300.0, -250.0, 300.0, 250.0)).shapes
    counts = Counter(shape.kind for shape in shapes)
    tall = [corners for corners, height in world.outlines if height > 2.5]
    assert counts["building"] == len(tall)
    assert counts["road"] + counts["path"] == len(world.plan.ways)
    assert counts["water"] == 1
    middles = [shape.parts[0][:4].mean(axis=0) for shape in shapes if shape.kind == "building"]
    away_m = np.linalg.norm(np.array(middles) - tall[0].mean(axis=0), axis=1)
    assert away_m.min() < 0.1
    # Photos are taken on the ways and never in a building.
    truth = [(float(row["north_m"]), float(row["east_m"])) for row in rows(built / "truth.csv")]
    spots = shapely.points(truth)
    houses = [shapely.Polygon(shape.parts[0]) for shape in shapes if shape.kind == "building"]
    assert not shapely.intersects(shapely.union_all(houses), spots).any()


def test_another_seed_is_another_campus() -> None:
    first, second = make_plan(3), make_plan(4)
    assert np.abs(first.centres - second.centres).max() > 3
    assert np.array_equal(first.centres, make_plan(3).centres)


@pytest.mark.slow
def test_processes_change_no_pixel(world: World, tmp_path: Path) -> None:
    out = build_demo(DemoConfig(out=tmp_path / "demo", photos=LARGE, seed=world.seed, workers=2))
    for index in (0, 35, 36, 39):
        assert (out / "images" / photo_name(index)).read_bytes() == photo_jpeg(world.seed, index)


def test_wrong_arguments_and_foreign_folders_are_refused(built: Path, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="photos"):
        DemoConfig(out=tmp_path, photos=0)
    with pytest.raises(ValidationError, match="seed"):
        DemoConfig(out=tmp_path, seed=-1)
    (tmp_path / "thesis.docx").write_text("precious")
    with pytest.raises(DemoError, match="holds no demo campus"):
        build_demo(DemoConfig(out=tmp_path, photos=1))
    with pytest.raises(DemoError, match="is a file"):
        build_demo(DemoConfig(out=tmp_path / "thesis.docx", photos=1))
    with pytest.raises(DemoError, match="another demo campus"):
        build_demo(DemoConfig(out=built, photos=SMALL, seed=4))
    with pytest.raises(DemoError, match="another demo campus"):
        build_demo(DemoConfig(out=built, photos=1, seed=3))


@pytest.mark.parametrize("name", ["cat.jpg", "img_12.jpg", "img_000012.png", "../img_000012.jpg"])
def test_foreign_file_names_are_refused(name: str) -> None:
    assert photo_index(photo_name(12)) == 12
    with pytest.raises(DemoError, match="no demo photo"):
        photo_index(name)


def test_negative_photo_numbers_are_refused() -> None:
    with pytest.raises(DemoError, match="negative"):
        render_photo(3, -1)
