"""Stands for the process that makes checks: each of these ends in another way."""

import os
import sys
import time
from pathlib import Path

from benchmarks.gpu.checks import Check, NotRunError, Recorder, Settings, WrongResultError
from benchmarks.gpu.conduct import work


def _right(settings: Settings, seconds: float, recorder: Recorder) -> None:
    recorder.figure("photos_per_s", 2587.123456)


def _wrong(settings: Settings, seconds: float, recorder: Recorder) -> None:
    raise WrongResultError("the losses differ")


def _not_run(settings: Settings, seconds: float, recorder: Recorder) -> None:
    raise NotRunError("it needs two GPUs")


def _broken(settings: Settings, seconds: float, recorder: Recorder) -> None:
    recorder.figure("before", 1)
    raise ZeroDivisionError("by zero")


def _dying(settings: Settings, seconds: float, recorder: Recorder) -> None:
    sys.stderr.write("the driver is gone\n")
    sys.stderr.flush()
    os._exit(7)


def _endless(settings: Settings, seconds: float, recorder: Recorder) -> None:
    recorder.figure("rounds", 3)
    while True:
        time.sleep(0.1)


CHECKS = [
    Check("right", "A right one", 1.0, _right, 0.0),
    Check("wrong", "A wrong one", 1.0, _wrong, 0.0),
    Check("not-run", "One that cannot be made", 1.0, _not_run, 0.0),
    Check("broken", "One that raises", 1.0, _broken, 0.0),
    Check("dying", "One that ends its process", 1.0, _dying, 0.0),
    Check("last", "One after those", 1.0, _right, 0.0),
    # Shares of next to nothing: its time is over at once.
    Check("endless", "One without an end", 1e-9, _endless, 0.0),
    Check("after", "One after the endless one", 1.0, _right, 0.0),
    Check("late", "One that needs more time than is left", 1.0, _right, 1e9),
]


def main(words: list[str]) -> int:
    """Make the named checks."""
    named = [check for check in CHECKS if check.name in words[2:]]
    work(Settings.model_validate_json(words[0]), named, Path(words[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
