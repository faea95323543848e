import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from core.confidence.files import FILE
from core.dataset.splits import Split
from core.dataset.store import prepare_dataset
from core.inference.loading import load_predictor
from core.training.calibrated import calibrate_run
from tests.tiny_checkpoint import STORE_SIZE


@pytest.fixture
def ended(checkpoint: Path, shared_campus: Path, tmp_path: Path) -> Any:  # noqa: ANN401
    """A run that has just written its card: run folder, options and data."""
    folder = tmp_path / "best"
    shutil.copytree(checkpoint, folder)
    dataset, store = prepare_dataset(shared_campus, STORE_SIZE)
    split = Split.from_json(json.loads((folder / "split.json").read_text()))
    said: list[str] = []
    rows = {part: split.rows(dataset, part) for part in ("train", "val", "calibrate", "test")}
    return SimpleNamespace(
        run=SimpleNamespace(best=folder, log=said.append),
        data=SimpleNamespace(dataset=dataset, store=store, split=split, rows=rows),
        said=said,
    )


def finish(ended: Any) -> None:  # noqa: ANN401
    calibrate_run(ended.run, cast(Any, SimpleNamespace(batch_size=16)), ended.data, "cpu")


def test_a_run_ends_with_a_calibration(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setattr("core.training.calibrated.LEAST", 2)
    monkeypatch.setattr("core.calibration.calibrate.LEAST", 2)
    finish(ended)
    assert (ended.run.best / FILE).exists()
    photo = np.zeros((1, STORE_SIZE, STORE_SIZE, 3), np.uint8)
    assert load_predictor(ended.run.best).predict_photos(photo).trust is not None
    assert "calibrated on the" in ended.said[0]


def test_a_run_with_too_few_photos_ends_without_and_says_so(ended: Any) -> None:  # noqa: ANN401
    finish(ended)
    assert not (ended.run.best / FILE).exists()
    assert ended.said[0].startswith("not calibrated")
