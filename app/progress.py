"""How far an active job is, as a share and in words, with the time that is left."""

from dataclasses import dataclass

from app.durations import roughly
from app.learning import Events
from app.time_left import Pace, epochs_left, seconds_left
from core.training.schema import TrainConfig
from core.training.status import RunStatus

_STAGES = {
    "preparing": "preparing the data",
    "heads": "stage 1, heads",
    "fine-tune": "stage 2, fine-tuning",
    "gallery": "gathering the gallery",
}


@dataclass(frozen=True)
class Progress:
    """A share of the whole in [0, 1], and what is being done in words."""

    share: float
    words: str


def run_progress(
    config: TrainConfig, events: Events, status: RunStatus, measured: Pace
) -> Progress:
    """How far a training run is.

    Args:
        config: Its options.
        events: Its epochs so far.
        status: What it says of itself.
        measured: Seconds of an epoch, measured on it or on a run like it.
    """
    heads, tuning = epochs_left(config, events, status)
    left, of_what = seconds_left(config, events, status, measured), ""
    if left is None or status.stage not in ("heads", "fine-tune", "gallery"):
        # Before the first epoch of a stage has ended, its steps alone are measured.
        left, of_what = status.eta_s, " in this stage" if heads and tuning else ""
    # Without training there are no epochs, and only the gallery to gather.
    done = 1.0 - (heads + tuning) / config.planned_epochs if config.planned_epochs else 0.0
    return Progress(min(max(done, 0.0), 1.0), _words(status) + _in_words(left, of_what))


def parts_progress(status: RunStatus, left_s: float | None) -> Progress:
    """How far a job of several trainings is, from how many of them are done."""
    share = status.step / status.steps if status.steps else 0.0
    words = _sentence(status.stage)
    if status.steps and not any(letter.isdecimal() for letter in words):
        words += f": {status.step} of {status.steps} done"
    return Progress(min(share, 1.0), words + _in_words(left_s))


def _words(status: RunStatus) -> str:
    parts = []
    if status.epochs and status.epoch:
        parts.append(f"epoch {status.epoch:,} of {status.epochs:,}")
    if status.steps:
        parts.append(f"step {status.step} of {status.steps}")
    stage = _sentence(_STAGES.get(status.stage, status.stage))
    return f"{stage}: {', '.join(parts)}" if parts else stage


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _in_words(left_s: float | None, of_what: str = "") -> str:
    return f", {roughly(left_s)} left{of_what}" if left_s else ""
