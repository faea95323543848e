"""A demo campus of which somebody labelled only a part, by the commands that a person types."""

import json
from pathlib import Path

import pytest

from core.__main__ import main
from tests.stripped_demo import STRIPPED, Stripped, stripped_demo

TINY = (
    "--backbone", "test_resnet", "--weights", "random", "--input-size", "32", "--epochs", "1",
    "--device", "cpu", "--threads", "1", "--model.place-anchors", "8", "--gallery-points", "12",
    "--no-export-onnx",
)  # fmt: skip
LEARNED = {
    "positions": ["position", "region"],
    "regions": ["region"],
    "half_headings": ["position", "heading", "region"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", STRIPPED)
def test_a_stripped_demo_is_looked_at_trained_evaluated_and_audited(
    kind: Stripped, whole_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campus = str(stripped_demo(tmp_path / "campus", kind, demo=whole_demo))
    run = str(tmp_path / "run")
    assert main(["look", campus, "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["photos"] == 96
    assert seen["with_heading"] == (48 if kind == "half_headings" else 0)
    assert main(["train", campus, "--run", run, *TINY]) == 0
    card = json.loads((tmp_path / "run" / "checkpoints" / "best" / "card.json").read_text())
    # All three labels are not written.
    assert card.get("labels", LEARNED["half_headings"]) == LEARNED[kind]
    assert main(["evaluate", run, "--out", str(tmp_path / "report"), "--no-plots"]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    for label in ("position", "heading", "region"):
        assert (report[label] is not None) == (label in LEARNED[kind])
    assert main(["audit", campus, "--no-photos"]) == 0
