"""Deleting a data set: what goes, what stays, and that a kill leaves nothing half deleted."""

import json
import shutil
from pathlib import Path

import pytest

from core.__main__ import main
from core.dataset.labels import read_dataset
from core.dataset.layout import HUMAN_ANSWERS, STORE_FOLDER
from core.dataset.repairs import Repair, now, write_repairs
from core.dataset.tags import TAGS_FILE, change_tags
from core.deletion import dataset as deletion
from core.deletion.dataset import contents_of_dataset, delete_dataset
from core.errors import RunError
from core.files import write_json
from core.jobs.job import Job
from core.project import WORKSPACE
from core.views import change_views, read_views
from tests.app.run_folders import write_run

PHOTO = "images/img_0000.jpg"


@pytest.fixture
def place(small_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with two data sets, and all that Bearings makes of the first."""
    root = tmp_path / "place"
    for name in ("tiny", "other"):
        shutil.copytree(small_campus, root / "data" / name)
    campus = root / "data" / "tiny"
    (campus / STORE_FOLDER).mkdir()
    (campus / STORE_FOLDER / "photos-64-0.u8").write_bytes(b"0" * 1000)
    change_tags(campus, [PHOTO], add="tree")
    (campus / HUMAN_ANSWERS).write_text("photo_id\n")
    decision = Repair("labels.csv", "img_0001.jpg", "typo", "angle", "1", "2", "rejected", "person",
                      now())  # fmt: skip
    write_repairs(campus, [decision])
    run = write_run(root, "first").path
    write_run(root, "second", dataset=root / "data" / "other")
    for home, name, data in (
        (run, "tiny-test", campus), (run, "other-all", root / "data" / "other"),
        (root / "checkpoints" / "mine", "tiny-val", campus),
        (root / "checkpoints" / "demo-campus", "tiny-all", campus),
    ):  # fmt: skip
        write_json(home / "reports" / name / "report.json", {"dataset": {"root": str(data)}})
    shipped = root / "checkpoints" / "demo-campus"
    write_json(shipped / "report" / "report.json", {"dataset": {"root": str(campus)}})
    for checkpoint in (shipped, shipped.with_name("mine"), run / "checkpoints" / "best"):
        write_json(checkpoint / "card.json", {})
    write_json(run / "checkpoints" / "best" / "gallery.json", {"sha256": "ab" * 32})
    (root / "layouts").mkdir()
    for key in ("ab" * 8, "cd" * 8):
        (root / "layouts" / f"tsne-{key}-9-1.safetensors").write_bytes(b"1")
    change_views(root, {"trees": {"tag": ["tree"]}, "north": {"region": ["1"]}})
    monkeypatch.setenv(WORKSPACE, str(root))
    return root


def listing(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


GONE = {
    f"data/tiny/{STORE_FOLDER}", f"data/tiny/{STORE_FOLDER}/photos-64-0.u8",
    f"data/tiny/{STORE_FOLDER}/tags", f"data/tiny/{STORE_FOLDER}/tags/.lock",
    f"data/tiny/{TAGS_FILE}", f"data/tiny/{HUMAN_ANSWERS}",
    "runs/first/reports/tiny-test", "runs/first/reports/tiny-test/report.json",
    "checkpoints/mine/reports/tiny-val", "checkpoints/mine/reports/tiny-val/report.json",
    "checkpoints/demo-campus/reports/tiny-all",
    "checkpoints/demo-campus/reports/tiny-all/report.json",
    f"layouts/tsne-{'ab' * 8}-9-1.safetensors",
}  # fmt: skip


def test_what_was_made_of_it_goes_and_photos_and_labels_stay(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campus, before = place / "data" / "tiny", listing(place)
    assert main(["delete", str(campus)]) == 0
    said = capsys.readouterr().err
    for part in (
        "3 reports with predictions: first/tiny-test, demo-campus/tiny-all, mine/tiny-val",
        "1 arrangement of photos", "tags.csv", "human_answers.csv",
        "1 saved view of its photos: trees",
        "Photos, labels and decisions about labels (repairs.csv) stay.",
        "Made with this data set, and kept: first.", "Nothing is deleted yet",
    ):  # fmt: skip
        assert part in said
    assert listing(place) == before
    assert main(["delete", str(campus), "--yes"]) == 0
    assert before - listing(place) == GONE
    assert listing(place) - before == set()
    assert set(read_views(place)) == {"north"}
    assert len(read_dataset(campus)) == 48


def test_the_photos_go_only_from_the_workspace_and_by_name(
    place: Path, small_campus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campus = place / "data" / "tiny"
    (place / "data" / "linked").symlink_to(small_campus)
    for words, reason in (
        ([str(campus), "--with-photos", "yes"], "repeat its name: --with-photos tiny"),
        ([str(small_campus), "--with-photos", "campus"], f"outside of {place / 'data'}"),
        ([str(place / "data" / "linked"), "--with-photos", "linked"], "a link to "),
        ([str(campus), str(place / "data" / "other"), "--with-photos", "tiny"], "of one data set"),
        ([str(place / "runs" / "first"), "--with-photos", "first"], "of one data set"),
    ):
        assert main(["delete", *words, "--yes"]) == 1
        assert reason in capsys.readouterr().err
    assert len(read_dataset(small_campus)) == 48
    found = contents_of_dataset(campus, place, with_photos=True)
    assert found.parts[:2] == (
        "48 photos, of which Bearings keeps no copy", "the labels: labels.csv"
    )  # fmt: skip
    assert main(["delete", str(campus), "--with-photos", "tiny", "--yes"]) == 0
    assert [path.name for path in sorted((place / "data").iterdir())] == ["linked", "other"]
    assert (place / "runs" / "first" / "config.json").is_file()


def test_a_link_among_the_photos_is_not_followed(place: Path, small_campus: Path) -> None:
    images = place / "data" / "tiny" / "images"
    shutil.rmtree(images)
    images.symlink_to(small_campus / "images")
    delete_dataset(place / "data" / "tiny", place, with_photos=True)
    assert not (place / "data" / "tiny").exists()
    assert len(read_dataset(small_campus)) == 48


def test_a_data_set_that_a_job_reads_is_refused(place: Path) -> None:
    campus, before = place / "data" / "tiny", listing(place)
    waiting = place / "runs" / "waiting"
    waiting.mkdir()
    job = Job(kind="crossval", arguments=("crossval",), options={"dataset": str(campus)})
    job.write(waiting)
    for with_photos in (False, True):
        with pytest.raises(RunError, match="is in use by waiting: cancel this first"):
            delete_dataset(campus, place, with_photos=with_photos)
    assert before <= listing(place)


@pytest.mark.parametrize("steps", range(9))
def test_a_kill_in_the_middle_leaves_whole_things_and_a_second_call_the_rest(
    place: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Each step renames one thing, or removes all that was renamed."""
    campus, before, done = place / "data" / "tiny", listing(place), iter(range(steps))

    def killed(name: str) -> None:
        real = getattr(deletion, name)

        def step(given: object) -> object:
            if next(done, None) is None:
                raise KeyboardInterrupt
            return real(given)

        patch.setattr(deletion, name, step)

    with monkeypatch.context() as patch:
        killed("put_aside")
        killed("sweep_trash")
        try:
            delete_dataset(campus, place)
        except KeyboardInterrupt:
            assert steps < 8
        else:
            assert steps >= 8, "every step was one of the eight"
    for name in before - listing(place):
        whole = [gone for gone in GONE if gone.startswith(f"{name}/")]
        assert not listing(place) & set(whole), "half of it is left"
    hidden = [name for name in listing(place) - before if "/." not in f"/{name}"]
    assert hidden == [], "what is half deleted has a name that lists show"
    delete_dataset(campus, place)
    assert before - listing(place) == GONE
    assert listing(place) <= before


def test_damage_and_strangers_stop_nothing(place: Path, tmp_path: Path) -> None:
    campus = place / "data" / "tiny"
    for file in ("runs/second/config.json", "runs/first/reports/other-all/report.json",
                 "data/other/labels.csv"):  # fmt: skip
        (place / file).write_bytes(b"\xff{")
    # The other data set, which cannot be read, may have such a tag: the view stays.
    delete_dataset(campus, place)
    assert set(read_views(place)) == {"trees", "north"}
    assert (place / "runs/first/reports/other-all/report.json").is_file()
    with pytest.raises(RunError, match="holds no data set"):
        delete_dataset(tmp_path / "nothing", place)
    assert json.loads((place / "views.json").read_text())["views"]["north"] == {"region": ["1"]}
