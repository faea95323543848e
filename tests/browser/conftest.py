"""The real app in a real Chromium, over workspaces that these fixtures make.

Nothing here depends on the checkpoint that ships: the campus is rendered and the model trained on
the spot, small enough to take seconds.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.visitor import PATIENCE_MS, Visitor, app, is_foreign

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# deck.gl draws with WebGL; without a graphics card SwiftShader computes it.
FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
PHOTOS = 72


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    # The usual 5 seconds are less than a first prediction takes on a busy machine.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Open a fresh browser profile on an app: `visit(url, color_scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def new(url: str, color_scheme: str = "light") -> Visitor:
        context = browser.new_context(
            viewport={"width": 1400, "height": 1000}, color_scheme=color_scheme
        )
        contexts.append(context)
        visitor = Visitor(context.new_page(), url)
        visitor.page.set_default_timeout(PATIENCE_MS)
        # Whatever a page asks of other hosts is noted, and never leaves the machine.
        context.route(is_foreign, lambda route: route.abort())
        context.on("request", lambda request: _note(request.url, visitor))
        visitor.page.on("websocket", lambda socket: _note(socket.url, visitor))
        return visitor

    yield new
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of a few photos of a demo campus; read it, never write to it."""
    from core.demo.build import DemoConfig, build_demo

    out = tmp_path_factory.mktemp("browser") / "demo"
    return build_demo(DemoConfig(out=out, photos=PHOTOS, seed=3, workers=1))


@pytest.fixture(scope="session")
def trained(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was really trained and evaluated on it, in seconds; read it, never write to it."""
    from core.evaluation.evaluate import evaluate
    from core.evaluation.schema import EvaluateConfig
    from core.training.fit import fit
    from core.training.schema import TrainConfig

    folder = tmp_path_factory.mktemp("trained") / "tiny"
    config = {
        "dataset": demo,
        "run": folder,
        "split": {"protocol": "random"},
        "model": {"backbone": "test_resnet", "weights": "random", "input_size": 64},
        "stage2": {"epochs": 1},
        "batch_size": 8,
        "device": "cpu",
    }
    assert len(list(fit(TrainConfig.model_validate(config)))) == 1
    evaluate(EvaluateConfig(run=folder, dataset=demo, device="cpu"))
    return folder


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
