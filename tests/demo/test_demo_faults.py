"""Planted faults: as many as asked, the same for a seed, known to the answers and to no audit."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from core.audit.run import audit
from core.audit.schema import AuditConfig
from core.demo.build import DemoConfig, build_demo
from core.demo.faults import FAULTS_FILE, LEAST_MOVED_M, TWIN, plant_faults
from core.demo.label_faults import FAULTS, LABEL_FAULTS, MOVING, SLIPS, fault_counts, metres_moved
from core.demo.world import World
from core.errors import DemoError

PHOTOS = 50
ROW = {
    "filename": "img_000001.jpg", "timestamp": "14:09", "latitude": "12.0021492",
    "longitude": "77.0001040", "angle": "232", "Region_ID": "13",
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "sound"
    return build_demo(DemoConfig(out=out, photos=PHOTOS, seed=world.seed, workers=1))


@pytest.fixture
def campus(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "campus")
    return tmp_path / "campus"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_every_slip_changes_what_it_says() -> None:
    rng = np.random.default_rng(0)
    for kind, slip in SLIPS.items():
        changes = slip(ROW, rng)
        assert changes, kind
        assert any(ROW[column] != text for column, text in changes.items()), kind
    assert SLIPS["sexagesimal"](ROW, rng) == {"latitude": "12.0007737", "longitude": "77.0000374"}
    assert SLIPS["implausible_hour"](ROW, rng) == {"timestamp": "02:09"}
    assert SLIPS["implausible_hour"](ROW | {"timestamp": "09:00"}, rng) is None


def test_shares_are_split_over_the_kinds() -> None:
    assert fault_counts(0.1, ["zero", "region"], 200) == {"zero": 10, "region": 10}
    assert fault_counts(0.1, ["zero=0.02", "region"], 200) == {"zero": 4, "region": 20}
    assert set(fault_counts(0.1, [], 200)) == set(FAULTS)
    with pytest.raises(ValueError, match="there is no fault oddity"):
        fault_counts(0.1, ["oddity"], 200)


def test_labels_and_answers_agree(sound: Path, campus: Path, world: World) -> None:
    kinds = tuple(LABEL_FAULTS)
    plant_faults(campus, world.seed, 0.4, kinds, 0)
    before = {row["filename"]: row for row in rows(sound / "labels.csv")}
    after = rows(campus / "labels.csv")
    answers = rows(campus / FAULTS_FILE)
    assert {answer["fault"] for answer in answers} == set(kinds)
    faulty = {answer["filename"] for answer in answers}
    assert all(row == before[row["filename"]] for row in after if row["filename"] not in faulty)
    for answer in answers:
        if answer["column"]:
            assert before[answer["filename"]][answer["column"]] == answer["true"]
            written = [r[answer["column"]] for r in after if r["filename"] == answer["filename"]]
            assert answer["written"] in written
        if answer["fault"] in MOVING:
            changes = {a["column"]: a["written"] for a in answers
                       if a["filename"] == answer["filename"]}  # fmt: skip
            assert metres_moved(before[answer["filename"]], changes) >= LEAST_MOVED_M
    assert len(after) == PHOTOS + 2  # a repeat and a contradiction


def test_the_same_seed_plants_the_same_and_twice_is_once(
    sound: Path, campus: Path, world: World
) -> None:
    kinds = ("dark_photo", "missing_photo", "duplicate_photo", "exif_heading", "wrong_digit")
    plant_faults(campus, world.seed, 0.1, kinds, 0)
    first = {path.name: path.read_bytes() for path in campus.rglob("*") if path.is_file()}
    for name in ("labels.csv", "truth.csv"):
        shutil.copyfile(sound / name, campus / name)
    plant_faults(campus, world.seed, 0.1, kinds, 0)
    assert {p.name: p.read_bytes() for p in campus.rglob("*") if p.is_file()} == first
    for name in ("labels.csv", "truth.csv"):
        shutil.copyfile(sound / name, campus / name)
    plant_faults(campus, world.seed, 0.1, kinds, 1)
    assert (campus / FAULTS_FILE).read_bytes() != first[FAULTS_FILE]


def test_a_copied_photo_and_its_original_are_both_in_the_answers(
    campus: Path, world: World
) -> None:
    plant_faults(campus, world.seed, 0.0, ("duplicate_photo=0.02",), 0)
    twin, copy = rows(campus / FAULTS_FILE)
    assert (twin["fault"], copy["fault"]) == (TWIN, "duplicate_photo")
    assert copy["written"] == twin["filename"]
    images = campus / "images"
    assert (images / copy["filename"]).read_bytes() == (images / twin["filename"]).read_bytes()


def test_no_audit_reads_the_answers(campus: Path, world: World) -> None:
    plant_faults(campus, world.seed, 0.3, ("zero", "region", "heading_out_of_range"), 0)
    config = AuditConfig(dataset=campus, photos=False)
    found = audit(config).findings
    assert found
    for name in (FAULTS_FILE, "truth.csv"):
        (campus / name).write_bytes(b"\xff\xfe no table\x00")
    assert audit(config).findings == found
    for source in (Path(audit.__code__.co_filename).parent).glob("*.py"):
        assert "faults.csv" not in source.read_text(encoding="utf-8")
        assert "truth.csv" not in source.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_build_with_faults_is_told_from_one_without(
    sound: Path, tmp_path: Path, world: World
) -> None:
    out = tmp_path / "spoiled"
    shutil.copytree(sound / "images", out / "images")
    (out / "demo.json").write_text(
        f'{{"seed": {world.seed}, "photos": 1, "version": 1}}', encoding="utf-8"
    )
    clean = DemoConfig(out=out, photos=PHOTOS, seed=world.seed, workers=1)
    asked = clean.model_copy(update={"fault_kinds": ("zero=0.05",)})
    with pytest.raises(DemoError, match="other planted faults"):
        build_demo(asked)
    (out / "demo.json").unlink()
    shutil.rmtree(out)
    fresh = build_demo(asked.model_copy(update={"photos": 10}))
    made = (fresh / FAULTS_FILE).stat().st_mtime_ns
    assert (build_demo(asked.model_copy(update={"photos": 10})) / FAULTS_FILE).stat().st_mtime_ns \
        == made  # fmt: skip
    with pytest.raises(DemoError, match="other planted faults"):
        build_demo(clean.model_copy(update={"photos": 10}))


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="there is no fault oddity"):
        DemoConfig(out=tmp_path, fault_kinds=("oddity",))
    with pytest.raises(ValidationError, match="a share lies in"):
        DemoConfig(out=tmp_path, fault_kinds=("zero=2",))
