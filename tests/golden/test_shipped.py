"""The shipped checkpoint on photos of its own demo campus, as three commands write it.

And its first version, with a few of its training photos, on the photos around them.
"""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from tests.golden import compare
from tests.golden.compare import arithmetic, check_json, check_table, check_text

pytestmark = pytest.mark.slow

CHECKPOINT = "checkpoints/demo-campus"
RENDERED, STEP = 300, 3  # a photo in three, so that more regions and walks are seen
ANSWERED = 50
SHOWN_WHOLE = 5  # photos whose answers are stored with their areas
FIRST_VERSION = Path(__file__).parent / "first_version"
FIRST_PHOTOS = 150  # of the campus: its gallery holds those that it was trained on


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first of the photos that the checkpoint was trained, chosen and tested on."""
    folder = tmp_path_factory.mktemp("golden") / "demo"
    words = ["demo", "--out", str(folder), "--photos", str(RENDERED), "--seed", "7"]
    assert main([*words, "--workers", "1"]) == 0
    return folder


@pytest.fixture(scope="module")
def thinned(campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of them, from all their regions and walks: photos trained on, refused, flagged."""
    folder = tmp_path_factory.mktemp("golden") / "thinned"
    (folder / "images").mkdir(parents=True)
    shutil.copy(campus / "campus.toml", folder)
    head, *rows = (campus / "labels.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "labels.csv").write_text("".join([head, *rows[::STEP]]), encoding="utf-8")
    for path in sorted((campus / "images").iterdir())[::STEP]:
        shutil.copy(path, folder / "images")
    return folder


@pytest.fixture(scope="module")
def loose() -> bool:
    """Whether this machine rounds otherwise than the one that wrote the stored files."""
    path = compare.STORED / "arithmetic.json"
    if compare.UPDATE:
        path.write_text(json.dumps(arithmetic(), indent=1) + "\n", encoding="utf-8")
    return bool(json.loads(path.read_text(encoding="utf-8")) != arithmetic())


@pytest.fixture(autouse=True)
def project_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paths in a report are those that were typed."""
    monkeypatch.chdir(Path(__file__).resolve().parents[2])


def test_evaluate_writes_the_stored_report(thinned: Path, tmp_path: Path, loose: bool) -> None:
    words = ["evaluate", CHECKPOINT, str(thinned), "--split", "all", "--out", str(tmp_path)]
    assert main([*words, "--no-plots", "--device", "cpu"]) == 0
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    report = json.loads(text.replace(str(thinned), "DEMO"))
    check_json("report.json", report, loose)
    check_table("predictions.csv", (tmp_path / "predictions.csv").read_text(), loose)


def test_predict_writes_the_stored_answers(thinned: Path, tmp_path: Path, loose: bool) -> None:
    out, photos = tmp_path / "answers.json", tmp_path / "photos"
    photos.mkdir()
    # Every other one: the report beside has the answers of all.
    for path in sorted((thinned / "images").iterdir())[::2]:
        shutil.copy(path, photos)
    words = ["predict", CHECKPOINT, str(photos), "--device", "cpu"]
    assert main([*words, "--out", str(out)]) == 0
    answers = json.loads(out.read_text(encoding="utf-8"))
    assert len(answers) == ANSWERED
    if not loose:  # areas are outlines of a grid, and neighbours a list of names
        check_json("predict.json", answers[:: ANSWERED // SHOWN_WHOLE], loose)
    check_table("predict.csv", _headlines(answers), loose)


def test_the_first_version_answers_as_stored(campus: Path, tmp_path: Path, loose: bool) -> None:
    """Keypoints compared by an affine map, and a calibration that knows no unseen views."""
    checkpoint, photos = tmp_path / "first", tmp_path / "photos"
    shutil.copytree(FIRST_VERSION, checkpoint)
    card = json.loads((checkpoint / "card.json").read_text(encoding="utf-8"))
    shutil.copy(Path(CHECKPOINT) / card["weights"], checkpoint)
    names = json.loads((checkpoint / "gallery.json").read_text(encoding="utf-8"))["filenames"]
    photos.mkdir()
    for path in sorted((campus / "images").iterdir())[:FIRST_PHOTOS]:
        if path.name not in names:
            shutil.copy(path, photos)
    out = tmp_path / "answers.json"
    words = ["predict", str(checkpoint), str(photos), "--device", "cpu", "--keep-refused"]
    assert main([*words, "--out", str(out)]) == 0
    answers = json.loads(out.read_text(encoding="utf-8"))
    assert len(answers) == FIRST_PHOTOS - len(names)
    assert "unseen_probability" not in answers[0]
    check_table("first_version.csv", _headlines(answers), loose)


def _headlines(answers: list[dict[str, Any]]) -> str:
    """A line an answer: its plain values, and the names of its neighbours."""
    nested = {k for answer in answers for k, v in answer.items() if isinstance(v, dict | list)}
    plain = [key for key in answers[0] if key not in nested]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*plain, "neighbours"])
    for answer in answers:
        names = [found["filename"] for found in answer["neighbours"] or []]
        table.writerow([*(answer[key] for key in plain), ";".join(names)])
    return text.getvalue()


def test_an_audit_writes_the_stored_findings(tmp_path: Path) -> None:
    # The seed of the campus above, whose world is built.
    folder, out = tmp_path / "faulty", tmp_path / "findings.csv"
    words = ["demo", "--out", str(folder), "--photos", "160", "--seed", "7", "--faults", "0.25"]
    assert main([*words, "--workers", "1"]) == 0
    assert main(["audit", str(folder), "--out", str(out)]) == 0
    check_table("findings.csv", out.read_text(encoding="utf-8"))
    check_text("faults.csv", (folder / "faults.csv").read_text(encoding="utf-8"))
