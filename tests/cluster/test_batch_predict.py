"""Photos predicted on a cluster: what this side submits and reads, and what workers write."""

from pathlib import Path

import pyarrow.parquet
import pytest
from pyarrow.fs import LocalFileSystem

from core.__main__ import main
from core.cluster import batch_predict
from core.cluster.batch_predict import BatchTask, Counts, predict_there
from core.cluster.client import JobLook
from core.errors import ConfigError, ImageError, RunError
from core.inference.files import shared_names
from core.project import CLUSTER_TASK
from tests.cluster.fake_cluster import FakeCluster

TASK = BatchTask(model="/m", photos="s3://bucket/photos", out="/answers")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    found = FakeCluster()
    monkeypatch.setattr(batch_predict, "connect", lambda address: found)
    monkeypatch.setattr(batch_predict, "_POLL_S", 0.0)
    monkeypatch.setattr(batch_predict, "_LOG_DELAY_S", 0.2)
    return found


def _log(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(cluster, "log", lambda submission_id: text)


def test_a_task_is_submitted_and_its_counts_come_back(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.looks = [JobLook("RUNNING", ""), JobLook("SUCCEEDED", "")]
    counts = Counts(photos=9, refused=2, unreadable=1)
    _log(cluster, monkeypatch, f"error: a.jpg is cut\nresult: {counts.model_dump_json()}\n")
    said: list[str] = []
    assert predict_there("http://fake", TASK, said.append) == counts
    (submission,) = cluster.given.values()
    assert BatchTask.model_validate_json(submission.environment[CLUSTER_TASK]) == TASK
    # The cores are the workers': a job that kept one could wait for itself.
    assert (submission.cpus, submission.gpus) == (0.0, 0.0)
    assert said[1:] == ["error: a.jpg is cut"]


def test_a_log_that_comes_after_the_end_is_waited_for(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = Counts(photos=9, refused=2, unreadable=0)
    texts = iter(["", "note: x\n", f"note: x\nresult: {counts.model_dump_json()}\n"])
    monkeypatch.setattr(cluster, "log", lambda submission_id: next(texts))
    said: list[str] = []
    assert predict_there("http://fake", TASK, said.append) == counts
    assert said[1:] == ["note: x"]


def test_a_job_that_fails_says_why(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.looks = [JobLook("FAILED", "x")]
    _log(cluster, monkeypatch, "failed: there is nothing at /m\n")
    with pytest.raises(RunError, match="there is nothing at /m"):
        predict_there("http://fake", TASK, lambda line: None)
    _log(cluster, monkeypatch, "")
    cluster.looks = [JobLook("FAILED", "Job failed, exit code -9")]
    with pytest.raises(RunError, match="ran out of memory"):
        predict_there("http://fake", TASK, lambda line: None)


def test_an_interrupt_stops_the_job_there(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(submission_id: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "log", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_there("http://fake", TASK, lambda line: None)
    assert cluster.stopped == list(cluster.given)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--on", "http://h"], "name their folder by --out"),
        (["--on", "http://h", "--out", "o", "--format", "csv"], "leave out --format"),
        (["--on", "http://h", "--out", "o", "--ray-workers", "0"], "at least 1, got 0"),
        (["--on", "http://h", "--out", "o", "--on-cpus", "0"], "more than 0"),
        (["--on", "h", "--out", "o"], "not the address of a Ray cluster"),
        (["--ray-workers", "2"], "add --on ADDRESS"),
        (["--out", "s3://bucket/out"], "add --on ADDRESS"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "model", "photos", *words]) == 1
    assert message in capsys.readouterr().err


def test_photos_of_an_url_are_those_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for name in ("b/2.JPG", "a/1.jpg", "none/notes.txt", ".cache/3.jpg", "a/._1.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    expected = [str(folder / "a/1.jpg"), str(folder / "b/2.JPG")]
    for source in (str(folder), folder.as_uri()):
        photos, paths = batch_predict._listed(source)
        assert isinstance(photos, LocalFileSystem)
        assert paths == expected
    assert shared_names(expected) == ["a/1.jpg", "b/2.JPG"]
    with pytest.raises(ImageError, match="holds no photo"):
        batch_predict._listed((folder / "none").as_uri())
    with pytest.raises(ConfigError, match="give a folder, or an URL"):
        batch_predict._listed("ftp://host/photos")


def test_results_go_into_a_new_folder(tmp_path: Path) -> None:
    target = LocalFileSystem()
    batch_predict._check_empty(target, str(tmp_path / "new"), "new")
    (tmp_path / "part.parquet").write_bytes(b"")
    with pytest.raises(ConfigError, match="--out here is not empty"):
        batch_predict._check_empty(target, str(tmp_path), "here")


def test_all_files_have_the_same_types_and_a_lost_photo_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ["filename", "region", "latitude", "refused", "error"]
    rows = [
        [{"filename": "a", "region": 7, "latitude": 17.25, "refused": False}],
        [{"filename": "b", "region": None, "latitude": None, "refused": True}],
        [{"filename": "c", "error": "c is cut"}],
    ]
    for number, part in enumerate(rows):
        table = batch_predict._table(part, columns)
        pyarrow.parquet.write_table(table, tmp_path / f"{number}.parquet")
    read = pyarrow.parquet.read_table(tmp_path).to_pandas()
    assert read["region"].tolist()[0] == "7"
    assert read["latitude"].tolist()[0] == 17.25
    counts = batch_predict._counted(LocalFileSystem(), str(tmp_path), 3)
    assert counts == Counts(photos=3, refused=1, unreadable=1)
    assert capsys.readouterr().out == "error: c is cut\n"
    with pytest.raises(RunError, match="3 of 4 photos were written"):
        batch_predict._counted(LocalFileSystem(), str(tmp_path), 4)
