"""The reference recipe end to end on a tiny campus, honest and oracle kept apart."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.reference_recipe.lessons import read_lessons
from benchmarks.reference_recipe.networks import ReferenceNetwork
from benchmarks.reference_recipe.run import ReferenceRun, nearest_mean, run_reference
from core.comparison.compare import compare
from core.evaluation.schema import CompareConfig
from core.evaluation.stored_reports import read_evaluated_model
from core.model.schema import ModelConfig
from core.training.schema import SplitConfig, Stage1Config, Stage2Config, TrainConfig


def options(dataset: Path, run: Path) -> TrainConfig:
    """One epoch a stage of the smallest network."""
    return TrainConfig(
        dataset=dataset,
        run=run,
        model=ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0),
        stage1=Stage1Config(epochs=1),
        stage2=Stage2Config(epochs=1),
        split=SplitConfig(protocol="spot"),
        batch_size=16,
        threads=1,
    )


@pytest.fixture(scope="module")
def judged(
    shared_campus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainConfig, ReferenceRun, list[str]]:
    """A run, its report and what it said."""
    config = options(shared_campus, tmp_path_factory.mktemp("reference"))
    said: list[str] = []
    return config, run_reference(config, said.append), said


def test_it_writes_a_report_that_comparisons_read(
    judged: tuple[TrainConfig, ReferenceRun, list[str]],
) -> None:
    config, run, said = judged
    report = run.report
    assert len(said) == 6
    assert report.split.part == "test"
    assert report.n == len(read_evaluated_model(config.run).table)
    assert run.oracle.position.raw.median_m > 0.0
    same = compare(
        read_evaluated_model(config.run, "a"),
        read_evaluated_model(config.run, "b"),
        CompareConfig(),
    )
    assert same.photos == report.n


def test_a_killed_run_keeps_the_networks_that_it_had(
    judged: tuple[TrainConfig, ReferenceRun, list[str]],
) -> None:
    config, run, _ = judged
    (config.run / "position.npz").unlink()
    said: list[str] = []
    again = run_reference(config, said.append)
    assert {line.split()[0] for line in said} == {"position"}
    assert again.report.position == run.report.position


def test_refinement_is_the_mean_of_the_five_nearest_training_positions(
    judged: tuple[TrainConfig, ReferenceRun, list[str]],
) -> None:
    data = read_lessons(judged[0]).data
    asked = np.array([[30.0, 100.0]])
    taught = data.position_m[data.rows["train"]]
    order = np.argsort(np.hypot(*(taught - asked).T), kind="stable")[:5]
    assert np.allclose(nearest_mean(data, asked), taught[order].mean(axis=0), atol=1e-6)


def test_positions_are_scaled_to_the_training_part(
    judged: tuple[TrainConfig, ReferenceRun, list[str]],
) -> None:
    lessons = read_lessons(judged[0])
    scaled = lessons.targets(lessons.data.rows["train"]).position
    assert float(scaled.min()) == 0.0
    assert float(scaled.max()) == 1.0


def test_each_network_hears_only_what_the_reference_feeds_it() -> None:
    images = torch.rand(2, 3, 32, 32)
    config = ModelConfig(backbone="test_resnet", weights="random", input_size=32, place_anchors=0)
    fed = torch.tensor([0, 1]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    other = torch.tensor([2, 0]), torch.tensor([[0.0, -1.0], [-1.0, 0.0]])
    heard = {"region": (False, False), "heading": (True, False), "position": (True, True)}
    for task, (region, heading) in heard.items():
        network = ReferenceNetwork(task, config, 3).eval()  # type: ignore[arg-type]
        with torch.no_grad():
            same = network(images, *fed)
            assert torch.equal(same, network(images, other[0], fed[1])) != region
            assert torch.equal(same, network(images, fed[0], other[1])) != heading
