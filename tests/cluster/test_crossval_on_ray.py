"""A cross-validation whose folds are jobs of a real Ray."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from core.cluster.record import read_ray
from core.crossval.folder import fold_run
from core.crossval.report import read_report
from core.crossval.run import cross_validate
from core.jobs.conductor import ComputeTarget
from tests.crossval.conftest import tiny_crossval


@pytest.mark.slow
def test_folds_on_ray_are_pooled_here(
    ray_cluster: SimpleNamespace, shared_campus: Path, tmp_path: Path
) -> None:
    split = {"folds": 2}
    here = tiny_crossval(shared_campus, tmp_path / "here", split=split, stage2={"epochs": 1})
    there = here.model_copy(update={"run": tmp_path / "there"})
    report = cross_validate(there, target=ComputeTarget(None, ray_cluster.address, {"cpus": 1.0}))
    for number in range(2):
        record = read_ray(fold_run(there.out, number).path)
        assert record is not None
        assert record.address == ray_cluster.address
    cross_validate(here)
    assert report.summary == read_report(here.out).summary
