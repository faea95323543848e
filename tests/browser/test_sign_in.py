"""Signing in with a real browser, a real provider on this machine, and a real proxy with TLS."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.oidc_provider import CLIENT, SECRET, provider
from tests.browser.visitor import Visitor, app, free_port

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
        with app(tmp_path, "--secrets.files", str(file), port=port) as url:
            visitor = visit(url)
            page = visitor.open("train")
            expect(page.get_by_text("Please sign in")).to_be_visible()
            assert "No run yet" not in visitor.text

            def sign_in(**claims: object) -> None:
                oidc.person = {"email": "bo@students.example.org", "email_verified": True} | claims
                page.get_by_role("button", name="Sign in").first.click()
                page.wait_for_url(f"{url}/")

            sign_in()
            sidebar = page.get_by_test_id("stSidebar")
            expect(sidebar).to_contain_text("viewer, look and predict")
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
            expect(sidebar).to_contain_text("operator, everything")
            assert visitor.foreign == []
            assert visitor.exceptions == []
