"""Page timings: `python -m benchmarks.pages [--rounds 5] [--demo DIR] [--quick]`.

Starts the app over the demo campus and the shipped model, and opens its pages in Chromium as a
reader does. Each round has a server of its own. It opens every page once by its address (first),
then goes to it by the sidebar from a page with a table and from a page with a map (warm). Measured
in the browser: the time to the page's heading, the time to the last change of the page (settled),
and the bytes that the server sent through its websocket.

Writes the section "Pages" of docs/benchmarks.md with medians and spread. `--quick` takes one round
of two pages over a few photos and writes nothing but to the output stream.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from benchmarks.document import BUSY, DOCUMENT, write_section
from core.project import PROJECT, python_path
from tests.browser.visitor import FLAGS, PAGES, TITLES, app, chromium_path

TABLE_PAGE, MAP_PAGE = "data", "map"
QUICK_PAGES = ("data", "map")
KINDS = {
    "first": "first, by address",
    "table": "after a table page",
    "map": "after a map page",
}
_VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
# A page that did not change for so long has settled; charts come in bursts.
_QUIET_MS = 800
# At every frame, Playwright's way, the map would be drawn by the processor without a pause.
_POLL_MS = 100
_PATIENCE_MS = 600_000
# Notes when the heading of a page appears and when the page last changed.
_WATCH = """([heading, start]) => {
  const seen = window.__pace = {start: start ?? performance.now(), heading: null, last: null};
  const look = records => {
    // Timers of the app and of Streamlit change attributes for ever; a page changes by elements.
    const inside = one => one.target.closest && one.target.closest('[data-testid="stMain"]');
    if (records.some(inside)) seen.last = performance.now();
    const shown = [...document.querySelectorAll('h1')].some(
      one => one.innerText.trim() === heading && !one.closest('[data-stale="true"]'));
    if (seen.heading === null && shown) seen.heading = seen.last = performance.now();
  };
  if (window.__watch) window.__watch.disconnect();
  window.__watch = new MutationObserver(look);
  window.__watch.observe(document, {subtree: true, childList: true});
}"""
_SETTLED = """quiet => {
  const app = document.querySelector('[data-testid="stApp"]');
  const seen = window.__pace;
  return app && seen && seen.heading !== null && performance.now() - seen.last > quiet
    && app.getAttribute('data-test-script-state') === 'notRunning'
    && document.querySelectorAll('[data-testid="stSkeleton"]').length === 0;
}"""
_RESULT = "() => [__pace.heading - __pace.start, __pace.last - __pace.start]"


@dataclass(frozen=True)
class Visit:
    """One visit of a page.

    Attributes:
        page: Its short name.
        kind: A key of KINDS.
        heading_s: Seconds from the click, or from the address, to the page's heading.
        settled_s: Seconds to the last change of the page.
        kilobytes: What the server sent through the websocket meanwhile, in 1000 bytes.
    """

    page: str
    kind: str
    heading_s: float
    settled_s: float
    kilobytes: float


@dataclass
class Received:
    """Bytes that came through websockets of a tab."""

    count: int = 0

    def watch(self, page: Page) -> None:
        """Count what the tab receives from now on."""
        page.on("websocket", lambda socket: socket.on("framereceived", self._add))

    def _add(self, payload: str | bytes) -> None:
        self.count += len(payload)


@dataclass
class Tab:
    """A tab on the app whose visits are timed; `headings` are those of the pages by short name."""

    page: Page
    url: str
    headings: Mapping[str, str]

    def __post_init__(self) -> None:
        """Begin to count bytes."""
        self.received = Received()
        self.received.watch(self.page)
        self.page.set_default_timeout(_PATIENCE_MS)

    def by_address(self, name: str) -> Visit:
        """Load a page by its address: a new session, and the scripts of the app anew."""
        heading = self.headings[name]
        # The clock of a document begins with its navigation.
        self.page.add_init_script(f"({_WATCH})({json.dumps([heading, 0])})")
        before = self.received.count
        self.page.goto(address(self.url, name), wait_until="commit")
        return self._settled(name, "first", before)

    def by_link(self, name: str, kind: str) -> Visit:
        """Go to a page by the sidebar."""
        links = self.page.get_by_test_id("stSidebarNavLink")
        title = TITLES.get(name, name)
        link = links.filter(has_text=re.compile(rf"{title}$", re.IGNORECASE))
        before = self.received.count
        self.page.evaluate(_WATCH, [self.headings[name], None])
        link.click()
        return self._settled(name, kind, before)

    def _settled(self, name: str, kind: str, before: int) -> Visit:
        self.page.wait_for_function(_SETTLED, arg=_QUIET_MS, polling=_POLL_MS)
        heading_ms, settled_ms = self.page.evaluate(_RESULT)
        sent = (self.received.count - before) / 1000
        return Visit(name, kind, heading_ms / 1000, settled_ms / 1000, sent)


def address(url: str, name: str) -> str:
    """The address of a page; that of Home is the app's own."""
    return f"{url}/{'' if name == 'home' else name}"


def learn_headings(browser: Browser, url: str, pages: Sequence[str]) -> dict[str, str]:
    """Return the heading of each page, as a first reader sees it."""
    page = browser.new_page(viewport=_VIEWPORT)
    page.set_default_timeout(_PATIENCE_MS)
    found = {}
    for name in pages:
        page.goto(address(url, name))
        found[name] = page.locator("h1").first.inner_text().strip()
    page.close()
    return found


def visits(
    browser: Browser, url: str, pages: Sequence[str], headings: Mapping[str, str]
) -> Iterator[Visit]:
    """Yield the timed visits of one round over a server that nobody visited before."""
    for name in pages:
        page = browser.new_page(viewport=_VIEWPORT)
        yield Tab(page, url, headings).by_address(name)
        page.close()
    tab = Tab(browser.new_page(viewport=_VIEWPORT), url, headings)
    tab.by_address(TABLE_PAGE)
    for kind, before in (("table", TABLE_PAGE), ("map", MAP_PAGE)):
        for name in pages:
            # From a page to itself is no visit.
            if name != before:
                tab.by_link(before, kind)
                yield tab.by_link(name, kind)
    tab.page.close()


def markdown(found: Sequence[Visit], head: str) -> str:
    """Return the section of the document: a table a kind, medians with smallest and largest."""
    lines = ["## Pages", "", head, ""]
    for kind, title in KINDS.items():
        rows = [visit for visit in found if visit.kind == kind]
        if not rows:
            continue
        lines += [
            f"### {title.capitalize()}",
            "",
            "| page | heading, s | from, to | settled, s | from, to | websocket, kB |",
            "|---|---|---|---|---|---|",
        ]
        for name in dict.fromkeys(visit.page for visit in rows):
            same = [visit for visit in rows if visit.page == name]
            heading, settled = (
                _cells([getattr(visit, which) for visit in same])
                for which in ("heading_s", "settled_s")
            )
            sent = statistics.median(visit.kilobytes for visit in same)
            lines.append(
                f"| {TITLES.get(name, name.capitalize())} | {heading} | {settled} | {sent:,.0f} |"
            )
        every = sorted(visit.heading_s for visit in rows)
        ninety_five = every[min(len(every) - 1, int(0.95 * len(every)))]
        lines += ["", f"p95 of the heading over {len(every)} visits: {ninety_five:.2f} s.", ""]
    return "\n".join(lines)


def _cells(seconds: Sequence[float]) -> str:
    middle = statistics.median(seconds)
    return f"{middle:.2f} | {min(seconds):.2f} to {max(seconds):.2f}"


@contextmanager
def workspace(demo: Path | None, photos: int) -> Iterator[Path]:
    """Make a workspace with the demo campus, rendered if none is given, and the shipped model."""
    with tempfile.TemporaryDirectory(prefix="pages-") as folder:
        root = Path(folder)
        (root / "data").mkdir()
        (root / "runs").mkdir()
        shutil.copytree(PROJECT / "checkpoints", root / "checkpoints")
        if demo is not None:
            (root / "data" / "demo").symlink_to(demo.resolve(), target_is_directory=True)
        else:
            target = root / "data" / "demo"
            command = ["demo", "--out", str(target), "--photos", str(photos), "--seed", "7"]
            subprocess.run(
                [sys.executable, "-m", "core", *command],
                cwd=PROJECT, env=os.environ | python_path(), check=True,
            )  # fmt: skip
        yield root


def main(words: Sequence[str] | None = None) -> int:
    """Measure all rounds and write the section."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="Rounds (default: 5)")
    parser.add_argument("--demo", type=Path, help="A rendered demo campus of seed 7")
    parser.add_argument("--photos", type=int, default=1080, help="Photos to render (default: 1080)")
    parser.add_argument(
        "--out", type=Path, default=DOCUMENT, help=f"Document (default: {DOCUMENT})"
    )
    parser.add_argument("--quick", action="store_true", help="One round of two pages, not written")
    asked = parser.parse_args(words)
    pages = QUICK_PAGES if asked.quick else PAGES
    photos, rounds = (40, 1) if asked.quick else (asked.photos, asked.rounds)
    found: list[Visit] = []
    with workspace(asked.demo, photos) as root, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        with app(root) as url:
            headings = learn_headings(browser, url, pages)
        for number in range(rounds):
            with app(root) as url:
                found += visits(browser, url, pages, headings)
            sys.stderr.write(f"round {number + 1} of {rounds}\n")
        version = browser.version
        browser.close()
    # A browser, a server and what draws the maps keep both cores in work by themselves.
    busy = os.getloadavg()[1] > 2 * (os.cpu_count() or 1)
    command = "python -m benchmarks.pages " + " ".join(sys.argv[1:] if words is None else words)
    head = (
        f"`{command.strip()}`: rounds: {rounds}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[1]:.1f}, Chromium {version} without a graphics card, Streamlit "
        f"{streamlit.__version__}, Python {platform.python_version()}. Seconds are medians; "
        f"settled is the last change of the page.{BUSY if busy else ''}"
    )
    section = markdown(found, head)
    if asked.quick:
        sys.stdout.write(section)
        return 0
    write_section(asked.out, section)
    sys.stdout.write(f"{asked.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
