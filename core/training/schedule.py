"""Learning-rate schedules: pure functions of progress, and plateau, which remembers."""

import math

from core.training.schema import ScheduleConfig

ONE_CYCLE_RISE = 0.3
ONE_CYCLE_START = 1 / 25


def rate_factor(config: ScheduleConfig, step: int, steps: int, steps_per_epoch: int) -> float:
    """What the highest learning rate is multiplied with at `step` of `steps` of a stage.

    Plateau's own shrinking comes on top. One-cycle follows Smith & Topin 2018 in the learning rate
    (cosine rise from 1/25 over 30 % of the steps, cosine fall to 0); AdamW's betas stay.
    """
    if config.kind == "one_cycle":
        rise = max(1.0, ONE_CYCLE_RISE * steps)
        if step < rise:
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * _eased(step / rise)
        return 1.0 - _eased((step - rise) / max(1.0, steps - rise))
    # Never longer than half of the stage: a short run must reach its learning rate.
    warmup = min(config.warmup_epochs * steps_per_epoch, steps / 2)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if config.kind == "plateau":
        return 1.0
    return 1.0 - _eased((step - warmup) / max(1.0, steps - warmup))


def plateau_after(
    config: ScheduleConfig, factor: float, waited: int, improved: bool
) -> tuple[float, int]:
    """Plateau's factor and epochs waited after an epoch that did or did not improve."""
    waited = 0 if improved else waited + 1
    if config.kind == "plateau" and waited > config.plateau_patience:
        return factor * config.plateau_factor, 0
    return factor, waited


def _eased(share: float) -> float:
    """Cosine from 0 at share 0 to 1 at share 1."""
    return 0.5 - 0.5 * math.cos(math.pi * min(1.0, max(0.0, share)))
