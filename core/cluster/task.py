"""What a job on the cluster is told, and how it answers: through its environment and its log.

The log is the one channel that every cluster offers over HTTP. Lines that begin with a mark are for
the follower; the rest is for readers.
"""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

_MARK = "\x1ebearings "


class Task(BaseModel):
    """The command to run on the cluster.

    Attributes:
        folder: The job's folder as the submitting side names it.
        submission_id: Number of the job; also found in the folder's `ray.json` where it is seen.
        arguments: What follows `python -m core`.
        options: Piped in as `--config -`; none where empty.
        bring_back: Work in a folder of the cluster's own even where `folder` is seen.
        goes_on: Whether the command goes on with what lies in the folder.
        carried: Whether the folder's content came along, to be gone on with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    submission_id: str
    arguments: tuple[str, ...]
    options: dict[str, Any]
    bring_back: bool = False
    goes_on: bool = False
    carried: bool = False

    def moved(self, place: Path) -> Self:
        """The same command, with `place` wherever the folder is named."""
        moved = replaced(self.model_dump(include={"arguments", "options"}), self.folder, str(place))
        return self.model_copy(update=moved | {"arguments": tuple(moved["arguments"])})


def replaced(value: Any, old: str, new: str) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value in which every path at or under `old` lies at or under `new`."""
    if isinstance(value, str):
        under = value == old or value.startswith(f"{old}/")
        return new + value[len(old) :] if under else value
    if isinstance(value, dict):
        return {name: replaced(each, old, new) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(each, old, new) for each in value]
    return value


def marked(news: dict[str, Any]) -> str:
    """A line of the log for the follower; begins on its own whatever stands before it."""
    return f"\n{_MARK}{json.dumps(news)}\n"


def read_line(line: str) -> dict[str, Any] | None:
    """What a line of the log tells the follower; None for a line for readers.

    Nothing where the line was torn by the end of its writer.
    """
    if not line.startswith(_MARK):
        return None
    try:
        news: dict[str, Any] = json.loads(line.removeprefix(_MARK))
    except ValueError:
        return {}
    return news
