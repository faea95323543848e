"""The ablation: what its variants are, that it goes on after a kill, and what its tables say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.ablation.__main__ import main
from benchmarks.ablation.intervals import gap
from benchmarks.ablation.markdown import ratios
from benchmarks.ablation.pieces import Piece, Plan
from benchmarks.ablation.plan import Variant, read_plan, variants
from benchmarks.ablation.plans import PLANS
from benchmarks.ablation.tables import Judged
from benchmarks.ablation.tasks import Protocol, tasks
from core.errors import ConfigError

PLAN = Plan(
    "--epochs 2",
    (Piece("ema", "--ema-decay 0.9", "--ema-decay 0"), Piece("no crop", "--p-known 1", full=False)),
    (("long", "--epochs 9"),),
)


def test_every_piece_is_added_to_the_base_and_taken_from_the_full_recipe() -> None:
    found = variants(PLAN)
    assert list(found) == [
        "reference", "frozen-logistic", "frozen-ridge", "base", "full", "base + ema",
        "base + no crop", "full - ema", "long",
    ]  # fmt: skip
    assert found["full"].words == ("--epochs", "2", "--ema-decay", "0.9")
    assert found["base"].words == ("--epochs", "2", "--ema-decay", "0")
    assert found["base + no crop"].words[-2:] == ("--p-known", "1")
    assert (found["full - ema"].against, found["base + ema"].against) == ("full", "base")
    assert found["long"].against is None


def test_a_piece_comes_with_what_it_needs_and_goes_with_it() -> None:
    pieces = (
        Piece("places", "--model.place-anchors 8", "--model.place-anchors 0"),
        Piece("answer", "--model.position-head anchors", needs=("places",)),
    )
    found = variants(Plan("", pieces))
    both = ("--model.place-anchors", "8", "--model.position-head", "anchors")
    assert found["base + answer"].words == found["full"].words == both
    assert found["base + answer"].against == "base + places"
    assert found["full - places"].words == ("--model.place-anchors", "0")
    assert found["full - answer"].words == ("--model.place-anchors", "8")
    with pytest.raises(ConfigError, match="put that piece before it"):
        variants(Plan("", pieces[::-1]))


@pytest.mark.parametrize("name", list(PLANS))
def test_every_variant_of_the_plans_is_a_legal_run(name: str) -> None:
    every = list(variants(PLANS[name]).values())
    made = list(tasks(every, [0], Protocol("spot"), Path("d"), Path("o"), 1))
    assert len({task.key for task in made}) == len(made)


def test_other_options_are_another_run_and_other_seeds_share_the_split() -> None:
    def made(epochs: str, seed: int) -> tuple[str, int]:
        variant = Variant("base", "train", ("--epochs", epochs))
        (task,) = tasks([variant], [seed], Protocol("spot", 5), Path("d"), Path("o"), 1)
        return task.key, task.config.split.seed

    assert made("2", 0) != made("3", 0)
    assert made("2", 0)[0] != made("2", 1)[0]
    assert made("2", 0)[1] == made("2", 1)[1] == 5


def test_an_unknown_plan_or_variant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no plan nowhere"):
        read_plan("nowhere")
    assert main([str(tmp_path), "--out", str(tmp_path / "o"), "--only", "nothing"]) == 2


def judged(name: str, error_m: float, right: float, deg: float = 10.0) -> Judged:
    """Two seeds of 40 photos, two a spot."""
    wrong = np.arange(40) >= 40 * right
    table = pd.DataFrame(
        {
            "photo_id": [f"p{number:02d}" for number in range(40)],
            "true_region": ["1"] * 40,
            "region": np.where(wrong, "2", "1"),
            "region_head": np.where(wrong, "2", "1"),
            "error_m": error_m,
            "error_refined_m": error_m,
            "heading_error_deg": deg,
            "heading_error_refined_deg": deg,
            "true_north_m": np.repeat(np.arange(20) * 50.0, 2),
            "true_east_m": 0.0,
        }
    )
    return Judged(name, {0: table, 1: table}, 5.0)


def test_intervals_and_ratios_say_how_a_variant_stands_to_a_baseline() -> None:
    baseline, ours = judged("reference", 40.0, 0.5), judged("full", 10.0, 0.75, 7.0)
    found = gap(baseline, ours)
    assert np.allclose(found.difference, [0.25, -30.0, -3.0])
    assert np.allclose(found.interval[1:], [[-30.0, -30.0], [-3.0, -3.0]])
    low, high = found.interval[0]
    assert 0.0 < low < 0.25 < high
    lines = list(
        ratios("reference", [Variant("full", "train", ())], {"reference": baseline, "full": ours})
    )
    assert lines[-1].startswith("| full | 0.50 | 0.25 | 0.70 | +25.0 (")


def test_a_plan_runs_resumes_and_prints(
    shared_campus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    common = (
        "--backbone test_resnet --weights {weights} --input-size 32 --epochs 1 --stage1.epochs 1 "
        "--stage1.views 1 --batch-size 16 --gallery-points 0"
    )
    pieces = [{"name": "ema", "on": "--ema-decay 0.9"}]
    plan.write_text(json.dumps({"common": common, "pieces": pieces}), encoding="utf-8")
    words = [
        str(shared_campus), "--out", str(tmp_path / "out"), "--plan", str(plan), "--weights",
        "random", "--seeds", "0", "--only", "reference,frozen-ridge,base,base + ema",
    ]  # fmt: skip
    assert main(words) == 0
    results = tmp_path / "out" / "results.jsonl"
    first = results.read_text(encoding="utf-8")
    assert len(first.splitlines()) == 4
    printed = capsys.readouterr().out
    assert "| base + ema | 1 |" in printed
    assert "| base | " in printed.split("reference against")[1]
    assert main([*words, "--table"]) == 0
    assert capsys.readouterr().out == printed
    # A run that was killed before its report goes on; the others are left alone.
    (report,) = (tmp_path / "out" / "runs").glob("base-spot-s0-*/reports/test/report.json")
    report.unlink()
    assert main(words) == 0
    again = results.read_text(encoding="utf-8").splitlines()
    assert len(again) == 5
    old, new = json.loads(again[2]), json.loads(again[4])
    assert (new["key"], new["resumed"]) == (old["key"], True)
    assert new["median_refined_m"] == old["median_refined_m"]
