"""From the start of a server to the first heading in a browser, beside imports at the start."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from playwright.sync_api import Browser, sync_playwright

from benchmarks.effort import Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.project import PROJECT, python_path
from tests.browser.visitor import FLAGS, chromium_path, free_port

_LEAST = 3.0
_EAGER = "a page that imports torch, timm and captum first"
_BARE = "a page that imports nothing"
_APP = "the app"
_IMPORTS = "import torch, timm, captum.attr\n"
_PAGE = "import streamlit\nstreamlit.title('Page')\n"
_PATIENCE_S = 600.0


def measure(effort: Effort) -> list[str]:
    """Start each server anew in every round, and open its first page."""
    work = effort.folder()
    for folder in ("data", "runs"):
        (work / folder).mkdir()
    eager, bare = work / "eager.py", work / "bare.py"
    eager.write_text(_IMPORTS + _PAGE, encoding="utf-8")
    bare.write_text(_PAGE, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)

        def opened(script: Path) -> Callable[[], object]:
            return lambda: _first_heading(browser, script, work)

        ways = {_APP: opened(PROJECT / "app" / "Home.py"), _BARE: opened(bare)}
        spent = timed(ways | {_EAGER: opened(eager)}, min(effort.rounds, 3))
        browser.close()
    # What the bare page takes is Streamlit's and the browser's own.
    beyond = {
        name: [max(each - own, 0.001) for each, own in zip(spent[name], spent[_BARE], strict=True)]
        for name in (_APP, _EAGER)
    }
    times = times_faster(beyond, _APP, _EAGER)
    return [
        *compared(spent, _EAGER, "s", 1.0),
        "",
        "An empty workspace, Home, a new server and a new tab each time.",
        *verdict(
            f"what the app takes beyond a page that imports nothing is at most 1/{_LEAST:g} of "
            "what the imports take",
            f"1/{times:.2g}",
            met=times >= _LEAST,
        ),
    ]


def _first_heading(browser: Browser, script: Path, work: Path) -> None:
    """Start a server, open its page, and wait for the heading."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    settings = ["--server.port", str(port), "--server.headless", "true"]
    environment = os.environ | python_path() | {"BEARINGS_WORKSPACE": str(work)}
    with (work / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *settings], cwd=PROJECT, env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://localhost:{port}"
            _wait(f"{url}/_stcore/health")
            tab = browser.new_page()
            tab.goto(url, wait_until="commit", timeout=1000 * _PATIENCE_S)
            tab.locator("h1").first.wait_for(timeout=1000 * _PATIENCE_S)
            tab.close()
        finally:
            # It holds nothing, and ends by itself only after its script.
            server.kill()
            server.wait()


def _wait(url: str) -> None:
    until = monotonic() + _PATIENCE_S
    while monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            sleep(0.02)
    raise TimeoutError(f"{url} does not answer")
