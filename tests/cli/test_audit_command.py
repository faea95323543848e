"""`python -m core audit`."""

from pathlib import Path

import pandas as pd
import pytest

from core.__main__ import main


def test_findings_are_summed_up_and_written(
    small_campus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = small_campus / "labels.csv"
    table = pd.read_csv(labels, dtype=str)
    table.loc[2, "angle"] = "372"
    table.to_csv(labels, index=False)
    before = labels.read_bytes()
    out = tmp_path / "findings.csv"
    assert main(["audit", str(small_campus), "--no-photos", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "heading_out_of_range  1" in shown
    assert "1 finding about 1 photo in 48 rows" in shown
    assert pd.read_csv(out)["finding"].tolist() == ["heading_out_of_range"]
    assert labels.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nowhere"], "there is no dataset folder"),
        (["nowhere", "--min-score", "2"], "--min-score must be at most 1"),
        (["nowhere", "--out", "."], "is a folder"),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    words: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *words]) == 1
    assert error in capsys.readouterr().err


def test_accept_by_rule_and_undo(small_campus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = small_campus / "labels.csv"
    table = pd.read_csv(labels, dtype=str)
    table.loc[2, "angle"] = "372"
    table.loc[3, "angle"] = "360"
    table.to_csv(labels, index=False)
    command = ["audit", str(small_campus), "--no-photos"]
    assert main([*command, "--accept", "heading_out_of_range,heading_360"]) == 0
    shown = capsys.readouterr()
    assert "1 repairs accepted by rule, for findings with a score of 0.9 or more" in shown.err
    assert "repairs.csv: 1 accepted and 0 rejected, 1 of them by rule" in shown.out
    assert main([*command, "--accept", "heading_360", "--min-score", "0.3"]) == 0
    assert len(pd.read_csv(small_campus / "repairs.csv")) == 2
    assert main([*command, "--undo", "heading_360"]) == 0
    assert len(pd.read_csv(small_campus / "repairs.csv")) == 1
    assert main([*command, "--undo", "last"]) == 0
    assert not (small_campus / "repairs.csv").exists()
    assert main([*command, "--accept", "nothing_such"]) == 1
    assert "there is no kind of finding nothing_such" in capsys.readouterr().err
