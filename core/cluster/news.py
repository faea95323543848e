"""What the log of a job on a cluster says, taken over into the job's folder."""

import re
from collections.abc import Callable
from typing import Any

from core.cluster.task import read_line, replaced
from core.training.run_folder import RunFolder
from core.training.status import RunStatus

_ERROR = "error: "
# What the job says of itself first.
_INTRODUCTION = ("place", "host", "versions")
# Ray colours the lines of its workers.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class News:
    """Takes a log over, piece by piece.

    Attributes:
        last_error: The last line of the log by which the command said that it failed.
    """

    def __init__(
        self, run: RunFolder, say: Callable[[str], None] | None, place: str | None = None
    ) -> None:
        """Write into `run`, which is `place` on the cluster; tell `say` every line."""
        self._run = run
        self._place = place
        self._say = say
        self.last_error = ""

    def take(self, text: str) -> dict[str, Any]:
        """Take over some lines and return the changes that they make to the record.

        A follower that was killed may take the same lines twice: epochs are not written twice.
        """
        changes: dict[str, Any] = {}
        shown: list[str] = []
        for line in text.split("\n"):
            news = read_line(line)
            if news is None:
                shown += [self._readable(line)] if line.strip() else []
            elif "event" in news:
                self._write_event(news["event"])
            elif "status" in news:
                status = replaced(news["status"], str(self._place), str(self._run.path))
                self._run.write_status(RunStatus.model_validate(status))
            elif "place" in news:
                changes |= {name: news[name] for name in _INTRODUCTION}
                self._place = news["place"]
        self._show(shown)
        return changes

    def _readable(self, line: str) -> str:
        """A line without colours, and with this side's name of the folder."""
        line = _COLOUR.sub("", line)
        return line.replace(self._place, str(self._run.path)) if self._place else line

    def _write_event(self, event: dict[str, Any]) -> None:
        told = self._run.events()
        if not told or told[-1]["epoch"] < event["epoch"]:
            self._run.append_event(event)

    def _show(self, lines: list[str]) -> None:
        for line in lines:
            if line.startswith(_ERROR):
                self.last_error = line.removeprefix(_ERROR)
            if self._say is not None:
                self._say(line)
        if lines:
            with self._run.log_path.open("a", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")
