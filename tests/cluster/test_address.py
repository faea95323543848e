"""An address is kept in one form, or refused with the form that it should have."""

import pytest

from core.cluster.client import check_address
from core.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://head:8265", "http://head:8265"),
        ("  HTTP://Head.example.org/ ", "http://head.example.org:8265"),
        ("https://ray.example.org", "https://ray.example.org:443"),
        ("ray://10.0.0.7", "ray://10.0.0.7:10001"),
        ("ray://[::1]:6", "ray://[::1]:6"),
    ],
)
def test_an_address_is_kept_with_its_port(given: str, kept: str) -> None:
    assert check_address(given) == kept
    assert check_address(kept) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "head:8265",
        "ftp://head",
        "http://",
        "http://head:port",
        "http://head:99999",
        "http://me:secret@head:8265",
        "http://head:8265/jobs",
        "http://-;rm:8265",
    ],
)
def test_what_is_no_address_is_refused_with_a_hint(given: str) -> None:
    with pytest.raises(ConfigError, match="http://HOST:8265"):
        check_address(given)
