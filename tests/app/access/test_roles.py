"""The file of roles, and the person behind a session: whoever is in doubt has no right."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime.context import StreamlitHeaders

from app.access import roles
from core.errors import AccessError
from core.project import WORKSPACE

OIDC = """
login = "oidc"
hours = 2
[people]
"ada@example.org" = "operator"
"*@students.example.org" = "viewer"
"""
PROXY = """
login = "proxy"
[people]
ada = "operator"
[proxy]
header = "X-Forwarded-User"
addresses = ["10.0.0.0/24"]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WORKSPACE, str(tmp_path))
    return tmp_path


def write(place: Path, text: str) -> None:
    (place / roles.FILE).write_text(text)


def listen(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    real = st.get_option
    monkeypatch.setattr(
        st, "get_option", lambda name: address if name == "server.address" else real(name)
    )


def test_this_machine_needs_no_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not roles.is_shared()
    assert roles.person() == roles.Person("", "operator")
    for address in ("127.0.0.1", "::1"):
        listen(monkeypatch, address)
        assert roles.person().role == "operator"


@pytest.mark.parametrize("address", [None, "0.0.0.0", "192.168.1.5", "::", "bearings.example.org"])
def test_a_network_without_the_file_may_only_look(
    place: Path, monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    listen(monkeypatch, address)
    assert roles.is_shared()
    assert roles.person().role == "viewer"


@pytest.mark.parametrize(
    "text",
    [
        "login = ",
        "",
        'login = "password"',
        'login = "oidc"\nothers = "operator"',
        'login = "oidc"\nothers = "root"',
        'login = "oidc"\n[people]\n"ada@example.org" = "admin"',
        'login = "oidc"\n[people]\n"a@example.org" = "viewer"\n"A@example.org" = "operator"',
        'login = "oidc"\nclaims = "email"',
        'login = "oidc"\nhours = 0',
        'login = "proxy"',
        'login = "proxy"\n[proxy]\nheader = "X-User"\naddresses = []',
        'login = "proxy"\n[proxy]\nheader = "X-User"\naddresses = ["here"]',
        'login = "none"\n[people]\nada = "operator"',
        "a = " + "[" * 5000,
        "login = " + "1" * 5000,
        "\udcff",
    ],
)
def test_a_bad_file_gives_nobody_a_right(
    place: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (place / roles.FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    monkeypatch.setattr(roles, "claims", lambda: token())
    assert roles.is_shared()
    who = roles.person()
    assert (who.name, who.role) == ("", "visitor")
    assert "access.toml is damaged" in who.note


def test_a_file_that_goes_away_gives_nobody_a_right(place: Path) -> None:
    write(place, 'login = "none"\nothers = "viewer"')
    assert roles.person().role == "viewer"
    (place / roles.FILE).unlink()
    assert roles.person().role == "visitor"
    with pytest.raises(AccessError, match="gone"):
        roles.access()
    (place / roles.FILE).mkdir()
    assert roles.person().role == "visitor"


def test_a_change_of_the_file_counts_at_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, OIDC)
    monkeypatch.setattr(roles, "claims", lambda: token())
    assert roles.person().role == "operator"
    write(place, OIDC.replace('"ada@example.org" = "operator"', ""))
    assert roles.person() == roles.Person("ada@example.org", "visitor")


def token(**changes: object) -> dict[str, object]:
    whole = {"is_logged_in": True, "iat": time.time() - 60, "email": "ada@example.org",
             "email_verified": True, "sub": "1"}  # fmt: skip
    return whole | changes


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({}, "visitor"),
        (token(), "operator"),
        (token(email="Ada@Example.org"), "operator"),
        (token(email="bo@students.example.org"), "viewer"),
        (token(email="bo@evil.org"), "visitor"),
        (token(email="bo@students.example.org.evil.org"), "visitor"),
        (token(email="*@students.example.org"), "viewer"),
        (token(email_verified=False), "visitor"),
        (token(email_verified="true"), "visitor"),
        (token(email=None), "visitor"),
        (token(email=["ada@example.org"]), "visitor"),
        (token(iat=time.time() - 7300), "visitor"),
        (token(iat=None), "visitor"),
        (token(iat="soon"), "visitor"),
    ],
)
def test_a_token_gives_the_role_of_its_verified_address(
    place: Path, monkeypatch: pytest.MonkeyPatch, claims: dict[str, object], role: str
) -> None:
    write(place, OIDC)
    monkeypatch.setattr(roles, "claims", lambda: claims)
    assert roles.person().role == role


def test_streamlits_user_counts_only_if_signed_in(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, wanted in (({"email": "ada@example.org"}, {}), (token(), token())):
        monkeypatch.setattr(st, "user", SimpleNamespace(to_dict=lambda said=said: said))
        assert bool(roles.claims()) == bool(wanted)


@pytest.mark.parametrize(
    ("headers", "address", "role"),
    [
        ([("X-Forwarded-User", "ada")], "10.0.0.7", "operator"),
        ([("x-forwarded-user", "ada")], "::ffff:10.0.0.7", "operator"),
        ([("X-Forwarded-User", "Ada")], "10.0.0.7", "visitor"),
        ([("X-Forwarded-User", "ada")], "10.0.1.7", "visitor"),
        ([("X-Forwarded-User", "ada")], None, "visitor"),
        ([("X-Forwarded-User", "ada"), ("X-Forwarded-User", "bo")], "10.0.0.7", "visitor"),
        ([("X-Forwarded-User", "")], "10.0.0.7", "visitor"),
        ([], "10.0.0.7", "visitor"),
    ],
)
def test_a_header_counts_from_a_trusted_address_only(
    place: Path, monkeypatch: pytest.MonkeyPatch, headers: list[tuple[str, str]],
    address: str | None, role: str,
) -> None:  # fmt: skip
    write(place, PROXY)
    context = SimpleNamespace(headers=StreamlitHeaders(headers), ip_address=address)
    monkeypatch.setattr(st, "context", context)
    assert roles.person().role == role


def test_without_a_list_this_machine_is_trusted(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, PROXY.replace('addresses = ["10.0.0.0/24"]', ""))
    headers = StreamlitHeaders([("X-Forwarded-User", "ada")])
    for address, role in ((None, "operator"), ("10.0.0.7", "visitor")):
        context = SimpleNamespace(headers=headers, ip_address=address)
        monkeypatch.setattr(st, "context", context)
        assert roles.person().role == role


def test_a_link_to_nowhere_is_no_absent_file(place: Path) -> None:
    os.symlink(place / "none", place / roles.FILE)
    assert roles.is_shared()
    assert roles.person().role == "visitor"
