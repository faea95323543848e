"""The commands on a tiny campus, from labelled photos to places, as a user would type them."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.jobs.summary import summarise

TINY = (
    "--backbone test_resnet --weights random --input-size 64 --epochs 2 --batch-size 16 "
    "--split random --threads 1 --workers 0 --device cpu --patience 0"
).split()

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained by the command line; read it, never write to it."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    assert main(["train", str(shared_campus), "--run", str(folder), *TINY]) == 0
    return folder


@pytest.fixture
def photos(shared_campus: Path, tmp_path: Path) -> Path:
    """A folder with two photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("img_0000.jpg", "img_0001.jpg"):
        shutil.copy(shared_campus / "images" / name, folder)
    return folder


def test_demo_renders_a_campus_that_training_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--photos", "3", "--seed", "3", "--workers", "1"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert len(list((out / "images").iterdir())) == 3
    assert (out / "labels.csv").is_file()
    assert (out / "campus.toml").is_file()


def test_a_run_knows_the_command_that_repeats_it(run: Path, shared_campus: Path) -> None:
    found = summarise(run)
    assert (found.state, found.epoch) == ("finished", 2)
    assert found.config is not None
    command = found.config.command
    assert command.startswith(f"python -m core train {shared_campus} --run {run} ")
    for words in ("--backbone test_resnet", "--epochs 2", "--split random", "--patience 0"):
        assert words in command


def test_a_finished_run_is_not_resumed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--run", str(run), "--resume"]) == 1
    assert "is finished" in capsys.readouterr().err


def test_a_run_folder_is_never_overwritten(
    run: Path, shared_campus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(shared_campus), "--run", str(run), *TINY]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_evaluate_writes_a_report(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert main(["evaluate", str(run), "--out", str(out), "--device", "cpu"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    report = json.loads((out / "report.json").read_text())
    assert f"{report['n']} photos" in told.err
    low, high = report["intervals"]["refined"]["median_m"]
    median = f"median {report['position']['refined']['median_m']:.1f} m ({low:.1f} to {high:.1f})"
    assert median in told.err
    assert f"{100 * report['leak']['within_5m']:.0f} % of these photos are within 5 m" in told.err
    assert report["flagged"]["n"] == 0
    with (out / "predictions.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == report["n"]


def test_evaluate_leaves_doubted_photos_out_beside_the_main_figure(
    run: Path, shared_campus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings, out = tmp_path / "findings.csv", tmp_path / "report"
    findings.write_text(
        "filename,finding,column,value,proposal,score,evidence\n"
        + "".join(f"img_{n:04d}.jpg,far,position,1 2,,0.9,far away\n" for n in range(0, 48, 2))
        + "img_0001.jpg,notation,angle,360,0,0.3,means 0\n"
    )
    words = ["evaluate", str(run), str(shared_campus), "--split", "all", "--no-plots"]
    assert main([*words, "--out", str(out), "--findings", str(findings), "--by", "visit"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert (report["n"], report["flagged"]["n"], report["intervals"]["by"]) == (48, 24, "visit")
    assert report["flagged"]["without"]["n"] == 24
    assert "suspect according to findings.csv (far 24)" in capsys.readouterr().err
    findings.write_text("no,table\n")
    assert main([*words, "--out", str(out), "--findings", str(findings)]) == 1
    assert "run the audit again" in capsys.readouterr().err


def test_predict_writes_json_alone_to_the_output(
    run: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(photos), "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["filename"] for each in found] == ["img_0000.jpg", "img_0001.jpg"]
    assert found[0]["neighbours"][0]["filename"].startswith("img_")


def test_predict_writes_csv_and_geojson_files(run: Path, photos: Path, tmp_path: Path) -> None:
    photo = str(photos / "img_0000.jpg")
    table, places = tmp_path / "out" / "places.csv", tmp_path / "out" / "places.geojson"
    words = ["predict", str(run), photo, "--device", "cpu"]
    assert main([*words, "--format", "csv", "--out", str(table)]) == 0
    assert main([*words, "--format", "geojson", "--out", str(places)]) == 0
    (row,) = csv.DictReader(io.StringIO(table.read_text()))
    (feature,) = json.loads(places.read_text())["features"]
    longitude, latitude = feature["geometry"]["coordinates"]
    assert float(row["latitude_refined"]) == pytest.approx(latitude, abs=1e-6)
    assert float(row["longitude_refined"]) == pytest.approx(longitude, abs=1e-6)


def test_known_metadata_reach_the_model(
    run: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", str(run), str(photos / "img_0000.jpg"), "--device", "cpu"]
    answers = []
    for known in ([], ["--region", "3"], ["--heading", "200"]):
        assert main([*words, *known]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        answers.append(found["latitude"])
    assert len(set(answers)) == 3
    assert main([*words, "--region", "99"]) == 1
    assert "'99'" in capsys.readouterr().err


def test_an_unreadable_photo_is_named_and_the_others_are_written(
    run: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    assert main(["predict", str(run), str(photos), "--device", "cpu"]) == 1
    told = capsys.readouterr()
    assert len(json.loads(told.out)) == 2
    assert "error: " in told.err
    assert "broken.jpg" in told.err


def test_a_folder_without_photos_is_a_mistake(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(tmp_path)]) == 1
    assert "holds no photo" in capsys.readouterr().err
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "a.png")
    assert main(["predict", str(run), str(tmp_path / "a.png"), "--out", str(tmp_path)]) == 1
    assert "is a folder" in capsys.readouterr().err


def test_runs_lists_them(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(run.parent)]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["run", "state", "epoch"]
    assert row.split()[:3] == ["first", "finished", "2/2"]
    assert row.split()[-2:] == ["test_resnet", "-"]
