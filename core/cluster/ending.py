"""How a job on a cluster ended, by its own word where it gave one, else by the cluster's."""

import re
import time

from core.cluster.client import JobLook
from core.cluster.record import RayRecord
from core.training.run_folder import RunFolder
from core.training.status import State, own_status

# A network file system may show a file some seconds after it was written.
_PATIENCE_S = 10.0
_POLL_S = 0.5
_EXIT = re.compile(r"exit code (-?\d+)")


def conclude(run: RunFolder, record: RayRecord, look: JobLook, last_error: str) -> State:
    """See to it that the status of a job says how it ended, and return that.

    Args:
        run: The job's folder.
        record: What was submitted.
        look: What the cluster says; an ended state.
        last_error: What the command wrote last about a failure.
    """
    said = _own_word(run, record)
    if said is not None:
        return said
    state, message = _from_cluster(look, last_error)
    status = run.status() or own_status()
    ended = {"state": state, "message": message, "heartbeat": time.time(), "eta_s": None}
    run.write_status(status.model_copy(update=ended))
    run.log(f"{state}: {message}")
    run.clear_stop()
    return state


def _own_word(run: RunFolder, record: RayRecord) -> State | None:
    """The end that the command itself wrote; None where it did not come to that."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        status = run.status()
        begun = status is not None and status.heartbeat != record.heard
        if status is not None and begun and status.state != "running":
            return status.state
        if (not begun and record.host == "") or time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_S)


def _from_cluster(look: JobLook, last_error: str) -> tuple[State, str]:
    if look.state == "STOPPED":
        return "cancelled", "stopped on the cluster before it could save; resume it to go on"
    if look.state == "SUCCEEDED":
        return "failed", "the command ended on the cluster without a word of how"
    return "failed", last_error or _why(look.message)


def _why(message: str) -> str:
    """The cause of a failure in one sentence, from what Ray says of it."""
    code = _EXIT.search(message)
    if code is not None and code[1] in ("-9", "137"):
        return (
            "killed on the cluster (SIGKILL): by someone, or because its machine ran out of "
            "memory; resume it to go on from the last epoch"
        )
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if code is not None:
        return f"ended on the cluster with exit code {code[1]}: {lines[-1]}"
    return lines[-1] if lines else "the cluster says that it failed, and not why"
