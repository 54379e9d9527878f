"""REST signing of MEXC: what arrives at a server for each vector, and which scheme a host and a path get."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from tests.wire import Wire, names
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.exchange import Draft
from topgun.exchanges.mexc import EXCHANGE
from topgun.exchanges.mexc.rest import encode, sign, sign_contract
from topgun.testing.clock import FakeClock

FILE = load(Path(__file__).parent / "vectors" / "rest.json")
VECTORS = FILE["vectors"]
KEY = Credential("K", b"S")
NOW = Instant(1_736_900_000_123_999_999)  # the part below a millisecond is cut off


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def expected(vector: dict[str, Any]) -> str:
    """Return the target of a vector; where topgun is to do better, by the rule of the official page."""
    if "improve" not in vector:
        return str(vector["sent"]["target"])
    [(name, value)] = vector["params"].items()
    query = f"{name}={quote(value, safe='')}&timestamp=1644489390087"
    return f"{URL(vector['url']).path}?{query}&signature={digest(FILE['secret'], query)}"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['number']} {vector['method']}")
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers."""
    apis = {"mexc": [FILE["key"], FILE["secret"]]}
    clock = FakeClock(FILE["clock"])
    async with (
        Wire() as wire,
        topgun.Client(apis, connector=names(), clock=clock, allow_plaintext=True, exchanges=(EXCHANGE,)) as client,
    ):
        place = URL(vector["url"]).with_scheme("http").with_port(wire.port)
        arguments = {name: vector[name] for name in ("params", "data") if name in vector}
        await client.request(vector["method"], place, **arguments)
    arrived, sent = wire.last, vector["sent"]
    assert (arrived.target, arrived.body) == (expected(vector), sent["body"].encode())
    assert {name: arrived.headers.get(name) for name in sent["headers"]} == sent["headers"]


def test_vectors_agree_with_the_official_formulas() -> None:
    """Each signature is that of the documented texts: query and body; key, time and sorted parameters."""
    for vector in VECTORS:
        sent = vector["sent"]
        query, _, found = sent["target"].partition("?")[2].rpartition("&signature=")
        if "Signature" in sent["headers"]:
            text = "&".join(sorted(sent["target"].partition("?")[2].split("&")))
            text, found = f"{FILE['key']}1644489390087{text}{sent['body']}", sent["headers"]["Signature"]
        else:
            text = query + sent["body"]
        assert digest(FILE["secret"], text) == found, vector["number"]


def drafted(method: str, url: str, data: Any = None, *, upgrade: bool = False) -> Draft:
    return Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test"}), data, upgrade=upgrade)


@pytest.mark.parametrize("given", ["timestamp=5&x=1", "x=1&timestamp=5"])
def test_time_of_the_caller(given: str) -> None:
    """A timestamp in the query is not sent twice."""
    draft = drafted("GET", f"https://api.mexc.com/api/v3/order?{given}")
    sign(draft, KEY, NOW)
    assert draft.url.raw_query_string == f"{given}&signature={digest('S', given)}"


def test_values_are_percent_encoded() -> None:
    """Whatever a value holds reads as before, and what is signed is what is sent."""
    value = "a b,c:d/é+&=%"
    draft = drafted("GET", str(URL("https://api.mexc.com/api/v3/order").with_query(x=value)))
    sign(draft, KEY, NOW)
    query, _, found = draft.url.raw_query_string.rpartition("&signature=")
    assert (digest("S", query), query) == (found, f"x={quote(value, safe='')}&timestamp={NOW.ms}")
    assert dict(parse_qsl(query))["x"] == value == draft.url.query["x"]


def test_body_of_a_form() -> None:
    """A body that the caller wrote is signed as it is, whatever it holds."""
    draft = drafted("POST", "https://api.mexc.com/api/v3/order", b"\xff=1")
    sign(draft, KEY, NOW)
    query = f"timestamp={NOW.ms}"
    found = hmac.new(b"S", query.encode() + b"\xff=1", hashlib.sha256).hexdigest()
    assert draft.url.raw_query_string == f"{query}&signature={found}"


@pytest.mark.parametrize(
    ("url", "contract"),
    [
        ("https://api.mexc.com/api/v3/account", False),
        ("https://api.mexc.com/api/v1/private/account/assets", True),
        ("https://api.mexc.com/api/v11/x", False),
    ],
)
def test_scheme_by_path(url: str, contract: bool) -> None:
    """``api.mexc.com`` has both APIs."""
    draft = drafted("GET", url)
    sign(draft, KEY, NOW)
    assert ("Signature" in draft.headers, "signature" in draft.url.query) == (contract, not contract)


def test_upgrade_is_not_signed() -> None:
    """The handshake of the contract socket stays as it is."""
    draft = drafted("GET", "https://contract.mexc.com/edge", upgrade=True)
    sign_contract(draft, KEY, NOW)
    assert dict(draft.headers) == {"User-Agent": "test"}


def test_window_is_not_signed() -> None:
    """``Recv-Window`` is the caller's, and no part of the text."""
    draft = drafted("GET", "https://contract.mexc.com/api/v1/private/account/assets")
    draft.headers["Recv-Window"] = "30"
    sign_contract(draft, KEY, NOW)
    assert (draft.headers["Recv-Window"], draft.headers["Signature"]) == ("30", digest("S", f"K{NOW.ms}"))


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://api.mexc.com/api/v3/order", None),
        ("https://api.mexc.com/api/v1/x", b'{"a": 1}'),
        ("https://contract.mexc.com/api/v1/x", b'{"a": 1}'),
    ],
)
def test_body_without_a_key(url: str, body: bytes | None) -> None:
    """Contracts want JSON in any case; on spot the client's own form stays."""
    draft = drafted("POST", url, {"a": 1})
    encode(draft)
    assert draft.body == body
    assert body is None or json.loads(draft.body or b"") == {"a": 1}


def test_record() -> None:
    """Which hosts are signed how, and that the sockets are not."""
    hosts = EXCHANGE.hosts
    assert {name: host.sign for name, host in hosts.items()} == {
        "api.mexc.com": sign,
        "contract.mexc.com": sign_contract,
        "www.mexc.com": sign_contract,
        "wbs-api.mexc.com": None,
    }
    assert {name for name, host in hosts.items() if host.login} == {"contract.mexc.com"}
    assert {name for name, host in hosts.items() if host.heartbeat} == {"contract.mexc.com", "wbs-api.mexc.com"}
    assert tuple(EXCHANGE.credential) == ("key", "secret")
