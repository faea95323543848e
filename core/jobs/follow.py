"""Following a run: its epochs so far and the end of its log."""

from pathlib import Path
from typing import Any

from core.training.run_folder import RunFolder

# A log of weeks must not be read whole for its last lines.
_TAIL_BYTES = 64 * 1024


def read_events(run: Path) -> list[dict[str, Any]]:
    """All epochs of a run so far, oldest first; a line that is being written is left for later."""
    return RunFolder(path=run).events()


def log_tail(run: Path, lines: int = 40) -> str:
    """Last lines of a run's log, or nothing where there is none yet."""
    path = RunFolder(path=run).log_path
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    # A bar that redraws itself leaves its older states before the last return.
    shown = [line.rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]
    return "\n".join(shown[-lines:])
