"""Signing in with a real browser, a real provider on this machine, and a real proxy with TLS."""

import base64
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.oidc_provider import CLIENT, SECRET, provider
from tests.browser.visitor import ROOT, Serve, Visitor, app, free_port

pytestmark = pytest.mark.browser

ROLES = """
login = "oidc"
[people]
"ada@example.org" = "operator"
"*@students.example.org" = "viewer"
"""
SECRETS = """
[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "of this test only, and long enough"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{url}/.well-known/openid-configuration"
"""


def test_signing_in_and_out(tmp_path: Path, visit: Callable[..., Visitor]) -> None:
    (tmp_path / "access.toml").write_text(ROLES)
    port = free_port()
    with provider() as oidc:
        file = tmp_path / "secrets.toml"
        file.write_text(SECRETS.format(port=port, client=CLIENT, secret=SECRET, url=oidc.url))
        # Killed, as a server sometimes waits for ever for a request of a sign-in that was left.
        with app(tmp_path, "--secrets.files", str(file), port=port, kill=True) as url:
            visitor = visit(url, alone=True)
            page = visitor.open("train")
            expect(page.get_by_text("Please sign in")).to_be_visible()
            assert "No run yet" not in visitor.text

            def sign_in(**claims: object) -> None:
                oidc.person = {"email": "bo@students.example.org", "email_verified": True} | claims
                page.get_by_role("button", name="Sign in").first.click()
                page.wait_for_url(f"{url}/")

            sign_in()
            sidebar = page.get_by_test_id("stSidebar")
            expect(sidebar).to_contain_text("Viewer: look and predict")
            visitor.open("train")
            expect(page.get_by_text("No run yet")).to_be_visible()
            assert page.get_by_role("button", name="Start training").count() == 0

            visitor.click("Sign out")
            expect(page.get_by_text("Please sign in")).to_be_visible()
            assert oidc.signed_out == 1

            sign_in(email="eve@elsewhere.org")
            expect(page.get_by_text("has no role here")).to_be_visible()
            visitor.click("Sign out")

            sign_in(email="ada@example.org", email_verified=False)
            expect(page.get_by_text("has not verified")).to_be_visible()
            visitor.click("Sign out")

            # A token that the provider made long ago, and one that is over.
            old = int(time.time()) - 13 * 3600
            sign_in(email="ada@example.org", iat=old)
            expect(page.get_by_text("older than 12 hours")).to_be_visible()
            visitor.click("Sign out")
            sign_in(email="ada@example.org", iat=old, exp=old + 60)
            expect(page.get_by_text("Please sign in")).to_be_visible()

            sign_in(email="ada@example.org")
            expect(sidebar).to_contain_text("Operator: everything")
            assert visitor.foreign == []
            assert visitor.exceptions == []


def recipe(kind: str, number: int = 0) -> str:
    """A block of docs/deploy.md."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[number]


def test_the_proxy_of_the_recipe(serve: Serve, tmp_path: Path, browser: Browser) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("needs caddy, which Debian packages under this name")
    (tmp_path / "access.toml").write_text(recipe("toml", 2))
    port, tls = free_port(), free_port()
    command = [caddy, "hash-password", "--plaintext", "of ada"]
    hashed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    site = recipe("caddyfile").replace("bearings.example.org {", f"https://localhost:{tls} {{", 1)
    site = site.replace("HASH", hashed + "\n\t\tbo " + hashed).replace("8501", str(port))
    file = tmp_path / "Caddyfile"
    file.write_text(
        "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
        + site.replace("\trequest_body", "\ttls internal\n\trequest_body", 1)
    )
    environment = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "caddy")}
    log = (tmp_path / "caddy.log").open("wb")
    proxy = subprocess.Popen(
        [caddy, "run", "--config", str(file)], env=environment, stdout=log, stderr=log
    )
    try:
        with serve(tmp_path, "--server.allowedHosts", "localhost", port=port):
            url = f"https://localhost:{tls}"
            for person, words in (("ada", "Operator: everything"), ("bo", "has no role here")):
                context = browser.new_context(
                    ignore_https_errors=True,
                    http_credentials={"username": person, "password": "of ada"},
                    # What a visitor writes there does not count.
                    extra_http_headers={"X-Forwarded-User": "ada"},
                )
                page = context.new_page()
                page.goto(f"{url}/train")
                expect(page.get_by_test_id("stApp")).to_contain_text(words)
                context.close()
            upload, mine = "/_stcore/upload_file/1/1", "ada:of ada"
            for path, person, size, status in (
                ("/", None, 0, 401), ("/", "ada:wrong", 0, 401), ("/", mine, 0, 200),
                ("/_stcore/metrics", mine, 0, 404), (upload, mine, 1_000, 403),
            ):  # fmt: skip
                assert _status(url + path, person, size) == status, (path, person)
            for host, stream, page in (
                ("localhost", b"101", 200),
                ("evil.example.org", b"403", 403),
            ):
                assert _handshake(port, host).split()[1] == stream
                assert _status(f"http://localhost:{port}/", None, 0, host) == page
    finally:
        proxy.terminate()
        proxy.wait(timeout=30)
        log.close()


def _status(url: str, person: str | None, size: int, host: str | None = None) -> int:
    """The status that a request gets: an upload of so many bytes, or a page, under a name."""
    request = urllib.request.Request(url, data=bytes(size) or None, method="PUT" if size else "GET")
    if host is not None:
        request.add_header("Host", host)
    if person is not None:
        token = base64.b64encode(person.encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    trusting = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, context=trusting, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _handshake(port: int, host: str) -> bytes:
    """What the app itself answers to a browser that knows it under a name."""
    lines = (
        "GET /_stcore/stream HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "",
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(1000)
