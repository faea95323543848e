"""A fold that cannot be tested is one clear error, and costs no other fold."""

from pathlib import Path

import pytest

from core.crossval.run import cross_validate
from core.errors import RunError, SplitError
from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from tests.conftest import CampusMaker
from tests.crossval.conftest import tiny_crossval


def test_a_fold_without_test_photos_is_refused_before_any_training(
    make_campus: CampusMaker, tmp_path: Path
) -> None:
    """Three regions of one spot each: every fold must train on all of them."""
    root = make_campus(tmp_path / "campus", regions=3, spots=1, headings=(0.0, 90.0, 180.0, 270.0))
    with pytest.raises(SplitError, match=r"fold 0 of 3: .* leaves no photo for .*test") as found:
        cross_validate(tiny_crossval(root, tmp_path / "cv"))
    assert "\n" not in str(found.value)
    assert not list((tmp_path / "cv").glob("fold-*"))


@pytest.mark.usefixtures("inline")
def test_a_fold_that_cannot_be_evaluated_keeps_the_others(
    shared_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(config: EvaluateConfig, *rest: object) -> object:
        if config.run.name == "fold-1":
            raise SplitError("none of its photos has a heading")
        return evaluate(config, *rest)  # type: ignore[arg-type]

    config = tiny_crossval(shared_campus, tmp_path / "cv")
    with monkeypatch.context() as patch:
        patch.setattr("core.crossval.run.evaluate", broken)
        with pytest.raises(RunError, match=r"fold 1 cannot be evaluated: none of its photos"):
            cross_validate(config)
    for number in (0, 2):
        assert list((config.out / f"fold-{number}").glob("reports/*/answers.safetensors"))
    trained = [(config.out / f"fold-{n}" / "config.json").stat().st_mtime for n in range(3)]
    report = cross_validate(config, resume=True)
    assert report.pooled.n == 48
    assert trained == [(config.out / f"fold-{n}" / "config.json").stat().st_mtime for n in range(3)]
