"""REST signing of OKJ: what arrives at a server for each vector, and the hosts that are signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from tests.wire import Wire, names
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.exchange import Draft
from topgun.exchanges.okj import EXCHANGE
from topgun.exchanges.okj.rest import sign
from topgun.testing.clock import FakeClock

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
APIS = {"okj": ["okj-key", "okj-secret", "okj-pass"]}
KEY = Credential("okj-key", b"okj-secret", "okj-pass")
NOW = Instant(1_705_307_400_123_999_999)  # the part below a millisecond is cut off
TIME = "2024-01-15T08:30:00.123Z"


def by_the_formula(text: bytes) -> str:
    return base64.b64encode(hmac.new(b"okj-secret", text, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers; ``auth=None`` leaves it alone."""
    url, clock = URL(vector["url"]), FakeClock(datetime.fromisoformat(vector["time"]).timestamp())
    arguments = {name: vector[name] for name in ("params", "data") if name in vector}
    async with (
        Wire() as wire,
        topgun.Client(APIS, connector=names(), clock=clock, allow_plaintext=True, exchanges=(EXCHANGE,)) as client,
    ):
        place = url.with_scheme("http").with_port(wire.port)
        await client.fetch(vector["method"], place, **arguments)
        signed = wire.last
        await client.fetch("GET", place, auth=None)
        plain = wire.last
    assert (signed.target, signed.body) == (vector["target"], vector["body"].encode())
    assert {name: signed.headers[name] for name in signed.headers if name.startswith(("OK-", "Content-Type"))} == {
        "OK-ACCESS-KEY": "okj-key",
        "OK-ACCESS-SIGN": vector["sign"],
        "OK-ACCESS-TIMESTAMP": vector["time"],
        "OK-ACCESS-PASSPHRASE": "okj-pass",
        "Content-Type": "application/json",
    }
    assert not [name for name in plain.headers if name.startswith("OK-")]


def test_vectors_agree_with_the_official_formula() -> None:
    """The signature of each vector is the one that the official page describes."""
    for vector in VECTORS:
        text = f"{vector['time']}{vector['method']}{vector['target']}{vector['body']}"
        assert by_the_formula(text.encode()) == vector["sign"]


def signed(method: str, url: str, data: Any = None, **headers: str) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test", **headers}), data)
    sign(draft, KEY, NOW)
    return draft


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("query", "data", "body"),
    [
        ("", None, ""),
        ("?b=2&a=1", None, ""),
        ("?name=%E5%86%86&x=a%2Fb%20c%2Cd", None, ""),
        ("", {"memo": "円 / é"}, '{"memo": "\\u5186 / \\u00e9"}'),
        ("?a=1", '{"sz":"0.1"}', '{"sz":"0.1"}'),
        ("", b'{"memo":"\xe5\x86\x86"}', '{"memo":"円"}'),
        ("", {}, ""),
        ("", [], ""),
    ],
)
def test_what_is_signed(method: str, query: str, data: Any, body: str) -> None:
    """Time, method, path with its query as it stands, and the bytes of the body; texts and bytes as they are."""
    draft = signed(method, f"https://api.okj.com/api/v5/trade/order{query}", data)
    assert (draft.body or b"") == body.encode()
    expected = by_the_formula(f"{TIME}{method}/api/v5/trade/order{query}{body}".encode())
    assert draft.headers["OK-ACCESS-SIGN"] == expected


def test_other_headers_stay() -> None:
    """The headers are added; the others, and a type of content that the caller has set, stay as they are."""
    draft = signed("GET", "https://api.okj.com/api/v5/account/balance", **{"content-type": "text/x"})
    assert dict(draft.headers) == {
        "User-Agent": "test",
        "content-type": "text/x",
        "OK-ACCESS-KEY": "okj-key",
        "OK-ACCESS-SIGN": by_the_formula(f"{TIME}GET/api/v5/account/balance".encode()),
        "OK-ACCESS-TIMESTAMP": TIME,
        "OK-ACCESS-PASSPHRASE": "okj-pass",
    }


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers, equal to that of a request signed only once."""
    draft = signed("POST", "https://api.okj.com/api/v5/trade/order", {"sz": "0.1"})
    sign(draft, KEY, Instant(NOW.ns - 5_000_000_000))
    sign(draft, KEY, NOW)
    again = signed("POST", "https://api.okj.com/api/v5/trade/order", {"sz": "0.1"})
    assert list(draft.headers.items()) == list(again.headers.items())


def test_credentials_have_three_parts() -> None:
    """Key, secret and passphrase, under one name, for every host."""
    assert list(EXCHANGE.credential) == ["key", "secret", "passphrase"]
    assert EXCHANGE.apis == ()
    assert {host.api for host in EXCHANGE.hosts.values()} == {"okj"}


def test_hosts() -> None:
    """The HTTP hosts are signed and the WebSocket hosts are not, their upgrade neither."""
    assert {name for name, host in EXCHANGE.hosts.items() if host.sign is sign} == {
        "www.okcoin.jp",
        "www.okj.com",
        "api.okj.com",
    }
    assert {name for name, host in EXCHANGE.hosts.items() if host.sign is None} == {
        "connect.okcoin.jp",
        "connect.okj.com",
        "ws.okj.com",
    }
