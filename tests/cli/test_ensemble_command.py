"""`ensemble` as a user types it."""

import json
from pathlib import Path

import pytest

from core.__main__ import main
from tests.tiny_checkpoint import make_checkpoint


@pytest.fixture(scope="module")
def pair(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("pair")
    return [str(make_checkpoint(root / name, shared_campus, seed=i)) for i, name in enumerate("ab")]


def test_two_become_a_model_that_evaluate_and_predict_take(
    pair: list[str], shared_campus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, campus = str(tmp_path / "two"), str(shared_campus)
    words = ["--weights", "fitted", "--agree-m", "15", "--dataset", campus, "--device", "cpu"]
    assert main(["ensemble", *pair, "--out", out, *words]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    assert "ensemble             weight 1.000" in said.err
    assert "fitted to 6 photos" in said.err
    assert main(["evaluate", out, campus, "--split", "all", "--device", "cpu", "--no-plots"]) == 0
    capsys.readouterr()
    assert main(["predict", out, f"{campus}/images/img_0000.jpg", "--device", "cpu"]) == 0
    record = json.loads(capsys.readouterr().out)[0]
    assert record["member_spread_m"] >= 0.0
    assert 0.0 <= record["member_spread_deg"] <= 180.0


def test_members_of_two_splits_are_refused_by_name(
    pair: list[str], make_campus: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_campus(tmp_path / "other", spots=4)  # type: ignore[operator]
    stranger = make_checkpoint(tmp_path / "stranger", other, seed=5)
    assert main(["ensemble", *pair, str(stranger), "--out", str(tmp_path / "x")]) == 1
    said = capsys.readouterr().err
    assert f"member {stranger} was trained on split" in said
    assert "the others on split" in said
    assert not (tmp_path / "x").exists()
