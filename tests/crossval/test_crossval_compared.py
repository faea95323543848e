import json
import shutil
from pathlib import Path

import pytest

from core.__main__ import main
from core.crossval.judged import read_pooled
from core.errors import ConfigError
from core.evaluation.compare import compare
from core.evaluation.schema import CompareConfig

CONFIG = CompareConfig(draws=300)


def test_two_cross_validations_with_the_same_folds_compare_by_their_pooled_photos(
    shared_crossval: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(shared_crossval, tmp_path / "other"))
    first, second = read_pooled(shared_crossval), read_pooled(other)
    found = compare(first, second, CONFIG)
    pooled = json.loads((other / "crossval.json").read_text(encoding="utf-8"))["pooled"]
    assert found.photos == pooled["n"]
    median = next(each for each in found.differences if each.measure.name == "median_m")
    assert median.reference == pytest.approx(pooled["position"]["refined"]["median_m"], abs=1e-3)
    assert median.difference == 0.0
    assert main(["compare", str(shared_crossval), str(other), "--draws", "300"]) == 0
    assert "not distinguishable" in capsys.readouterr().out


def test_other_folds_are_not_ranked(shared_crossval: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(shared_crossval, tmp_path / "other"))
    report = json.loads((other / "crossval.json").read_text(encoding="utf-8"))
    report["folds"][0]["split_hash"] = "f" * 64
    (other / "crossval.json").write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(ConfigError, match="evaluated on other photos"):
        compare(read_pooled(shared_crossval), read_pooled(other), CONFIG)


def test_an_unfinished_one_says_how_to_finish_it(shared_crossval: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(shared_crossval, tmp_path / "other"))
    (other / "crossval.json").unlink()
    with pytest.raises(ConfigError, match="--resume"):
        read_pooled(other)
