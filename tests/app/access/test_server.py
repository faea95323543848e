"""A server answers under its own names only."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit.web.server.starlette.starlette_app import create_streamlit_middleware

from app.access import server

PATHS = (
    "/", "/data", "/static/index.js", "/media/1.png", "/_stcore/upload_file/1/1",
    "/_stcore/host-config", "/_stcore/metrics",
)  # fmt: skip


@pytest.fixture
def app() -> Starlette:
    """A server whose every path answers, behind what Streamlit puts before its own."""
    # For the whole process, as by the first page of a server.
    server.guard()
    server.guard()

    async def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    middleware: list[Middleware] = create_streamlit_middleware()
    return Starlette(routes=[Route("/{path:path}", answer)], middleware=middleware)


def status(app: Starlette, path: str, host: str | None) -> int:
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": [] if host is None else [(b"host", host.encode())],
    }  # fmt: skip

    async def ask() -> None:
        await app(scope, receive, send)  # type: ignore[arg-type]

    # Browser tests leave a loop in the thread of the tests.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(ask())).result()
    found = sent[0]["status"]
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("path", PATHS)
def test_another_name_gets_nothing(app: Starlette, path: str) -> None:
    # As `.streamlit/config.toml` says: localhost and 127.0.0.1.
    for host in ("evil.example.org", "localhost.evil.example.org:8501", "localhost@evil", None):
        assert status(app, path, host) == 403, host
    for host in ("localhost", "localhost:8501", "127.0.0.1:8501", "LOCALHOST."):
        assert status(app, path, host) == 200, host


def test_whatever_watches_the_server_asks_for_its_health_by_any_address(app: Starlette) -> None:
    assert status(app, "/_stcore/health", "10.0.0.5:8501") == 200
