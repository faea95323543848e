from pathlib import Path

import pytest

from core.inference.predictor import Predictor, load_predictor
from tests.tiny_checkpoint import make_checkpoint


@pytest.fixture(scope="session")
def checkpoint(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint"), shared_campus)


@pytest.fixture(scope="session")
def predictor(checkpoint: Path) -> Predictor:
    return load_predictor(checkpoint)
