"""REST signing of Coincheck: the vectors, what no form can hold, bodies that are sent as they are, and the record."""

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
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.errors import SigningError
from topgun.exchange import Draft
from topgun.exchanges.coincheck import EXCHANGE
from topgun.exchanges.coincheck.rest import sign
from topgun.exchanges.coincheck.stream import forget, login
from topgun.request import with_params
from topgun.testing import FakeClock, FakeExchange

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
KEY = Credential("KEYcoincheck00001", b"API_SECRET")
NOW = Instant(1_721_121_776_490_999_999)  # the part below a millisecond is cut off
NONCE = "1721121776490"
ORDER = "https://coincheck.com/api/exchange/orders"


def signed(method: str, url: URL, data: Any = None) -> Draft:
    draft = Draft(method, url, CIMultiDict({"User-Agent": "test"}), data)
    sign(draft, KEY, NOW)
    return draft


def by_the_formula(url: str, body: str) -> str:
    """Return the signature that the official page asks for, computed apart from the signer."""
    return hmac.new(b"API_SECRET", f"{NONCE}{url}{body}".encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    """A request gets the URL, the body and the three headers of its vector, and nothing else changes."""
    draft = signed(vector["method"], with_params(URL(vector["url"]), vector["params"]), vector["data"])
    expected = {
        "User-Agent": "test",
        "ACCESS-KEY": "KEYcoincheck00001",
        "ACCESS-NONCE": NONCE,
        "ACCESS-SIGNATURE": vector["signature"],
    }
    if vector["body"]:
        expected["Content-Type"] = "application/x-www-form-urlencoded"
    assert dict(draft.headers) == expected
    assert (draft.body or b"") == vector["body"].encode()
    assert str(draft.url) == vector["final"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors_agree_with_the_official_formula(vector: dict[str, Any]) -> None:
    """The signature of each vector is the HMAC-SHA256 of nonce, URL and body."""
    assert by_the_formula(vector["final"], vector["body"]) == vector["signature"]


@pytest.mark.parametrize(
    ("url", "as_signed"),
    [
        ("https://me:secret@coincheck.com:443/api/ticker?a=b#part", "https://coincheck.com/api/ticker?a=b"),
        ("http://127.0.0.1:9/api/ticker", "http://127.0.0.1:9/api/ticker"),
    ],
)
def test_what_is_signed_of_a_url(url: str, as_signed: str) -> None:
    """Scheme, host, a port that is not the usual one, path and query: no user, no fragment, which are not sent."""
    assert signed("GET", URL(url)).headers["ACCESS-SIGNATURE"] == by_the_formula(as_signed, "")


@pytest.mark.parametrize("data", ["pair=btc_jpy&rate=1", b"pair=btc_jpy&rate=1"], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not encoded again."""
    draft = signed("POST", URL(ORDER), data)
    assert draft.body == b"pair=btc_jpy&rate=1"
    assert draft.headers["ACCESS-SIGNATURE"] == by_the_formula(ORDER, "pair=btc_jpy&rate=1")


@pytest.mark.parametrize("value", [None, True, {"purpose_type": "inflow"}], ids=repr)
def test_what_no_form_can_hold(value: Any) -> None:
    """A nested value would be sent as its names alone, ``None`` and ``True`` as these words: nothing is sent."""
    with pytest.raises(SigningError, match=r"purpose_details is a \w+, which no form can hold.*json="):
        signed("POST", URL(ORDER), {"amount": "1", "purpose_details": value})


async def test_json_body() -> None:
    """What is given as ``json=`` is sent as JSON, and signed as it is sent; so is a body without data."""
    async with (
        FakeExchange("coincheck") as fake,
        topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client,
    ):
        order = {"pair": "btc_jpy", "order_type": "buy", "rate": 9000000, "amount": "0.01"}
        reply = await client.fetch("POST", ORDER, json=order)
        assert (reply.response.status, reply.data["rate"]) == (200, "9000000.0")
        reply = await client.fetch("POST", ORDER)
        assert (reply.response.status, reply.data["success"]) == (400, False)
        assert [request.verified for request in fake.requests] == [True, True]
        assert fake.requests[0].body == b'{"pair": "btc_jpy", "order_type": "buy", "rate": 9000000, "amount": "0.01"}'


async def test_nonces_of_one_millisecond() -> None:
    """Requests of one and the same millisecond have nonces of their own, each the one after the last."""
    clock = FakeClock(1_721_121_776.490)
    async with (
        FakeExchange("coincheck", clock=clock) as fake,
        topgun.Client(fake.apis, exchanges=(EXCHANGE,), clock=clock) as client,
    ):
        for _ in range(3):
            reply = await client.fetch("GET", "https://coincheck.com/api/accounts/balance")
            assert reply.data["success"] is True
        venue: Any = fake._venues[0]
        assert venue.gate.nonces == {"coincheck": [1721121776490, 1721121776491, 1721121776492]}


def test_record() -> None:
    """Only coincheck.com signs, only the private stream logs in; both draw their nonces from the same rising times."""
    hosts = {
        name: (host.api, host.sign, host.login, host.forget, host.step_ns) for name, host in EXCHANGE.hosts.items()
    }
    assert hosts == {
        "coincheck.com": ("coincheck", sign, None, None, 1_000_000),
        "ws-api.coincheck.com": (None, None, None, forget, 0),
        "stream.coincheck.com": ("coincheck", None, login, forget, 1_000_000),
    }
    assert tuple(EXCHANGE.credential) == ("key", "secret")
