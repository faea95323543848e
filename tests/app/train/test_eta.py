"""Estimates follow from measured epochs, and stay away where none was measured."""

from pathlib import Path
from typing import Any

import pytest

from app.train.eta import Pace, likeness, pace, paces, seconds_left
from app.wording import roughly
from core.training.run_folder import RunStatus, own_status
from core.training.schema import TrainConfig


def config(heads: int = 4, tuning: int = 10, **options: Any) -> TrainConfig:  # noqa: ANN401
    stages = {"stage1": {"epochs": heads}, "stage2": {"epochs": tuning}}
    return TrainConfig.model_validate({"dataset": Path("d"), "run": Path("r"), **stages, **options})


def epochs(heads: int, tuning: int, heads_s: float = 2.0, tuning_s: float = 30.0) -> list[Any]:
    stages = ["heads"] * heads + ["fine-tune"] * tuning
    seconds = [heads_s] * heads + [tuning_s] * tuning
    both = zip(stages, seconds, strict=True)
    return [{"stage": a, "epoch": n, "seconds": b} for n, (a, b) in enumerate(both, 1)]


def at(stage: str, epoch: int, step: int = 0, steps: int = 10) -> RunStatus:
    changes = {"stage": stage, "epoch": epoch, "step": step, "steps": steps}
    return own_status().model_copy(update=changes)


def test_the_rest_of_both_stages_is_counted_and_the_epoch_at_work_by_its_part() -> None:
    measured = Pace(heads_s=2.0, tuning_s=30.0)
    left = seconds_left(config(), epochs(1, 0), at("heads", 2, step=5), measured)
    assert left == pytest.approx(2.5 * 2 + 10 * 30)


def test_a_first_stage_that_ended_early_is_over() -> None:
    events = epochs(2, 3)
    left = seconds_left(config(), events, at("fine-tune", 6, step=1), pace(events))
    assert left == pytest.approx((10 - 3 - 0.1) * 30)


def test_an_epoch_that_was_told_already_counts_once() -> None:
    events = epochs(4, 3)
    left = seconds_left(config(), events, at("fine-tune", 7, step=10), pace(events))
    assert left == pytest.approx(7 * 30)


def test_what_was_never_measured_is_not_guessed() -> None:
    events = epochs(3, 0)
    assert seconds_left(config(), events, at("heads", 4), pace(events)) is None
    assert seconds_left(config(), [], None, Pace()) is None
    assert seconds_left(config(tuning=0), events, at("heads", 4), pace(events)) == 2.0


def test_the_pace_is_that_of_the_last_epochs_and_one_slow_epoch_does_not_rule() -> None:
    seconds = [100.0, 100.0, 10.0, 10.0, 500.0, 12.0, 12.0]
    events = [{"stage": "fine-tune", "epoch": n, "seconds": s} for n, s in enumerate(seconds)]
    assert pace(events) == Pace(None, 12.0)


def test_only_runs_of_a_kind_lend_their_pace() -> None:
    known = paces([(config(), epochs(2, 2)), (config(batch_size=8), epochs(0, 1, tuning_s=99.0))])
    assert known[likeness(config(tuning=3, seed=5))] == Pace(2.0, 30.0)
    assert known[likeness(config(batch_size=8))] == Pace(None, 99.0)
    assert likeness(config(model={"backbone": "resnet34"})) not in known


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20.0, "less than a minute"),
        (700.0, "about 12 min"),
        (3599.0, "about 1 h"),
        (11_999.0, "about 3 h 20 min"),
        (200_000.0, "about 2 days"),
    ],
)
def test_estimates_are_said_roughly(seconds: float, words: str) -> None:
    assert roughly(seconds) == words
