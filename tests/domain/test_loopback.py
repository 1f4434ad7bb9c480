"""Loopback: what this machine's own addresses are is decided once, and patterns agree with it."""

import re
from pathlib import Path

import pytest

from reconciler.adapters.packaged import schema_text
from reconciler.adapters.settings import Settings
from reconciler.domain.jsontext import parse
from reconciler.domain.loopback import is_loopback_address, is_loopback_host, is_loopback_url
from reconciler.errors import UsageError
from tests.support.program import ROOT

OWN = ("127.0.0.1", "127.8.9.1", "::1")
FOREIGN = (
    "::ffff:127.0.0.1", "0.0.0.0", "::", "", "128.0.0.1", "10.0.0.1", "fe80::1", "1", "127.1",
    "127.0.0.1.example.com", "localhost.example.com",
)  # fmt: skip
URLS = parse(schema_text("manifest").encode())["$defs"]["Url"]["allOf"][0]["pattern"]


def test_loopback_is_an_address_in_127_or_the_one_of_ipv6():
    assert all(map(is_loopback_address, OWN))
    assert not any(map(is_loopback_address, (*FOREIGN, "localhost")))


def test_a_host_is_loopback_by_its_address_or_as_localhost_and_no_name_is_looked_up():
    assert all(map(is_loopback_host, (*OWN, "localhost")))
    assert not any(map(is_loopback_host, (*FOREIGN, "localhost.", "LOCALHOST")))


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:8080/scim/v2", True),
        ("http://[::1]:8080/scim/v2", True),
        ("https://LOCALHOST", True),
        ("https://localhost@acme.example.com", False),
        ("embedded:", False),
        ("http://[acme]/scim/v2", False),
    ],
)
def test_a_url_is_loopback_by_its_host(url: str, own: bool):
    assert is_loopback_url(url) is own


@pytest.mark.parametrize("host", [*OWN, "localhost", *FOREIGN])
def test_the_patterns_of_manifests_and_settings_take_http_only_for_loopback(host: str):
    url = f"http://[{host}]" if ":" in host else f"http://{host}"
    variables = {"GITHUB_API_URL": url, "GITHUB_REPOSITORY": "o/n", "GITHUB_TOKEN": "t"}

    assert bool(re.match(URLS, url)) is is_loopback_host(host)
    if is_loopback_host(host):
        assert Settings(variables).github().api_url == url
    else:
        with pytest.raises(UsageError, match="GITHUB_API_URL"):
            Settings(variables).github()


def test_nothing_else_asks_python_what_loopback_is():
    """Its own test takes more or less in, from one version of Python to another."""
    files = Path(ROOT / "reconciler").rglob("*.py")

    assert [str(f) for f in files if re.search(r"\.is_loopback\b", f.read_text())] == []
