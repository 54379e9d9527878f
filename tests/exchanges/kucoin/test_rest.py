"""REST signing of KuCoin: what arrives at a server for each vector, what is signed of a query, the record."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
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
from topgun.exchanges.kucoin import EXCHANGE, KuCoinDataStore
from topgun.exchanges.kucoin.rest import sign
from topgun.exchanges.kucoin.stream import forget, greet, heartbeat, readdress
from topgun.testing.clock import FakeClock

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
SIGNED = [vector for vector in VECTORS if vector["auth"]]
ORDER = "https://api.kucoin.com/api/v1/hf/orders"


def signed(vector: dict[str, Any], **changes: Any) -> Draft:
    given = {**vector, **changes}
    headers = CIMultiDict({"User-Agent": "test", **given.get("headers", {})})
    draft = Draft(given["method"], URL(given["final"], encoded=True), headers, given["data"])
    key = Credential(given["key"], given["secret"].encode(), given["passphrase"])
    sign(draft, key, Instant(given["ms"] * 1_000_000 + 999_999))  # the part below a millisecond is cut off
    return draft


def expected(vector: dict[str, Any]) -> dict[str, str]:
    return {
        "KC-API-KEY": vector["key"],
        "KC-API-TIMESTAMP": str(vector["ms"]),
        "KC-API-SIGN": vector["sign"],
        "KC-API-PASSPHRASE": vector["phrase"],
        "KC-API-KEY-VERSION": "2",
    }


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    """A request gets the body and the headers of its vector, and nothing else changes."""
    draft = signed(vector)
    content = {"Content-Type": "application/json"} if vector["body"] else {}
    if not vector["body"] and vector["method"] != "GET":
        content = {"Content-Type": "application/octet-stream"}
    assert dict(draft.headers) == {"User-Agent": "test", **content, **expected(vector)}
    assert (draft.body or b"") == vector["body"].encode()
    assert str(draft.url) == vector["final"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_vectors_over_the_wire(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers; with ``auth=None`` without them."""
    apis = {"kucoin": [vector["key"], vector["secret"], vector["passphrase"]]}
    clock = FakeClock(vector["ms"] / 1000)
    async with (
        Wire() as wire,
        topgun.Client(apis, connector=names(), clock=clock, allow_plaintext=True, exchanges=(EXCHANGE,)) as client,
    ):
        place = URL(vector["url"], encoded=True).with_scheme("http").with_port(wire.port)
        unsigned = {} if vector["auth"] else {"auth": None}
        await client.fetch(vector["method"], place, params=vector["params"], data=vector["data"], **unsigned)
    arrived = wire.last
    assert arrived.target == URL(vector["final"], encoded=True).raw_path_qs
    assert arrived.body == vector["body"].encode()
    ours = {name: value for name, value in arrived.headers.items() if name.startswith("KC-")}
    assert ours == (expected(vector) if vector["auth"] else {})


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["name"])
def test_vectors_agree_with_the_official_formula(vector: dict[str, Any]) -> None:
    """Signature and passphrase of each vector are the HMAC-SHA256 of the texts written beside them."""
    made = [
        b64encode(hmac.new(vector["secret"].encode(), text.encode(), hashlib.sha256).digest()).decode()
        for text in (vector["text"], vector["passphrase"])
    ]
    assert made == [vector["sign"], vector["phrase"]]
    assert vector["text"].startswith(f"{vector['ms']}{vector['method']}/api/")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("abc!@%2311", "abc!@#11"),  # the example of the official page
        ("x%26y%3Dz%3Bw", "x%26y%3Dz%3Bw"),
        ("50%25", "50%"),
        ("a+b", "a b"),
    ],
)
def test_a_query_is_signed_decoded(query: str, text: str) -> None:
    """But for what would make another query of it."""
    vector = {**SIGNED[0], "final": f"https://api.kucoin.com/api/v1/x?q={query}"}
    digest = hmac.new(b"kcsecret", f"1700000000123GET/api/v1/x?q={text}".encode(), hashlib.sha256).digest()
    assert signed(vector).headers["KC-API-SIGN"] == b64encode(digest).decode()


@pytest.mark.parametrize("data", ['{"size":"0.1"}', b'{"size":"0.1"}'], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not turned into JSON again."""
    draft = signed(SIGNED[3], data=data)
    digest = hmac.new(b"kcsecret", b'1700000000123POST/api/v1/hf/orders{"size":"0.1"}', hashlib.sha256).digest()
    assert draft.body == b'{"size":"0.1"}'
    assert draft.headers["KC-API-SIGN"] == b64encode(digest).decode()


def test_a_version_of_the_key_that_the_caller_has_set() -> None:
    """It stays, and so does a content type; the signature is the same."""
    draft = signed(SIGNED[4], headers={"KC-API-KEY-VERSION": "3", "Content-Type": "application/json"})
    assert draft.headers["KC-API-KEY-VERSION"] == "3"
    assert draft.headers["Content-Type"] == "application/json"
    assert draft.headers["KC-API-SIGN"] == SIGNED[4]["sign"]


def test_the_record() -> None:
    """Which hosts there are, what they do, and what a credential consists of."""
    rest = {host for host, record in EXCHANGE.hosts.items() if record.sign is sign}
    sockets = {host: record for host, record in EXCHANGE.hosts.items() if host not in rest}
    assert rest == {"api.kucoin.com", "api-futures.kucoin.com"}
    assert set(sockets) == {"ws-api-spot.kucoin.com", "ws-api-futures.kucoin.com", "push-private.kucoin.com"}
    for record in sockets.values():
        assert (record.greet, record.heartbeat, record.readdress) == (greet, heartbeat, readdress)
        assert (record.forget, record.sign, record.login) == (forget, None, None)
        assert isinstance(record.limit, Pace)
    assert (EXCHANGE.name, EXCHANGE.credential) == ("kucoin", ("key", "secret", "passphrase"))
    assert EXCHANGE.stores == (KuCoinDataStore,)


async def test_a_credential_of_two_parts(caplog: pytest.LogCaptureFixture) -> None:
    """It is left out with a warning; nothing is signed with it."""
    async with topgun.Client({"kucoin": ["a-key", "a-secret"]}, exchanges=(EXCHANGE,)):
        pass
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "kucoin" in record.getMessage()
    assert "a-secret" not in record.getMessage()
