"""Three networks of one split, trained on nothing, and ensembles of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.ensemble.make import make_ensemble
from core.ensemble.schema import EnsembleConfig
from tests.tiny_checkpoint import make_checkpoint

Maker = Callable[..., Path]


@pytest.fixture(scope="session")
def trio(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Checkpoints `a`, `b`, `c`; read only."""
    root = tmp_path_factory.mktemp("trio")
    return tuple(
        make_checkpoint(root / name, shared_campus, seed=seed) for seed, name in enumerate("abc")
    )


@pytest.fixture(scope="session")
def ensemble(
    trio: tuple[Path, ...], shared_campus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Their ensemble by softmax; read only."""
    out = tmp_path_factory.mktemp("together") / "three"
    make_ensemble(EnsembleConfig(members=trio, out=out, dataset=shared_campus, weights="softmax"))
    return out
