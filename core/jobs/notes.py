"""Notes of a run, written by people: a text and tags, in `notes.json`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.errors import RunError
from core.files import read_stored, write_json

NOTES = "notes.json"


def _tidy(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Tags without blanks around them, each once, in the order of writing."""
    return tuple(dict.fromkeys(tag for each in tags if (tag := " ".join(each.split()))))


class Notes(BaseModel):
    """Content of `notes.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = ""
    tags: Annotated[tuple[str, ...], AfterValidator(_tidy)] = Field(())


def read_notes(run: Path) -> Notes:
    """Read the notes of a run; empty ones if there are none.

    Raises:
        RunError: The file is damaged.
    """
    return read_stored(run / NOTES, Notes, "mend or delete it") or Notes()


def write_notes(run: Path, notes: Notes) -> None:
    """Replace the notes of a run in one step.

    Raises:
        RunError: The run was deleted meanwhile.
    """
    if not run.is_dir():
        raise RunError(f"there is no run {run} any more: its notes were not saved")
    write_json(run / NOTES, notes.model_dump(mode="json"))


def has_tags(notes: Notes, wanted: Iterable[str]) -> bool:
    """Whether all of the wanted tags are there; letters large or small are the same."""
    return {tag.casefold() for tag in wanted} <= {tag.casefold() for tag in notes.tags}
