"""REST signing of GMO Coin: what arrives at a server for each vector, what is signed of a body, the record."""

from __future__ import annotations

import hashlib
import hmac
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
from topgun.exchanges._pace import Pace
from topgun.exchanges.gmocoin import EXCHANGE, GMOCoinDataStore
from topgun.exchanges.gmocoin.rest import sign
from topgun.exchanges.gmocoin.stream import answer, forget, heartbeat, readdress
from topgun.testing.clock import FakeClock

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
REST = [vector for vector in VECTORS if vector["url"].startswith("https")]
KEY = Credential("KEYgmocoin0000001", b"SECgmocoin0000001")
NOW = Instant(1_721_121_776_490_999_999)  # the part below a millisecond is cut off
ORDER = "https://api.coin.z.com/private/v1/order"


def signed(method: str, url: str, data: Any = None, now: Instant = NOW, *, upgrade: bool = False) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test"}), data, upgrade=upgrade)
    sign(draft, KEY, now)
    return draft


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    """A request gets the body and the three headers of its vector, and nothing else changes."""
    draft = signed(vector["method"], vector["final"], vector["data"], upgrade=vector["url"].startswith("wss"))
    expected = {
        "User-Agent": "test",
        "API-KEY": vector["key"],
        "API-TIMESTAMP": str(vector["ms"]),
        "API-SIGN": vector["sign"],
    }
    if vector["body"]:
        expected["Content-Type"] = "application/json"
    assert dict(draft.headers) == expected
    assert (draft.body or b"") == vector["body"].encode()
    assert str(draft.url) == vector["final"]


@pytest.mark.parametrize("vector", REST, ids=lambda vector: vector["name"])
async def test_vectors_over_the_wire(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers."""
    url = URL(vector["url"], encoded=True)
    apis = {name: [vector["key"], vector["secret"]] for name in EXCHANGE.apis}
    clock = FakeClock(vector["ms"] / 1000)
    async with (
        Wire() as wire,
        topgun.Client(apis, connector=names(), clock=clock, allow_plaintext=True, exchanges=(EXCHANGE,)) as client,
    ):
        place = url.with_scheme("http").with_port(wire.port)
        await client.fetch(vector["method"], place, params=vector["params"], data=vector["data"])
    arrived = wire.last
    assert arrived.target == URL(vector["final"], encoded=True).raw_path_qs
    assert arrived.body == vector["body"].encode()
    assert {name: value for name, value in arrived.headers.items() if name.startswith("API-")} == {
        "API-KEY": vector["key"],
        "API-TIMESTAMP": str(vector["ms"]),
        "API-SIGN": vector["sign"],
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors_agree_with_the_official_formula(vector: dict[str, Any]) -> None:
    """The signature of each vector is the HMAC-SHA256 of the text written beside it."""
    digest = hmac.new(vector["secret"].encode(), vector["text"].encode(), hashlib.sha256)
    assert digest.hexdigest() == vector["sign"]
    assert vector["text"].startswith(f"{vector['ms']}{vector['method']}/")
    assert vector["text"].endswith(vector["body"]) == (vector["method"] == "POST" or not vector["body"])


@pytest.mark.parametrize("data", ['{"size":"0.1"}', b'{"size":"0.1"}'], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not turned into JSON again."""
    draft = signed("POST", ORDER, data)
    assert draft.body == b'{"size":"0.1"}'
    text = b'1721121776490POST/v1/order{"size":"0.1"}'
    assert draft.headers["API-SIGN"] == hmac.new(KEY.secret, text, hashlib.sha256).hexdigest()


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers, equal to that of a request signed only once."""
    later = Instant(NOW.ns + 5_000_000_000)
    draft = signed("POST", ORDER, {"size": "0.1"})
    sign(draft, KEY, later)
    assert list(draft.headers.items()) == list(signed("POST", ORDER, {"size": "0.1"}, later).headers.items())


def test_record() -> None:
    """Each of the two products has one host for everything, a name in ``apis``, and a limit of its own."""
    hosts = EXCHANGE.hosts
    assert {name: host.api for name, host in hosts.items()} == {
        "api.coin.z.com": "gmocoin",
        "forex-api.coin.z.com": "gmocoin_fx",
    }
    assert tuple(EXCHANGE.apis) == ("gmocoin", "gmocoin_fx")
    assert tuple(EXCHANGE.credential) == ("key", "secret")
    assert EXCHANGE.stores == (GMOCoinDataStore,)
    for host in hosts.values():
        assert (host.sign, host.readdress, host.heartbeat) == (sign, readdress, heartbeat)
        assert (host.answer, host.forget) == (answer, forget)
        assert (host.login, host.greet, host.sign_message, host.step_ns) == (None, None, None, 0)
        assert isinstance(host.limit, Pace)
    assert len({id(host.limit) for host in hosts.values()}) == 2
