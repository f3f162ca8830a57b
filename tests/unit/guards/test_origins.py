"""Which pages are the service's own or allowed, in every way that their address may be written."""

from __future__ import annotations

import pytest

from api.guards.origins import Origin, may_connect, parsed

OWN = [
    ("https://x", "x:443"),
    ("https://x:443", "x"),
    ("https://x", "x"),
    ("http://x", "x:80"),
    ("http://x:80", "x"),
    ("HTTPS://X.Example", "x.example"),
    ("https://x.example", "X.EXAMPLE."),
    ("https://x.example.", "x.example:443"),
    ("http://[::1]:8000", "[0:0:0:0:0:0:0:1]:8000"),
    ("http://[::1]", "[::1]:80"),
    ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("https://xn--bcher-kva.example", "bücher.example"),
]
FOREIGN = [
    ("null", "x"),
    ("null", "null"),
    ("", ""),
    ("https://x", "y"),
    ("https://x:444", "x"),
    ("http://x", "x:443"),
    ("https://x", "x:80"),
    ("https://x.evil.example", "x"),
    ("https://x@evil.example", "x"),
    ("https://evil.example#x", "x"),
    ("https://x/path", "x"),
    ("file://", ""),
    ("chrome-extension://abc", "abc"),
    ("http://[", "["),
    ("https://x:99999x", "x"),
    ("https:// x", "x"),
    ("https://x", "x, y"),
    ("https://x\\.evil.example", "x"),
    ("https://x", ""),
    ("ftp://x", "x"),
]


@pytest.mark.parametrize(("origin", "host"), OWN)
def test_our_own_page_however_it_is_written(origin: str, host: str) -> None:
    assert may_connect(origin, host, [])


@pytest.mark.parametrize(("origin", "host"), FOREIGN)
def test_no_other_page_passes_for_ours(origin: str, host: str) -> None:
    assert not may_connect(origin, host, [])


@pytest.mark.parametrize(
    "allowed", ["https://a.example", "https://A.example:443", "https://a.example/", "https://a.example."]
)
def test_an_allowed_page_however_the_setting_is_written(allowed: str) -> None:
    assert may_connect("https://a.example", "x", [allowed])
    for other in ("http://a.example", "https://b.example", "https://a.example:8443", "null"):
        assert not may_connect(other, "x", [allowed, "null", "*"])
    assert parsed(allowed) == Origin("https", "a.example", 443)
