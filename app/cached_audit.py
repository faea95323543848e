"""The cache of audits: one for each state of the label files, shared by all sessions.

The findings go by the label files, which no repair changes, so `repairs.csv` is no part of the key:
a decision would otherwise ask for another audit.
"""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.cached import Stamp
from core.audit.schema import AuditConfig
from core.dataset.layout import dataset_state

if TYPE_CHECKING:
    from core.audit.rows import LabelRows
    from core.audit.run import Audit, Progress


@dataclass
class _Place:
    """Where the audit of one state of a data set is kept once it has been made."""

    made: "Audit | None" = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def known(source: Path, photos: bool) -> "Audit | None":
    """The audit of a data set (a folder or a CSV file) as it is now; None where none was made."""
    return _place(source, dataset_state(source), photos).made


def audit(source: Path, photos: bool, progress: "Progress", photo_progress: "Progress") -> "Audit":
    """Make the audit; whoever asks for the same meanwhile waits for it.

    Args:
        source: A folder, or one CSV file.
        photos: Whether to look at the photos too.
        progress: Called with `(checks done, checks in all)`.
        photo_progress: Called with `(photos read, photos in all)`.

    Raises:
        LabelError: As `core.audit.run.audit`.
    """
    from core.audit import run

    place = _place(source, dataset_state(source), photos)
    with place.lock:
        if place.made is None:
            config = AuditConfig(dataset=source, photos=photos)
            place.made = run.audit(config, progress=progress, photo_progress=photo_progress)
        return place.made


def rows(source: Path) -> "LabelRows":
    """The label rows as the files have them; one copy for all sessions.

    Raises:
        LabelError: As `read_rows`.
    """
    return _rows(source, dataset_state(source))


@st.cache_resource(max_entries=8, show_spinner=False)
def _place(source: Path, key: Stamp, photos: bool) -> _Place:
    # Elements drawn while a cached function runs would be drawn again whenever it is asked, so the
    # audit with its progress bar runs outside of this one.
    return _Place()


@st.cache_resource(max_entries=4, show_spinner="Reading the labels …")
def _rows(source: Path, key: Stamp) -> "LabelRows":
    from core.audit.rows import read_rows

    return read_rows(source)
