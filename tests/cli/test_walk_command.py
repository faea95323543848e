import json
from pathlib import Path

import pytest

from core.__main__ import main
from core.demo.build import DemoConfig, build_demo

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--speed", "3"], "add --walk"),
        (["--walk", "--interval", "5"], "--order name"),
        (["--walk", "--order", "name", "--times", "t.csv"], "reads no times"),
        (["--walk", "--speed", "0"], "more than 0"),
        (["--walk"], "is not calibrated"),
    ],
)
def test_wrong_options_of_a_walk_are_refused(
    checkpoint: Path,
    shared_campus: Path,
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict", str(checkpoint), str(shared_campus / "images"), *words]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_walk_of_the_demo_campus_becomes_a_track(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = build_demo(DemoConfig(out=tmp_path / "demo", photos=6, seed=3, workers=1))
    words = ["predict", str(ROOT / "checkpoints" / "demo-campus"), str(demo / "images"), "--walk"]
    assert main([*words, "--device", "cpu"]) == 1
    assert "none of these photos has a time" in capsys.readouterr().err
    out = tmp_path / "walk.json"
    times = ["--times", str(demo / "labels.csv"), "--out", str(out), "--device", "cpu"]
    assert main([*words, *times, "--keep-refused"]) == 0
    assert "6 of 6 photos are on the track" in capsys.readouterr().err
    entries = json.loads(out.read_text(encoding="utf-8"))
    assert [entry["seconds"] for entry in entries] == sorted(e["seconds"] for e in entries)
    assert all(entry["radius_90_m"] > 0.0 for entry in entries)
