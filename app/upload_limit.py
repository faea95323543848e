"""Limits of what visitors upload, before any page asks about a photo; what nobody uses is freed.

Streamlit keeps every file that a browser sends until the session ends, whether or not a page uses
it, and bounds only the size of each. Here what one session and all sessions hold is bounded too:
one visitor must not fill the memory of a server that several use. Who sees no page uploads nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import streamlit as st
from starlette.exceptions import HTTPException
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from app.access import gate

MOST_FILES, MOST_MB = 200, 500
"""Files and megabytes that one session may hold."""
MOST_MB_IN_ALL = 2_000
"""Megabytes that all sessions may hold together."""
UNUSED_S = 600.0
"""Seconds after which a file that no page has asked for is freed."""
_MARK = "bearings_limit"
_HELD = "uploads_held"


def limit_uploads() -> None:
    """Bound the uploads of this server, once, and free what this session has replaced.

    Does nothing where no server runs.
    """
    if not st.runtime.exists():
        return
    server = st.runtime.get_instance()
    uploads, context = server.uploaded_file_mgr, get_script_run_ctx()
    if isinstance(uploads, MemoryUploadedFileManager):
        limit(uploads, lambda: _sessions(server))
        if context is not None:
            free_replaced(uploads, context.session_id)


def free_replaced(uploads: MemoryUploadedFileManager, session_id: str) -> None:
    """Free what the fields of a session held when its page was drawn last, and hold no more.

    A file that has just arrived stays: its field names it once all files of a choice are there.
    """
    state = st.session_state
    held = frozenset(file.file_id for value in state.values() for file in _files(value))
    for file_id in state.get(_HELD, frozenset()) - held:
        uploads.remove_file(session_id, file_id)
    state[_HELD] = held


def _files(value: Any) -> Iterator[UploadedFile]:  # noqa: ANN401 - of any widget
    """The uploaded files in the value of a widget: one, a list, or those of a message."""
    if isinstance(value, UploadedFile):
        yield value
        return
    several = value if isinstance(value, list) else getattr(value, "files", None)
    if isinstance(several, list):
        yield from (file for file in several if isinstance(file, UploadedFile))


def _sessions(server: Runtime) -> set[str]:
    """The sessions that are connected or may still come back."""
    return {one.session.id for one in server._session_mgr.list_sessions()}


def limit(
    uploads: MemoryUploadedFileManager,
    sessions: Callable[[], set[str]] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Let a store refuse files that are too many, with the status 413 for the browser.

    With each file that arrives, it frees those that no page has asked for within `UNUSED_S`, and
    those of sessions that are over: Streamlit looks for these only when the next visitor leaves.

    Args:
        uploads: The store.
        sessions: The sessions that go on; None if that is unknown.
        clock: Seconds that only grow.
    """
    if hasattr(uploads, _MARK):
        return
    add, get, lock = uploads.add_file, uploads.get_files, threading.Lock()
    unasked: dict[tuple[str, str], float] = {}

    def get_and_note(session_id: str, file_ids: Sequence[str]) -> list[UploadedFileRec]:
        for file_id in file_ids:
            unasked.pop((session_id, file_id), None)
        return get(session_id, file_ids)

    def free_unused() -> None:
        ended = clock() - UNUSED_S
        for key, since in list(unasked.items()):
            if since <= ended:
                unasked.pop(key, None)
                uploads.remove_file(*key)
        if sessions is not None:
            for session_id in dict(uploads.file_storage).keys() - sessions():
                uploads.remove_session_files(session_id)

    def add_within_limits(session_id: str, file: UploadedFileRec) -> None:
        if not gate.is_admitted(session_id):
            raise HTTPException(403, "Please sign in to upload files.")
        with lock:
            free_unused()
            _check_room(uploads, session_id, file)
            add(session_id=session_id, file=file)
            unasked[session_id, file.file_id] = clock()

    setattr(uploads, _MARK, True)
    uploads.add_file = add_within_limits  # type: ignore[method-assign]
    uploads.get_files = get_and_note  # type: ignore[method-assign]


def _check_room(uploads: MemoryUploadedFileManager, session_id: str, file: UploadedFileRec) -> None:
    """Raise HTTPException (413) if a file is too much for its session, or for all."""
    held = {key: dict(files) for key, files in dict(uploads.file_storage).items()}
    own = held.get(session_id, {})
    own.pop(file.file_id, None)
    sizes = {key: _bytes(files) for key, files in held.items()}
    more = len(file.data)
    if (
        len(own) >= MOST_FILES
        or _bytes(own) + more > MOST_MB * 1_000_000
        or sum(sizes.values()) + more > MOST_MB_IN_ALL * 1_000_000
    ):
        raise HTTPException(
            413,
            f"At most {MOST_FILES:,} files and {MOST_MB} MB at once: remove some, or reload the "
            "page.",
        )


def _bytes(files: Mapping[str, UploadedFileRec]) -> int:
    return sum(len(file.data) for file in files.values())
