"""One run of the reference recipe, from a dataset to a report."""

import resource
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from benchmarks.baseline_report import BaselineOutput, scored, write_report
from benchmarks.reference_recipe.answers import Answers, answer
from benchmarks.reference_recipe.learn import Say
from benchmarks.reference_recipe.lessons import read_lessons
from core.errors import ConfigError
from core.evaluation.report import Report
from core.evaluation.scores import ScoredPrediction
from core.geo import Floats
from core.training.data import TrainingData
from core.training.schema import TrainConfig

NEIGHBOURS = 5


@dataclass(frozen=True)
class ReferenceRun:
    """A run of the recipe.

    Attributes:
        report: Of its answers.
        oracle: The answers when it is given a part of the truth, beside the truth.
        cpu_seconds: Processor time that it took.
    """

    report: Report
    oracle: ScoredPrediction
    cpu_seconds: float


def run_reference(config: TrainConfig, say: Say) -> ReferenceRun:
    """Train and judge the reference recipe; `config.run` gets the report.

    Of the options, those count that say on what and how long: dataset, split, backbone, weights,
    input, epochs of both stages, schedule, batch size, seed. The rest is the reference's own. A
    run that was killed goes on with the network at work.

    Raises:
        BearingsError: As the rooms say.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    config.run.mkdir(parents=True, exist_ok=True)
    began, used = time.monotonic(), processor_seconds()
    lessons = read_lessons(config)
    answers = answer(lessons, config.run, say)
    data = lessons.data
    oracle = _oracle(data, answers)
    if oracle.position is None or oracle.heading is None:
        raise ConfigError(f"{config.dataset} needs positions and headings for the reference recipe")
    cpu_seconds = round(processor_seconds() - used, 1)
    report = write_report(
        data,
        _baseline(data, answers.probabilities, answers.heading, answers.position_m),
        config.run,
        oracle={
            "told": "the true region, and for the position also the true heading",
            "position": asdict(oracle.position),
            "heading": asdict(oracle.heading),
        },
        recipe={"kind": "reference", "options": config.model_dump(mode="json")},
        seconds=round(time.monotonic() - began, 1),
        cpu_seconds=cpu_seconds,
    )
    return ReferenceRun(report, oracle, cpu_seconds)


def nearest_mean(data: TrainingData, position_m: Floats) -> Floats:
    """Mean of the five training positions nearest to each position `(n, 2)`."""
    taught = data.position_m[data.positioned_rows("train")]
    _, near = cKDTree(taught).query(position_m, k=np.arange(1, min(NEIGHBOURS, len(taught)) + 1))
    return np.asarray(taught[near].mean(axis=1))


def _baseline(
    data: TrainingData, probabilities: Floats, heading: Floats, position_m: Floats
) -> BaselineOutput:
    return BaselineOutput(probabilities, position_m, nearest_mean(data, position_m), heading)


def _oracle(data: TrainingData, answers: Answers) -> ScoredPrediction:
    """Figures as the teams printed them."""
    baseline = _baseline(
        data, answers.probabilities, answers.heading_oracle, answers.position_oracle_m
    )
    return scored(data, baseline)


def processor_seconds() -> float:
    """Seconds that this process has computed so far, on all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
