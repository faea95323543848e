"""Folders written by an earlier version are opened, used and continued, or refused by name."""

import csv
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from core.__main__ import main

STORED = Path(__file__).parent / "stored.tar.xz"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders as the earlier version left them, but in another place; the test is inside."""
    folder = tmp_path / "old"
    with tarfile.open(STORED) as archive:
        archive.extractall(folder, filter="data")
    for path in folder.rglob("*"):
        if path.suffix in {".json", ".jsonl", ".txt", ".log", ".csv"}:
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("@HERE@", str(folder)), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def _typed(*words: str) -> None:
    assert main(list(words)) == 0


def test_its_runs_are_listed(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _typed("runs", "runs")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    states = {row[0]: row[1:3] for row in rows[1:]}
    assert states["finished"] == ["finished", "2/2"]
    assert states["second"] == ["finished", "2/2"]
    assert states["interrupted"] == ["cancelled", "2/6"]


@pytest.mark.slow
def test_its_report_is_read_and_made_again(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _typed("evaluate", "runs/finished", "--out", "again", "--no-plots", "--device", "cpu")
    stored = json.loads(Path("runs/finished/reports/campus-test/report.json").read_text())
    report = json.loads(Path("again/report.json").read_text())
    assert report["n"] == stored["n"] == 16
    for kind in ("raw", "refined"):
        for part, figure in (("position", "median_m"), ("heading", "maae_deg")):
            was = stored[part][kind][figure]
            assert report[part][kind][figure] == pytest.approx(was, rel=1e-3)
    capsys.readouterr()
    _typed("compare", "runs/finished/reports/campus-test", "again")
    assert "16" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", ["runs/finished", "runs/finished/checkpoints/best", "ensembles/two"]
)
def test_its_models_answer(old: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    # The earlier version's own answers about the test part.
    with Path("runs/finished/reports/campus-test/predictions.csv").open() as stream:
        stored = list(csv.DictReader(stream))
    assert len(stored) == 16
    photos = Path("photos")
    photos.mkdir()
    for row in stored:
        shutil.copy(Path("campus/images") / Path(row["filename"]).name, photos)
    _typed("predict", model, str(photos), "--format", "csv", "--device", "cpu")
    answers = {row["filename"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert len(answers) == 16
    if model == "ensembles/two":
        return
    for row in stored:
        now = answers[Path(row["filename"]).name]
        assert now["region"] == row["region"]
        for column in ("latitude", "longitude"):
            assert float(now[column]) == pytest.approx(float(row[column]), abs=1e-6)
        assert float(now["radius_90_m"]) == pytest.approx(float(row["radius_90_m"]), rel=1e-2)


@pytest.mark.slow
def test_its_model_is_calibrated_again(old: Path) -> None:
    path = Path("runs/finished/checkpoints/best/calibration.json")
    before = json.loads(path.read_text())
    _typed("calibrate", "runs/finished", "--device", "cpu")
    assert json.loads(path.read_text()).keys() >= before.keys()


@pytest.mark.slow
def test_its_interrupted_run_goes_on_to_the_end(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Seconds, and what is exported is today's checkpoint, whatever began the run.
    monkeypatch.setattr("core.training.finish.export_run", lambda run, data: None)
    run = Path("runs/interrupted")
    begun = (run / "events.jsonl").read_text()
    _typed("train", "--run", str(run), "--resume")
    text = (run / "events.jsonl").read_text()
    assert text.startswith(begun)
    epochs = [json.loads(line)["epoch"] for line in text.splitlines() if '"epoch"' in line]
    assert epochs == list(range(1, 7))


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_its_crossval_is_read_and_an_interrupted_one_goes_on(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = json.loads(Path("runs/crossval/crossval.json").read_text())
    _typed("crossval", "--out", "runs/crossval", "--aggregate")
    again = json.loads(Path("runs/crossval/crossval.json").read_text())
    assert again["pooled"]["n"] == stored["pooled"]["n"] == 128
    was, now = (each["pooled"]["position"]["raw"]["median_m"] for each in (stored, again))
    assert now == pytest.approx(was, rel=1e-3)
    first = Path("runs/crossval-interrupted/fold-0/events.jsonl").read_bytes()
    _typed("crossval", "--out", "runs/crossval-interrupted", "--resume")
    assert Path("runs/crossval-interrupted/fold-0/events.jsonl").read_bytes() == first
    report = json.loads(Path("runs/crossval-interrupted/crossval.json").read_text())
    assert report["pooled"]["n"] == 128


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_its_study_is_read_and_an_interrupted_one_goes_on(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _typed("tune", "--study", "studies/finished", "--show")
    shown = capsys.readouterr()
    assert "2 of 2" in shown.out + shown.err
    _typed("tune", "--study", "studies/interrupted")
    capsys.readouterr()
    _typed("tune", "--study", "studies/interrupted", "--show")
    shown = capsys.readouterr()
    assert "2 of 2" in shown.out + shown.err
