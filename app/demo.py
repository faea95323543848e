"""The first start: a process renders the demo photos in the background.

It is the `demo` command, which resumes where it was stopped; the number of photos on disk is the
progress. One server starts it once, whatever the number of open tabs.
"""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from app.access import gate
from app.workspace import Workspace, workspace
from core.errors import BearingsError, CheckpointError
from core.files import read_object
from core.model.card import read_card
from core.project import PROJECT
from core.runs import has_card

# 30 walks, two starts in every region: about a minute on two cores, and every page has content.
PHOTOS = 1080
SEED = 7
LOG_TAIL = 600
# A renderer adds a photo every fraction of a second, on a busy machine every few seconds.
QUIET_S = 60.0
POLL_S = 1.0
MINUTES = "about a minute for 1,000 photos on two cores"


@dataclass
class DemoRender:
    """The rendering process of this server; shared by all sessions."""

    _process: subprocess.Popen[bytes] | None = None
    _log: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, place: Workspace) -> None:
        """Render the demo of a workspace, unless that is under way here or elsewhere.

        Only an operator starts it.
        """
        if not gate.allows("operator"):
            return
        with self._lock:
            if self.running or is_busy(place):
                return
            place.data.mkdir(parents=True, exist_ok=True)
            self._log = place.data / ".demo-render.log"
            options = {
                "--out": str(place.demo_data),
                "--photos": str(photos_wanted(place)),
                "--seed": str(demo_seed(place)),
            }
            command = [sys.executable, "-m", "core", "demo"]
            command += [word for option in options.items() for word in option]
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)

    @property
    def running(self) -> bool:
        """Whether photos are being rendered now."""
        return self._process is not None and self._process.poll() is None

    @property
    def failure(self) -> str | None:
        """The end of the log where the process failed; None otherwise."""
        if self._process is None or self._log is None or self._process.poll() in (None, 0):
            return None
        return self._log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]


def is_wanted(place: Workspace) -> bool:
    """Whether this is a first start: there is the demo's model but no photo to show it on."""
    return has_card(place.demo_checkpoint) and not is_whole(place)


def is_whole(place: Workspace) -> bool:
    """Whether the demo is rendered; `campus.toml` is what a build writes last."""
    return (place.demo_data / "campus.toml").is_file()


def is_busy(place: Workspace) -> bool:
    """Whether any process is rendering, also one from a terminal or an earlier server."""
    images = place.demo_data / "images"
    if is_whole(place) or not images.is_dir():
        return False
    return time.time() - images.stat().st_mtime < QUIET_S


def is_rendering(place: Workspace) -> bool:
    """Whether the demo is being rendered, by this server or elsewhere."""
    return render().running or is_busy(place)


def photos_wanted(place: Workspace) -> int:
    """How many photos to render: more if a larger demo was begun."""
    try:
        begun = read_object(place.demo_data / "demo.json") or {}
        return max(PHOTOS, int(begun.get("photos", PHOTOS)))
    except (BearingsError, TypeError, ValueError):
        # The demo command replaces a damaged file.
        return PHOTOS


def photos_done(place: Workspace) -> int:
    """How many demo photos are on disk."""
    images = place.demo_data / "images"
    return sum(1 for _ in images.glob("img_*.jpg")) if images.is_dir() else 0


def demo_seed(place: Workspace) -> int:
    """Seed of the campus that the demo's model knows; the usual one where there is no model."""
    try:
        seed = read_card(place.demo_checkpoint).demo_seed
    except CheckpointError:
        return SEED
    return SEED if seed is None else seed


@st.cache_resource(show_spinner=False)
def render() -> DemoRender:
    """The one rendering process of this server."""
    return DemoRender()


def begin() -> None:
    """Start rendering on the first start of the app."""
    place = workspace()
    if is_wanted(place) and render().failure is None:
        render().start(place)


def show() -> None:
    """Show progress, a failure, or an offer to render the demo; nothing if it is complete."""
    place = workspace()
    if is_rendering(place):
        _progress()
    elif render().failure is not None:
        st.error("The demo campus could not be rendered. The end of its log:")
        st.code(render().failure)
        st.button(
            "Try again",
            on_click=render().start,
            args=(place,),
            disabled=not gate.allows("operator"),
        )
    elif not is_whole(place) and not place.datasets():
        st.info(f"There is no demo campus yet. Rendering one takes {MINUTES} and needs no network.")
        st.button(
            "Render the demo campus",
            type="primary",
            on_click=render().start,
            args=(place,),
            disabled=not gate.allows("operator"),
        )


def progress_text(done: int, wanted: int) -> str:
    """How far the rendering is, in words; before the first photo there is no number yet."""
    if not done:
        return (
            "Building the demo campus: ways, buildings and signs. "
            f"The first of {wanted:,} photos follows in some seconds."
        )
    if done >= wanted:
        return f"{done:,} photos rendered. Writing their labels …"
    return f"Rendering the demo campus: {done:,} of {wanted:,} photos ({MINUTES})."


@st.fragment(run_every=POLL_S)
def _progress() -> None:
    place = workspace()
    done, wanted = photos_done(place), photos_wanted(place)
    st.progress(min(done / wanted, 1.0), progress_text(done, wanted))
    if not is_rendering(place):
        # The pickers in the sidebar must list the new data set.
        st.rerun(scope="app")
