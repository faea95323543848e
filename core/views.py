"""views.json: named filters of photos, kept in one file of the workspace.

A view is the query parameters of a filter, which name no data set. Two of them name what one data
set has: photos and tags.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from core.dataset.layout import STORE_FOLDER
from core.errors import ConfigError, storage_text
from core.files import read_stored, write_json
from core.locks import Lock

FILE = "views.json"
LONGEST_NAME = 60
PHOTOS, TAGS = "row", "tag"
"""Parameters of photos, by `photo_id`, and of tags."""
_MOST = 100
Query = dict[str, list[str]]


class SavedViews(BaseModel):
    """Content of `views.json`: query parameters of a filter by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    views: dict[Annotated[str, StringConstraints(max_length=LONGEST_NAME)], Query] = {}


def read_views(root: Path) -> dict[str, Query]:
    """The saved views of a workspace by name.

    Raises:
        ConfigError: The file is damaged.
    """
    stored = read_stored(root / FILE, SavedViews, "mend or delete it", ConfigError)
    return {} if stored is None else dict(stored.views)


def change_views(root: Path, changes: Mapping[str, Query | None]) -> None:
    """Save views of a workspace, or delete those that have no query any more.

    Raises:
        ConfigError: The file is damaged, holds as many views as it may, or cannot be written.
        LockHeld: Another process has been changing views for longer than a second.
    """
    try:
        lock = Lock.take(root / STORE_FOLDER / "views")
        try:
            views = read_views(root)
            for name, query in changes.items():
                if query is not None and len(views) >= _MOST and name not in views:
                    raise ConfigError(f"{root / FILE} holds {_MOST} views: delete one first")
                views.pop(name, None)
                if query is not None:
                    views = {name: query, **views}
            write_json(root / FILE, SavedViews(views=views).model_dump(mode="json"))
        finally:
            lock.close()
    except OSError as error:
        raise ConfigError(storage_text(error) or f"{root / FILE}: {error.strerror}") from error
