"""The app over workspaces that hold everything, nothing, or something broken."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.evaluation.evaluate import evaluate
from core.evaluation.schema import EvaluateConfig
from tests.tiny_checkpoint import make_checkpoint

HOME = Path(__file__).resolve().parents[2] / "app" / "Home.py"

OpenPage = Callable[..., AppTest]


@contextmanager
def main_module_kept() -> Iterator[None]:
    """Put `__main__` back, whose place an AppTest gives to the page that it runs.

    A process that a later test spawns would run that page over the checkout's own workspace, and
    render its demo campus.
    """
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def _main_module() -> Iterator[None]:
    with main_module_kept():
        yield


@pytest.fixture(autouse=True)
def _no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no page start the runner of a queue, which would train on when its test is over."""

    def refuse(words: list[str], *_: object) -> None:
        pytest.fail(f"a page of a test starts a process: {' '.join(words)}")

    monkeypatch.setattr("core.jobs.runner._command", refuse)


@pytest.fixture(scope="session")
def full_workspace(shared_campus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, a checkpoint trained on nothing, and its report."""
    root = tmp_path_factory.mktemp("workspace")
    campus = root / "data" / "tiny"
    shutil.copytree(shared_campus, campus, ignore=shutil.ignore_patterns(".bearings"))
    checkpoint = make_checkpoint(root / "checkpoints" / "tiny", campus, points=40)
    evaluate(EvaluateConfig(run=checkpoint, dataset=campus, out=checkpoint / "report"))
    return root


@pytest.fixture
def workspace_copy(full_workspace: Path, tmp_path: Path) -> Path:
    """The same, to be broken by a test."""
    return Path(shutil.copytree(full_workspace, tmp_path / "workspace"))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Give `open_page(workspace, "data")`: a page as a visitor of that workspace sees it."""

    def opened(root: Path, page: str, **parameters: str) -> AppTest:
        monkeypatch.setenv("BEARINGS_WORKSPACE", str(root))
        st.cache_resource.clear()
        st.cache_data.clear()
        app = AppTest.from_file(str(HOME), default_timeout=60)
        for name, value in parameters.items():
            app.query_params[name] = value
        # As an address that names the page opens it: Home is not drawn before.
        return (app if page == "home" else app.switch_page(f"../pages/{page}.py")).run()

    return opened
