"""Writing down how a job ended, whatever way it did."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.training.interrupt import TrainingInterrupted
from core.training.run_folder import RunFolder
from core.training.status import State, own_status


@contextmanager
def recorded(run: RunFolder) -> Iterator[None]:
    """Keep `status.json` true for a block of work: running, then how it ended and why.

    For every job that has a folder: a training run, a cross-validation, a study. The folder must be
    held (`core.locks.hold`), so that nobody else writes the same file.
    """
    run.write_status(own_status())
    state: State = "cancelled"
    message = "left before its end"
    try:
        yield
        state, message = "finished", ""
    except TrainingInterrupted as error:
        message = str(error)
        raise
    except GeneratorExit:
        raise
    except BaseException as error:
        state, message = "failed", f"{type(error).__name__}: {error}"
        raise
    finally:
        ended = (run.status() or own_status()).model_copy(
            update={"state": state, "message": message, "heartbeat": time.time(), "eta_s": None}
        )
        run.write_status(ended)
        run.log(f"{state}{': ' if message else ''}{message}")
        run.clear_stop()
