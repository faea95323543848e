"""A browser tab on the app, and the app itself as a server over a workspace."""

import base64
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "home", "predict", "play", "data", "train", "tune", "runs", "evaluate", "map", "explore",
    "explain",
)  # fmt: skip
TITLES = {"play": "Beat the model"}
"""What the sidebar calls a page, if not by its short name."""
PATIENCE_MS = 180_000
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# deck.gl draws with WebGL; without a graphics card SwiftShader computes it.
FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    # Whatever a page asks of other hosts never leaves the machine. An abort by Playwright's routes
    # would do the same, but with routes the browser reads every script anew for every page.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
]
Serve = Callable[..., AbstractContextManager[str]]
"""`app`, or what does the same."""
_DRAG = """([content, name]) => {
  const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
  const dragged = new DataTransfer();
  dragged.items.add(new File([bytes], name, {type: "image/jpeg"}));
  return dragged;
}"""


@dataclass
class Visitor:
    """A browser tab on the app, and every request that it made to another host."""

    page: Page
    url: str
    foreign: list[str] = field(default_factory=list)

    def open(self, name: str, query: str = "") -> Page:
        """Open a page of the app and wait until its script came to rest."""
        self.page.goto(f"{self.url}/{'' if name == 'home' else name}{query}")
        self.rest()
        return self.page

    def go(self, name: str) -> Page:
        """Go to a page of the app by its link, which loads nothing anew, and wait for its end."""
        links = self.page.get_by_test_id("stSidebarNavLink")
        title = TITLES.get(name, name)
        links.filter(has_text=re.compile(rf"{title}$", re.IGNORECASE)).click()
        self.page.wait_for_url(f"{self.url}/{'' if name == 'home' else name}*")
        self.rest()
        return self.page

    def rest(self) -> None:
        """Wait until the script has run to its end."""
        # A click reaches the server a moment after it was made.
        self.page.wait_for_timeout(300)
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE_MS)
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE_MS)

    def click(self, button: str) -> None:
        """Press a button by its words."""
        self.page.get_by_role("button", name=button).first.click()
        self.rest()

    def all_options(self) -> Locator:
        """Open the dialog of all options of a new job from the sidebar; return it."""
        self.page.get_by_test_id("stSidebar").get_by_role("button", name="All options").click()
        self.rest()
        return self.page.get_by_role("dialog")

    def type_into(self, label: str, text: str) -> None:
        """Replace what a text, number or choice field says."""
        box = self.page.get_by_label(label, exact=True).first
        box.fill(text)
        box.press("Enter")

    def drop(self, photo: Path) -> None:
        """Drag a photo from the desk and drop it on the page's upload field."""
        content = base64.b64encode(photo.read_bytes()).decode()
        dragged = self.page.evaluate_handle(_DRAG, [content, photo.name])
        zone = self.page.get_by_test_id("stFileUploaderDropzone").first
        for event in ("dragenter", "dragover", "drop"):
            zone.dispatch_event(event, {"dataTransfer": dragged})
        # Its chip, or its caption once a form has closed over the chip.
        named = self.page.get_by_text(photo.name).filter(visible=True)
        expect(named.first).to_be_visible(timeout=PATIENCE_MS)
        self.rest()

    @property
    def exceptions(self) -> list[str]:
        """Bugs that the page shows, in its own words; mistakes that a user can mend are none."""
        return self.page.get_by_test_id("stException").all_inner_texts()

    @property
    def text(self) -> str:
        """Everything that the page says."""
        return self.page.get_by_test_id("stMain").inner_text()


def chromium_path() -> str | None:
    """The browser that is named, or there; None lets playwright take its own."""
    named = os.environ.get("BEARINGS_CHROMIUM")
    return named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def is_foreign(url: str) -> bool:
    """Whether a request goes to another host than the app's own."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "localhost"


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def app(
    workspace: Path,
    *further: str,
    kill: bool = False,
    port: int | None = None,
    start: Callable[..., "subprocess.Popen[bytes]"] = subprocess.Popen,
) -> Iterator[str]:
    """Start the app over a workspace; give its address; end it, or kill it.

    Args:
        workspace: Its folder.
        further: Settings of Streamlit, as on its command line.
        kill: Whether it is killed in the end.
        port: Its port; a free one if none is named.
        start: Starts its process, as `subprocess.Popen` does.
    """
    port = port or free_port()
    environment = os.environ | {"BEARINGS_WORKSPACE": str(workspace), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app/Home.py"]
    settings = ["--server.port", str(port), "--server.headless", "true", *further]
    log_path = workspace / "server.log"
    with log_path.open("wb") as log:
        server = start([*command, *settings], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"http://localhost:{port}/_stcore/health", server, log_path)
            yield f"http://localhost:{port}"
        finally:
            if kill:
                server.kill()
            else:
                server.terminate()
            server.wait(timeout=30)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"the app did not start:\n{log.read_text()}")
