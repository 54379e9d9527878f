"""What may be said of a socket."""

from __future__ import annotations

import base64
import hashlib

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from topgun.credentials import Credential
from topgun.ws.texts import describe, line_of, masked, place, secrets_of

HEX = hashlib.sha256(b"a signature").hexdigest()
BASE64 = base64.b64encode(hashlib.sha512(b"another signature").digest()).decode()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("wss://example.test/ws?token=hidden#hidden", "wss://example.test/ws"),
        (URL("wss://user:hidden@example.test:8443/a/b?x=1"), "wss://example.test:8443/a/b"),
        ("/relative?token=hidden", "/relative"),
        ("ws://host:port/x?token=hidden", "ws://host:port/x"),
        (f"wss://example.test/ws/{HEX}", "wss://example.test/ws/***"),
        (f"wss://example.test/private/v1/{HEX[:20]}/{HEX[:20]}?x=1", "wss://example.test/private/v1/***/***"),
        ("wss://a-very-long-name-of-host-2.example.test/v5/public/linear", None),
        ("wss://example.test/ws/btcusdt@depth20@100ms/ethusdt@kline_1m", None),
        (f"ws://host:port/{HEX}", "ws://host:port/***"),
        ("wss://example.test/ws/private/v1/short+!", "wss://example.test/ws/private/v1/***"),
    ],
)
def test_d31_place(url: str | URL, expected: str | None) -> None:
    """D31: only scheme, host, port and path are said, and the path without the token that some venues have there."""
    expected = str(url) if expected is None else expected
    assert place(url) == expected


def test_describe() -> None:
    """An error is described by its kind and text; queries and aiohttp's request data are left out."""
    assert describe(ValueError("bad url 'ws://h/p?token=hidden' given")) == "ValueError: bad url 'ws://h/p?*** given"
    url = URL("ws://h/p?token=hidden")
    info = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict({"key": "hidden"})), url)
    error = aiohttp.WSServerHandshakeError(info, (), status=503, message="hidden")
    assert describe(error) == "WSServerHandshakeError: HTTP 503"
    assert describe(ValueError(f"cannot use {HEX}")) == "ValueError: cannot use ***"
    for token in ("short", "x" * 20):
        late = aiohttp.ConnectionTimeoutError(f"Connection timeout to host wss://h/ws/private/v1/{token} now")
        assert describe(late) == "ConnectionTimeoutError: Connection timeout to host wss://h/ws/private/v1/*** now"


def test_line_of() -> None:
    """The place of an error is the innermost line that raised it; an error that was never raised has none."""
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018  (it is there to fail)
    name, line = line_of(caught.value).split(":")
    assert name == "test_texts.py"
    assert int(line) > 10
    assert line_of(KeyError()) == "nowhere"


def test_secrets_of() -> None:
    """The secrets of a connection are the items of its credential and the tokens in its URL, the longest first."""
    url = URL(f"wss://user:password-of-a-test@h.example/ws/{HEX[:30]}?token=token-of-a-test&channel=trades&sig=abc")
    key = Credential("key", b"secret-of-a-test", "phrase-")
    assert secrets_of(url, key) == [HEX[:30], "password-of-a-test", "secret-of-a-test", "token-of-a-test", "phrase-"]
    assert secrets_of(URL("wss://h.example/v5/public"), None) == []


def test_masked() -> None:
    """Fields named like secrets, and the secrets themselves, are masked at any depth, in a copy."""
    reply = {
        "API-KEY": "abcdef",
        "apiKey": 5,
        "OK-ACCESS-SIGN": "x",
        "listen_key": "x",
        "args": ["key-of-a-test!", {"Passphrase": "x"}, 7, ("secret-of-a-test",)],
        "key-of-a-test": 1,
        "msg": "my-phrase ok",
        "code": None,
    }
    assert masked(reply, ["secret-of-a-test", "key-of-a-test", "my-phrase"]) == {
        "API-KEY": "***",
        "apiKey": "***",
        "OK-ACCESS-SIGN": "***",
        "listen_key": "***",
        "args": ["***!", {"Passphrase": "***"}, 7, ["***"]],
        "***": 1,
        "msg": "*** ok",
        "code": None,
    }
    assert reply["apiKey"] == 5
    assert masked("text", []) == "text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"op":"login","args":["k",1700000000,"{HEX}"]}}', '{"op":"login","args":["k",1700000000,"***"]}'),
        (f"signature {BASE64} is wrong", "signature *** is wrong"),
        ("insufficient_permission_for_this_key, see https://docs.example/v5/error#10003", None),
        ("Invalid request, please check your server timestamp or recv_window param.", None),
    ],
)
def test_masked_knows_a_signature_by_its_looks(text: str, expected: str | None) -> None:
    """A reply that quotes the login is shown without its signature, whatever field holds it; words stay."""
    assert masked([text], []) == [text if expected is None else expected]
