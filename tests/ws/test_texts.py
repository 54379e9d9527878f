"""What may be said of a socket."""

from __future__ import annotations

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from topgun.credentials import Credential
from topgun.ws.texts import describe, masked, place


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("wss://example.test/ws?token=hidden#hidden", "wss://example.test/ws"),
        (URL("wss://user:hidden@example.test:8443/a/b?x=1"), "wss://example.test:8443/a/b"),
        ("/relative?token=hidden", "/relative"),
        ("ws://host:port/x?token=hidden", "ws://host:port/x"),
    ],
)
def test_place(url: str | URL, expected: str) -> None:
    """Only scheme, host, port and path are said."""
    assert place(url) == expected


def test_describe() -> None:
    """An error is described by its kind and text; queries and aiohttp's request data are left out."""
    assert describe(ValueError("bad url 'ws://h/p?token=hidden' given")) == "ValueError: bad url 'ws://h/p?*** given"
    url = URL("ws://h/p?token=hidden")
    info = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict({"key": "hidden"})), url)
    error = aiohttp.WSServerHandshakeError(info, (), status=503, message="hidden")
    assert describe(error) == "WSServerHandshakeError: HTTP 503"


def test_masked() -> None:
    """Fields named like secrets and the credential's own items are masked, at any depth, in a copy."""
    reply = {
        "API-KEY": "abcdef",
        "apiKey": 5,
        "args": ["key-of-a-test!", {"Passphrase": "x"}, 7, ("secret-of-a-test",)],
        "msg": "phrase ok",
        "code": None,
    }
    key = Credential("key-of-a-test", b"secret-of-a-test", "phrase")
    assert masked(reply, key) == {
        "API-KEY": "***",
        "apiKey": "***",
        "args": ["***!", {"Passphrase": "***"}, 7, ["***"]],
        "msg": "*** ok",
        "code": None,
    }
    assert reply["apiKey"] == 5
    assert masked("a key", Credential("a", b"k")) == "a key"  # too short to be told from words
    assert masked("text", None) == "text"
