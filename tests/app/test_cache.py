"""What pages share is read again when its files change."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from app import cache
from app.train.queue_state import look
from core import files
from core.dataset.repairs import Repair, now, write_repairs
from tests.app.run_folders import write_run


@pytest.mark.parametrize("named", ["", "labels.csv"])
def test_changed_labels_are_read_again(small_campus: Path, named: str) -> None:
    """A run may have been given the folder, or the label file in it."""
    path = small_campus / named
    before = cache.dataset(path)
    assert cache.dataset(path) is before
    labels = pd.read_csv(small_campus / "labels.csv")
    labels.loc[0, "angle"] = (labels.loc[0, "angle"] + 90.0) % 360.0
    labels.to_csv(small_campus / "labels.csv", index=False)
    after = cache.dataset(path)
    assert (after.headings_deg != before.headings_deg).sum() == 1


def _in_parts(campus: Path) -> Path:
    """The small campus in the course's layout: labels and photos of two parts."""
    table = pd.read_csv(campus / "labels.csv")
    photos = (campus / "images").rename(campus / "images_train")
    (campus / "images_val").mkdir()
    for part, rows in (("train", table.iloc[::2]), ("val", table.iloc[1::2])):
        rows.to_csv(campus / f"labels_{part}.csv", index=False)
    for name in table["filename"].iloc[1::2]:
        (photos / name).rename(campus / "images_val" / name)
    (campus / "labels.csv").unlink()
    return campus


def _beside_its_labels(campus: Path) -> Path:
    """The small campus with its photos in the folder of the label file."""
    for photo in (campus / "images").iterdir():
        photo.rename(campus / photo.name)
    (campus / "images").rmdir()
    return campus


@pytest.mark.parametrize("arranged", [lambda campus: campus, _in_parts, _beside_its_labels])
def test_a_photo_that_is_put_back_is_read_again(
    make_campus: Callable[..., Path], tmp_path: Path, arranged: Callable[[Path], Path]
) -> None:
    # One row in a hundred may be left out, no more.
    campus = arranged(make_campus(tmp_path / "campus", spots=13))
    photo = sorted(campus.rglob("*.jpg"))[-1]
    photo.rename(tmp_path / "elsewhere.jpg")
    data, rows = cache.dataset(campus), cache.label_rows(campus)
    assert data.excluded["reason"].tolist() == ["photo missing"]
    assert (rows.text["photo_fault"] != "").sum() == 1
    (tmp_path / "elsewhere.jpg").rename(photo)
    after = cache.dataset(campus)
    assert after.excluded.empty
    assert (cache.label_rows(campus).text["photo_fault"] == "").all()
    assert cache.dataset(campus) is after


def test_a_decision_about_labels_asks_for_no_other_audit(small_campus: Path) -> None:
    """It is stored beside the labels, and the audit goes by the label files alone."""
    before, read = cache.label_rows(small_campus), cache.dataset(small_campus)
    write_repairs(
        small_campus,
        [
            Repair(
                "labels.csv",
                "img_0000.jpg",
                "far",
                "angle",
                "20",
                "30",
                "rejected",
                "person",
                now(),
            )
        ],
    )
    assert cache.label_rows(small_campus) is before
    assert cache.dataset(small_campus) is not read


def test_jobs_that_ended_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "runs"
    for name in ("one", "two", "three"):
        write_run(tmp_path, name, "failed" if name == "two" else "finished")
    reads: list[str] = []
    original = files.read_regular

    def counted(path: Path) -> bytes:
        reads.append(path.name)
        return original(path)

    # Every stored JSON file is read by this function.
    monkeypatch.setattr(files, "read_regular", counted)
    before = look(runs), cache.runs(runs)
    assert reads.count("status.json") >= 3
    reads.clear()
    assert (look(runs), cache.runs(runs)) == before
    # Whether it waits is asked of each job: the order of the queue may change at any moment.
    assert set(reads) <= {"job.json"}
    status = json.loads((runs / "one" / "status.json").read_text())
    (runs / "one" / "status.json").write_text(json.dumps(status | {"message": "Another"}))
    assert {run.name: run.message for run in cache.runs(runs)}["one"] == "Another"
