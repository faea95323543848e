"""Limits of what visitors upload, before any page asks about a photo.

Streamlit keeps every file that a browser sends until the session ends, whether or not a page uses
it, and bounds only the size of each. Here what one session and all sessions hold is bounded too:
one visitor must not fill the memory of a server that several use. Who sees no page uploads nothing.
"""

import threading
from collections.abc import Mapping

import streamlit as st
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from app.access import gate

MOST_FILES, MOST_MB = 200, 500
"""Files and megabytes that one session may hold."""
MOST_MB_IN_ALL = 2_000
"""Megabytes that all sessions may hold together."""
_MARK = "bearings_limit"


def limit_uploads() -> None:
    """Bound the uploads of this server, once; does nothing where no server runs."""
    uploads = st.runtime.get_instance().uploaded_file_mgr if st.runtime.exists() else None
    if isinstance(uploads, MemoryUploadedFileManager):
        limit(uploads)


def limit(uploads: MemoryUploadedFileManager) -> None:
    """Let a store refuse files that are too many, with the status 413 for the browser."""
    if hasattr(uploads, _MARK):
        return
    add, lock = uploads.add_file, threading.Lock()

    def add_within_limits(session_id: str, file: UploadedFileRec) -> None:
        if not gate.is_admitted(session_id):
            raise HTTPException(403, "Please sign in to upload files.")
        with lock:
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
                    f"At most {MOST_FILES} files and {MOST_MB} MB at once: remove some, or reload "
                    "the page.",
                )
            add(session_id=session_id, file=file)

    setattr(uploads, _MARK, True)
    uploads.add_file = add_within_limits  # type: ignore[method-assign]


def _bytes(files: Mapping[str, UploadedFileRec]) -> int:
    return sum(len(file.data) for file in files.values())
