"""The real app in a real Chromium, over workspaces that these fixtures make.

Nothing here depends on the checkpoint that ships: the campus is rendered and the model trained on
the spot, small enough to take seconds.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.forked_app import ForkedApps
from tests.browser.visitor import FLAGS, PATIENCE_MS, Serve, Visitor, app, chromium_path, is_foreign
from tests.browser.workspaces import make_broken, make_campus_and_run, make_full
from tests.forked import Forks
from tests.shared import made_once

VIEWPORT = {"width": 1400, "height": 1000}
QUICK_FLAGS = [
    *FLAGS,
    # Pages are put together without WebGL: SwiftShader would take most of the processor's time.
    "--disable-gpu-compositing",
    # A tab finds the app's scripts compiled by the tabs before it, which halves its cost.
    "--process-per-site",
]
# SwiftShader compiles the shaders of each map anew when it first draws, which takes five seconds.
UNDRAWN = """for (const call of ["drawArrays", "drawElements", "drawArraysInstanced",
  "drawElementsInstanced"]) WebGL2RenderingContext.prototype[call] = () => {};"""
# While a page waits, its animations would be drawn 60 times a second.
STILL = """addEventListener("DOMContentLoaded", () => {
  const style = document.createElement("style");
  style.textContent = "*, *::before, *::after {animation: none !important; "
    + "transition: none !important}";
  document.head.append(style);
});"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    # The usual 5 seconds are less than a first prediction takes on a busy machine.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=QUICK_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Callable[[str], BrowserContext]:
    """A browser profile for a colour scheme; nothing moves in its pages."""

    @cache
    def made(scheme: Literal["light", "dark"]) -> BrowserContext:
        context = browser.new_context(
            viewport=VIEWPORT, color_scheme=scheme, reduced_motion="reduce"
        )
        context.add_init_script(STILL)
        return context

    return made


@pytest.fixture(scope="session")
def open_tabs() -> dict[str, Page]:
    """A tab of each profile that stays: its process ends with the last, see `QUICK_FLAGS`."""
    return {}


@pytest.fixture
def visit(
    browser: Browser, profile: Callable[[str], BrowserContext], open_tabs: dict[str, Page]
) -> Iterator[Callable[..., Visitor]]:
    """Open a tab on an app, for which all is new: `visit(url, color_scheme="dark")`.

    Its maps are whole but blank, which saves seconds each; `draws=True` for who looks at them. With
    `alone=True` no other tab shares its cookies and connections.
    """
    visitors: list[Visitor] = []

    def new(
        url: str, color_scheme: str = "light", *, draws: bool = False, alone: bool = False
    ) -> Visitor:
        context = browser.new_context() if alone else profile(color_scheme)
        if not visitors and not alone:
            # Every server of this machine gets the cookies of all.
            context.clear_cookies()
        if color_scheme not in open_tabs and not alone:
            open_tabs[color_scheme] = context.new_page()
            open_tabs[color_scheme].set_default_timeout(PATIENCE_MS)
            open_tabs[color_scheme].goto(f"{url}/_stcore/health")
        page = context.new_page()
        if not draws:
            page.add_init_script(UNDRAWN)
        visitor = Visitor(page, url)
        visitors.append(visitor)
        page.set_default_timeout(PATIENCE_MS)
        # Whatever a page asks of other hosts is noted, though no answer comes; see `FLAGS`.
        page.on("request", lambda request: _note(request.url, visitor))
        page.on("websocket", lambda socket: _note(socket.url, visitor))
        return visitor

    yield new
    for visitor in visitors:
        visitor.page.close()


@pytest.fixture(scope="session")
def serve(
    tmp_path_factory: pytest.TempPathFactory,
) -> Serve:
    """Serve a workspace as `visitor.app` does, by a fork of this process: `with serve(root)`."""
    forks = ForkedApps(Forks(tmp_path_factory.mktemp("forks") / "processes"))
    return partial(app, start=forks.start)


@pytest.fixture(scope="session")
def demo(campus_and_run: Path) -> Path:
    """A data set of a few photos of a demo campus; read it, never write to it."""
    return campus_and_run / "demo"


@pytest.fixture(scope="session")
def trained(campus_and_run: Path) -> Path:
    """A run that was really trained and evaluated on it, in seconds; read it, never write to it."""
    return campus_and_run / "tiny"


@pytest.fixture(scope="session")
def campus_and_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, made together: training writes the store of decoded photos beside the photos."""
    return made_once(tmp_path_factory, "browser", make_campus_and_run)


@pytest.fixture(scope="session")
def full(
    serve: Serve, demo: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The app over a workspace with a data set and a run, and that workspace."""
    root = make_full(tmp_path_factory.mktemp("full"), demo, trained)
    with serve(root) as url:
        yield url, root


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a workspace with nothing in it, started as users start it."""
    with app(tmp_path_factory.mktemp("empty")) as url:
        yield url


@pytest.fixture(scope="session")
def broken(
    serve: Serve, demo: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The app over a workspace whose checkpoints are damaged, each in another way."""
    root = make_broken(tmp_path_factory.mktemp("broken"), demo, trained)
    with serve(root) as url:
        yield url


def _note(url: str, visitor: Visitor) -> None:
    if is_foreign(url):
        visitor.foreign.append(url)
