"""What a run writes into a folder that nobody else sees, told line by line while it runs."""

from collections.abc import Callable
from pathlib import Path

from core.cluster.task import marked
from core.files import read_json_lines
from core.training.run_folder import RunFolder


class Relay:
    """Tells new lines of the log, new epochs and the status of a run."""

    def __init__(self, place: Path, say: Callable[[str], None]) -> None:
        """Begin with what lies in `place` now: a run that goes on has told that before."""
        self._run = RunFolder(path=place)
        self._say = say
        self._log = self._run.log_path.stat().st_size if self._run.log_path.exists() else 0
        self._epochs = len(self._run.events())
        self._status = self._run.status()

    def tell(self) -> None:
        """Say what is new since the last time."""
        if self._run.log_path.exists():
            with self._run.log_path.open("rb") as stream:
                stream.seek(self._log)
                text = stream.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._log += len(whole)
            if whole:
                self._say(whole.decode("utf-8", errors="replace"))
        events = read_json_lines(self._run.path / "events.jsonl")
        for event in events[self._epochs :]:
            self._say(marked({"event": event}))
        self._epochs = len(events)
        status = self._run.status()
        if status is not None and status != self._status:
            self._status = status
            self._say(marked({"status": status.model_dump(mode="json")}))
