"""Learning rates over a stage."""

import pytest

from core.training.optimiser import plateau_after, rate_factor
from core.training.schema import ScheduleConfig

STEPS, PER_EPOCH = 100, 10


def _curve(kind: str, **changes: float) -> list[float]:
    config = ScheduleConfig.model_validate({"kind": kind, **changes})
    return [rate_factor(config, step, STEPS, PER_EPOCH) for step in range(STEPS)]


def test_cosine_rises_for_the_warmup_then_falls_to_nothing() -> None:
    curve = _curve("cosine", warmup_epochs=2)
    assert curve[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    assert curve[20] == 1.0
    assert curve[60] == pytest.approx(0.5)
    assert curve == sorted(curve[:21]) + sorted(curve[21:], reverse=True)
    assert 0.0 < curve[-1] < 0.001


def test_without_warmup_cosine_begins_at_the_top() -> None:
    assert _curve("cosine", warmup_epochs=0)[0] == 1.0


def test_a_warmup_longer_than_the_stage_is_halved() -> None:
    assert max(_curve("cosine", warmup_epochs=20)) == 1.0


def test_one_cycle_peaks_after_30_percent() -> None:
    curve = _curve("one_cycle")
    assert curve[0] == pytest.approx(1 / 25)
    assert curve.index(max(curve)) == 30
    assert max(curve) == 1.0
    assert curve[-1] < 0.001


def test_plateau_stays_up_by_itself() -> None:
    assert set(_curve("plateau", warmup_epochs=0)) == {1.0}


def test_plateau_shrinks_after_its_patience_and_counts_anew() -> None:
    config = ScheduleConfig(kind="plateau", plateau_patience=1)
    factor, waited, seen = 1.0, 0, []
    for improved in (True, False, False, False, False, True, False):
        factor, waited = plateau_after(config, factor, waited, improved)
        seen.append(factor)
    assert seen == pytest.approx([1.0, 1.0, 0.3, 0.3, 0.09, 0.09, 0.09])


def test_other_schedules_never_shrink_on_a_plateau() -> None:
    factor, waited = 1.0, 0
    for _ in range(20):
        factor, waited = plateau_after(ScheduleConfig(), factor, waited, improved=False)
    assert factor == 1.0
