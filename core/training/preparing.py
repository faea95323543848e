"""Being alive, and listening, while the photos of a run are decoded."""

import time

from core.training.feature_cache import Watch
from core.training.interrupt import Interruption
from core.training.processes import Processes
from core.training.run_folder import RunFolder
from core.training.status import HEARTBEAT_S, own_status


def watch_preparation(run: RunFolder, interruption: Interruption, processes: Processes) -> Watch:
    """What keeps the heartbeat while photos are decoded, and notices requests to stop there.

    Several processes take turns at decoding, so there they go on to the first step, where all of
    them agree to stop.

    Raises:
        TrainingInterrupted: The run was asked to stop before this.
    """
    status = own_status()

    def watch(done: int, total: int) -> None:
        nonlocal status
        if processes.count == 1 and interruption.wanted():
            raise interruption.error("while the photos were prepared")
        clock = time.time()
        if processes.is_main and clock - status.heartbeat >= HEARTBEAT_S:
            status = status.model_copy(update={"heartbeat": clock, "step": done, "steps": total})
            run.write_status(status)

    watch(0, 0)
    return watch
