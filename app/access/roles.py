"""Who may do what: the roles that `access.toml` gives, and the person behind a session.

Without that file the app serves its own machine, whose user may do everything. A server that
listens to a network, or that has the file, is shared: there nobody has a right that the file does
not give. A file that cannot be used gives none.
"""

import functools
import logging
import os
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Literal, Self

import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, model_validator

from app.workspace import workspace
from core.errors import AccessError
from core.files import read_regular, refusing

FILE = "access.toml"
Role = Literal["visitor", "viewer", "operator"]
RANK: Mapping[Role, int] = {"visitor": 0, "viewer": 1, "operator": 2}
_LOCAL = ("localhost", "127.0.0.1", "::1")
_MOST_BYTES = 1_000_000
_LOG = logging.getLogger(__name__)


class ProxyHeader(BaseModel):
    """The header in which a reverse proxy names the person, and where that proxy is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header: str = Field(pattern=r"^[A-Za-z0-9-]+$")
    addresses: tuple[IPvAnyNetwork, ...] = Field(
        (IPvAnyNetwork("127.0.0.1"), IPvAnyNetwork("::1")),  # type: ignore[operator]
        min_length=1,
    )


class Access(BaseModel):
    """Content of `access.toml`.

    Attributes:
        login: How people sign in: by OIDC (Streamlit's `st.login`), by a proxy that did so before,
            or not at all.
        people: Role by name; `*@example.org` stands for all addresses of a domain.
        others: Role of who signed in and is not listed; without sign-in, of everybody.
        visitors_see: What a visitor sees.
        claim: What of an OIDC token is the name. An `email` must be one that the provider verified.
        hours: How long a sign-in by OIDC lasts.
        clusters: Addresses of Ray clusters on which jobs may run.
        proxy: Required for the sign-in by a proxy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    login: Literal["oidc", "proxy", "none"]
    people: dict[str, Role] = {}
    others: Role = "visitor"
    visitors_see: Literal["nothing", "demo"] = "nothing"
    claim: str = Field("email", min_length=1)
    hours: float = Field(12.0, gt=0, le=24 * 30)
    clusters: tuple[str, ...] = ()
    proxy: ProxyHeader | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.login == "proxy") != (self.proxy is not None):
            raise ValueError('login = "proxy" and a table [proxy] need each other')
        if self.login != "none" and self.others == "operator":
            raise ValueError('others = "operator" would make one of everybody who has an account')
        if self.login == "none" and self.people:
            raise ValueError('login = "none" knows nobody by name: leave [people] out')
        if len({_folded(name) for name in self.people}) < len(self.people):
            raise ValueError("[people] names somebody twice")
        return self

    def role_of(self, name: str) -> Role:
        """The role of a person who signed in under a name."""
        listed = {_folded(each): role for each, role in self.people.items()}
        wanted = _folded(name)
        domain = f"*@{wanted.rpartition('@')[2]}" if "@" in wanted else wanted
        return listed.get(wanted, listed.get(domain, self.others))


@dataclass(frozen=True)
class Person:
    """Who is behind a session: a name, empty if nobody signed in, a role, and why it is no more."""

    name: str
    role: Role
    note: str = ""


def is_shared() -> bool:
    """Whether others than the user of this machine may reach the app."""
    return _file() is not None or is_open_to_a_network()


def is_open_to_a_network() -> bool:
    """Whether the server listens to more than this machine; Streamlit's own default does."""
    return st.get_option("server.address") not in _LOCAL


def access() -> Access | None:
    """What `access.toml` says; None if there is none.

    Raises:
        AccessError: It cannot be used.
    """
    file = _file()
    if file is None:
        return None
    try:
        status = file.stat()
    except OSError as error:
        raise AccessError(
            f"{file} is gone or cannot be read ({error.strerror}): put it back, or start the app "
            "again without it"
        ) from error
    found = _read(file, (status.st_mtime_ns, status.st_size, status.st_ino))
    if isinstance(found, AccessError):
        raise found
    return found


def person() -> Person:
    """Who is behind this session; asked anew at every action, so that changes count at once."""
    try:
        rules = access()
    except AccessError as error:
        return Person("", "visitor", str(error))
    if rules is None:
        return Person("", "viewer" if is_open_to_a_network() else "operator")
    if rules.login == "none":
        return Person("", rules.others)
    if rules.proxy is not None:
        name, note = _from_proxy(rules.proxy), ""
    else:
        name, note = _from_token(rules, claims())
    return Person(name, rules.role_of(name) if name else "visitor", note)


def claims() -> Mapping[str, Any]:
    """What the provider says of who is signed in; empty if nobody is."""
    found = st.user.to_dict()
    return found if found.get("is_logged_in") is True else {}


def clusters() -> tuple[str, ...]:
    """Addresses of clusters on which a shared app may run jobs."""
    rules = access()
    return () if rules is None else rules.clusters


def _from_token(rules: Access, found: Mapping[str, Any]) -> tuple[str, str]:
    """The name in a token, or why it has none that counts."""
    if not found:
        return "", ""
    issued = found.get("iat")
    if not isinstance(issued, int | float) or time.time() - issued > rules.hours * 3600.0:
        return "", f"The sign-in is older than {rules.hours:g} hours: sign in again."
    name = found.get(rules.claim)
    if not isinstance(name, str) or not name:
        return "", f"The provider says no {rules.claim} of this account."
    if rules.claim == "email" and found.get("email_verified") is not True:
        return "", f"The provider has not verified the address {name}."
    return name, ""


def _from_proxy(proxy: ProxyHeader) -> str:
    """The name that a trusted proxy gives; empty if there is none."""
    names = st.context.headers.get_all(proxy.header)
    if not names:
        return ""
    # Streamlit says None of this machine.
    address = ip_address(st.context.ip_address or "127.0.0.1")
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if len(names) != 1 or not any(address in network for network in proxy.addresses):
        _warn_of(proxy.header, str(address))
        return ""
    return names[0].strip()


@functools.lru_cache(maxsize=100)
def _warn_of(header: str, address: str) -> None:
    """Say once in the log of the server why a header does not count."""
    _LOG.warning(
        "The header %s came from %s, or twice, and does not count: [proxy] of %s lists other "
        "addresses. A proxy on this machine must not send X-Forwarded-For, see docs/deploy.md.",
        header, address, FILE,
    )  # fmt: skip


_seen: set[Path] = set()


def _file() -> Path | None:
    """The file of roles; None if there is none, and there was none since the start."""
    file = workspace().root / FILE
    if file not in _seen:
        if not os.path.lexists(file):
            return None
        # An editor replaces a file, which then is absent for a moment: that must give no rights.
        _seen.add(file)
    return file


@functools.lru_cache(maxsize=8)
def _read(file: Path, key: tuple[int, ...]) -> Access | AccessError:
    try:
        with refusing(file, "mend it; until then nobody may do anything", AccessError):
            text = read_regular(file, _MOST_BYTES).decode("utf-8-sig")
            return Access.model_validate(tomllib.loads(text))
    except AccessError as error:
        _LOG.error("%s", error)
        return error


def _folded(name: str) -> str:
    """A name as it is compared: addresses of mail without case."""
    return name.lower() if "@" in name else name
