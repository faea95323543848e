"""Every page over a workspace that holds everything, nothing, or a broken checkpoint."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.page_text import said

OpenPage = Callable[..., AppTest]
PAGES = (
    "home", "predict", "play", "data", "train", "tune", "runs", "evaluate", "map", "explore",
    "explain",
)  # fmt: skip
# Labels and training need no checkpoint at all.
NEED_NO_CHECKPOINT = ("data", "train", "tune")


@pytest.fixture(autouse=True)
def outgoing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Fail a test whose page connects to another machine, or asks for the address of one.

    What a browser asks of other hosts is looked at in `tests/browser/test_hostile_names.py`.
    """
    found: list[object] = []
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def watched(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if not _is_here(host):
            found.append(address)
            raise ConnectionRefusedError
        connect(self, address)  # type: ignore[arg-type]

    def asked(host: object, *given: object, **named: object) -> object:
        if not _is_here(host):
            found.append(host)
            raise socket.gaierror
        return resolve(host, *given, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(socket.socket, "connect", watched)
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    yield found
    assert found == []


def _is_here(host: object) -> bool:
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False


def test_a_connection_to_another_machine_is_noticed(outgoing: list[object]) -> None:
    with suppress(OSError):
        socket.create_connection(("198.51.100.1", 80), timeout=1)
    with suppress(OSError):
        socket.create_connection(("hub.invalid", 80), timeout=1)
    assert outgoing == ["198.51.100.1", "hub.invalid"]
    outgoing.clear()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_on_everything(full_workspace: Path, open_page: OpenPage, page: str) -> None:
    app = open_page(full_workspace, page)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_a_page_explains_an_empty_workspace(tmp_path: Path, open_page: OpenPage, page: str) -> None:
    app = open_page(tmp_path, page)
    assert not app.exception
    assert not app.error
    assert app.info


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_a_broken_checkpoint(
    workspace_copy: Path, open_page: OpenPage, page: str
) -> None:
    (workspace_copy / "checkpoints" / "tiny" / "card.json").write_text("{", encoding="utf-8")
    app = open_page(workspace_copy, page)
    assert not app.exception
    assert ("card.json" in said(app)) == (page not in NEED_NO_CHECKPOINT)
    if page == "data":
        assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_only_a_page_that_computes_names_broken_weights(
    workspace_copy: Path, open_page: OpenPage, page: str
) -> None:
    weights = next((workspace_copy / "checkpoints" / "tiny").glob("model-*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    app = open_page(workspace_copy, page)
    assert not app.exception
    # Predict loads them once it has a photo.
    assert any(weights.name in each.value for each in app.error) == (page == "explain")
