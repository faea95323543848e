"""The real app in a real Chromium, over workspaces that these fixtures make.

Nothing here depends on the checkpoint that ships: the campus is rendered and the model trained on
the spot, small enough to take seconds.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.visitor import PATIENCE_MS, Visitor, app, is_foreign
from tests.shared import made_once

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# deck.gl draws with WebGL; without a graphics card SwiftShader computes it.
FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
PHOTOS = 72
VIEWPORT = {"width": 1400, "height": 1000}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    # The usual 5 seconds are less than a first prediction takes on a busy machine.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Callable[[str, str], BrowserContext]:
    """A browser profile for an app and a colour scheme: each has the app's scripts read once."""
    return cache(lambda url, scheme: browser.new_context(viewport=VIEWPORT, color_scheme=scheme))


@pytest.fixture
def visit(profile: Callable[[str, str], BrowserContext]) -> Iterator[Callable[..., Visitor]]:
    """Open a tab on an app, for which all is new: `visit(url, color_scheme="dark")`."""
    pages: list[Page] = []

    def new(url: str, color_scheme: str = "light") -> Visitor:
        page = profile(url, color_scheme).new_page()
        pages.append(page)
        visitor = Visitor(page, url)
        page.set_default_timeout(PATIENCE_MS)
        # Whatever a page asks of other hosts is noted, and never leaves the machine.
        page.route(is_foreign, lambda route: route.abort())
        page.on("request", lambda request: _note(request.url, visitor))
        page.on("websocket", lambda socket: _note(socket.url, visitor))
        return visitor

    yield new
    for page in pages:
        page.close()


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
    return made_once(tmp_path_factory, "browser", _make_campus_and_run)


def _make_campus_and_run(root: Path) -> None:
    from core.demo.build import DemoConfig, build_demo
    from core.evaluation.evaluate import evaluate
    from core.evaluation.schema import EvaluateConfig
    from core.training.fit import fit
    from core.training.schema import TrainConfig

    demo = build_demo(DemoConfig(out=root / "demo", photos=PHOTOS, seed=3, workers=1))
    config = {
        "dataset": demo,
        "run": root / "tiny",
        "split": {"protocol": "random"},
        "model": {"backbone": "test_resnet", "weights": "random", "input_size": 64},
        "stage2": {"epochs": 1},
        "batch_size": 8,
        "device": "cpu",
    }
    assert len(list(fit(TrainConfig.model_validate(config)))) == 1
    evaluate(EvaluateConfig(run=root / "tiny", dataset=demo, device="cpu"))


@pytest.fixture(scope="session")
def full(
    demo: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The app over a workspace with a data set and a run, and that workspace."""
    root = tmp_path_factory.mktemp("full")
    shutil.copytree(demo, root / "data" / "demo")
    shutil.copytree(trained, root / "runs" / "tiny")
    with app(root) as url:
        yield url, root


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a workspace with nothing in it."""
    with app(tmp_path_factory.mktemp("empty")) as url:
        yield url


@pytest.fixture(scope="session")
def broken(demo: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a workspace whose checkpoints are damaged, each in another way."""
    root = tmp_path_factory.mktemp("broken")
    shutil.copytree(demo, root / "data" / "demo")
    torn = root / "checkpoints" / "torn-card"
    torn.mkdir(parents=True)
    (torn / "card.json").write_text('{"schema_version": 1, "created": "20')
    best = root / "checkpoints" / "torn-weights"
    shutil.copytree(trained / "checkpoints" / "best", best)
    for weights in best.glob("model-*.safetensors"):
        weights.write_bytes(weights.read_bytes()[:1000])
    with app(root) as url:
        yield url


def _chromium() -> str | None:
    """The browser that is named, or there; None lets playwright take its own."""
    named = os.environ.get("BEARINGS_CHROMIUM")
    return named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def _note(url: str, visitor: Visitor) -> None:
    if is_foreign(url):
        visitor.foreign.append(url)
