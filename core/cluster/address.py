"""The address of a Ray cluster, checked before anything is asked of it."""

import re
from urllib.parse import urlsplit

from core.errors import ConfigError

HOW = (
    "give http://HOST:8265, the page that `ray start --head` names as its dashboard, or "
    "ray://HOST:10001, Ray's client port"
)
_PORTS = {"http": 8265, "https": 443, "ray": 10001}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:]+")


def check_address(text: str) -> str:
    """Return the address of a cluster as it is kept: scheme, host and port.

    Args:
        text: As a user writes it: `http://host`, `https://host:443/`, `ray://host:10001`.

    Raises:
        ConfigError: It is no such address; the message says how one looks.
    """
    given = text.strip()
    if "://" not in given:
        raise ConfigError(f"{given or 'nothing'} is no address of a Ray cluster: {HOW}")
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"{given} is no address of a Ray cluster ({error}): {HOW}") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not _HOST.fullmatch(host) or parts.username is not None:
        raise ConfigError(f"{given} is no address of a Ray cluster: {HOW}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"{given} goes on after the port: {HOW}")
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{_PORTS[scheme] if port is None else port}"
