"""An ensemble is calibrated as a whole; its members keep what was measured of them alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.calibration.calibrate import calibrate
from core.calibration.schema import CalibrateConfig
from core.confidence.files import FILE
from core.ensemble.make import make_ensemble
from core.ensemble.schema import EnsembleConfig
from core.inference.loading import load_predictor


@pytest.fixture
def together(
    trio: tuple[Path, ...], shared_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Two members, the first of them calibrated before."""
    monkeypatch.setattr("core.calibration.calibrate.LEAST", 2)
    first = shutil.copytree(trio[0], tmp_path / "first")
    calibrate(CalibrateConfig(run=first, dataset=shared_campus, device="cpu"))
    out = tmp_path / "two"
    make_ensemble(EnsembleConfig(members=(first, trio[1]), out=out, dataset=shared_campus))
    return out


def test_calibrating_an_ensemble_leaves_its_members_alone(
    together: Path, shared_campus: Path
) -> None:
    (kept,) = together.glob(f"members/*/{FILE}")
    before = kept.read_bytes()
    assert load_predictor(together).loaded.calibration is None
    calibrate(CalibrateConfig(run=together, dataset=shared_campus, device="cpu"))
    assert kept.read_bytes() == before
    predictor = load_predictor(together)
    found = predictor.predict_photos(np.zeros((1, predictor.store_size, predictor.store_size, 3),
                                              np.uint8))  # fmt: skip
    assert found.confidence is not None
    assert found.evidence is not None
    # Neighbours of both members stand side by side, and weigh 1 together.
    assert set(found.evidence.source.tolist()) == {0, 1}
    assert found.evidence.weights(0.03).sum() == pytest.approx(1.0)
    assert found.confidence.density.weight.sum() == pytest.approx(1.0)
    assert "not calibrated" not in " ".join(found.notes)
