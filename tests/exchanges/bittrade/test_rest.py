"""REST signing of BitTrade: what arrives at a server for each vector, the formula computed apart, handshakes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from tests.wire import Arrived, Wire, names
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.exchange import Draft
from topgun.exchanges.bittrade import EXCHANGE
from topgun.exchanges.bittrade.rest import sign
from topgun.exchanges.bittrade.stream import answer, decode, forget, heartbeat, limit, login
from topgun.testing.clock import FakeClock

SET = load(Path(__file__).parent / "vectors" / "rest.json")
VECTORS = SET["requests"]
NOW = datetime.fromisoformat(SET["time"]).timestamp()
KEY = Credential(SET["key"], SET["secret"].encode())
HOST = "https://api-cloud.bittrade.co.jp"
ADDED = ["AccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp", "Signature"]


def by_the_formula(method: str, target: str, *, space: str = "%20") -> tuple[str, str]:
    """Return the text that the official page signs for a target, and its signature, computed apart from the signer."""
    path, _, query = target.partition("?")
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "Signature"]
    pairs.sort(key=lambda pair: pair[0].encode())
    encoded = [f"{quote(name, safe='')}={quote(value, safe='').replace('%20', space)}" for name, value in pairs]
    text = "\n".join([method, "api-cloud.bittrade.co.jp", path, "&".join(encoded)])
    return text, base64.b64encode(hmac.new(KEY.secret, text.encode(), hashlib.sha256).digest()).decode()


async def sent(vector: dict[str, Any], **more: Any) -> Arrived:
    """Send the request of a vector through a client to a server on this computer; return what arrived."""
    apis = {"bittrade": [SET["key"], SET["secret"]]}
    async with (
        Wire() as wire,
        topgun.Client(
            apis, exchanges=(EXCHANGE,), connector=names(), clock=FakeClock(NOW), allow_plaintext=True
        ) as client,
    ):
        place = URL(vector["url"]).with_scheme("http").with_port(wire.port)
        arguments = {name: vector[name] for name in ("params", "data") if name in vector}
        await client.fetch(vector["method"], place, **arguments, **more)
    return wire.last


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['method']} {vector['url'][32:]}")
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its type; spaces as the page wants them."""
    target, body = vector["sent"]["target"], vector["sent"]["body"].encode()
    if "improve" in vector:
        head, _, old = target.replace("+", "%20").rpartition("&Signature=")
        target = f"{head}&Signature={quote(by_the_formula(vector['method'], head)[1], safe='/')}"
        assert not target.endswith(old)
    arrived = await sent(vector)
    assert (arrived.target, arrived.body) == (target, body)
    assert arrived.headers.get("Content-Type") == ("application/json" if vector["method"] == "POST" else None)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['method']} {vector['url'][32:]}")
def test_vectors_agree_with_the_official_formula(vector: dict[str, Any]) -> None:
    """The signature of each vector is that of the official page, for the text of the page where the vector shows it."""
    text, signature = by_the_formula(vector["method"], vector["sent"]["target"], space="+")
    assert dict(parse_qsl(vector["sent"]["target"].partition("?")[2]))["Signature"] == signature
    assert vector.get("text", text) == text


async def test_not_signed() -> None:
    """With ``auth=None`` the request goes as it is."""
    arrived = await sent(VECTORS[4], auth=None)
    assert arrived.target == "/market/depth?symbol=btcjpy&type=step0"


def signed(method: str, url: str, data: Any = None, **more: Any) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test"}), data, **more)
    sign(draft, KEY, Instant(round(NOW * 1e9) + 999_999_999))  # what is below a second is cut off
    return draft


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?symbol=btcjpy&size=5",
        "?a=%E5%86%86&b=%2B%26%3D%23%25&c=~.-_*&d=%20x%20&e=",
        "?Zeta=1&a-b=2&a=3&A=4&a_b=5",
        "?AccessKey=1&states=submitted,partial-filled&t=2017-05-11T15:19:30/Z",
    ],
)
@pytest.mark.parametrize("data", [None, {"価格": "1"}, '{"raw":1}'], ids=repr)
def test_the_formula_holds(method: str, query: str, data: Any) -> None:
    """Whatever the method, the query and the body: the query stays, four items and their signature follow."""
    url = f"{HOST}/v1/order/orders{query}"
    draft = signed(method, url, data)
    before, after = parse_qsl(query[1:], keep_blank_values=True), parse_qsl(draft.url.raw_query_string, True)
    assert after[: len(before)] == before
    assert [name for name, _ in after[len(before) :]] == ADDED
    assert after[-2] == ("Timestamp", "2017-05-11T15:19:30")
    assert after[-1][1] == by_the_formula(method, draft.url.raw_path_qs)[1]
    assert "+" not in draft.url.raw_query_string
    assert draft.url.with_query(None) == URL(f"{HOST}/v1/order/orders")
    typed = data is not None or method == "POST"
    assert draft.headers.get("Content-Type") == ("application/json" if typed else None)
    assert draft.body == {None: None, '{"raw":1}': b'{"raw":1}'}.get(
        data if not isinstance(data, dict) else "", b'{"\\u4fa1\\u683c": "1"}'
    )


def test_another_content_type_stays() -> None:
    """A type that the caller has set is not replaced."""
    draft = Draft("POST", URL(f"{HOST}/v1/x"), CIMultiDict({"Content-Type": "text/plain"}), "text")
    sign(draft, KEY, Instant(0))
    assert (draft.headers["Content-Type"], draft.body) == ("text/plain", b"text")


def test_the_signature_changes_with_each_part() -> None:
    """Method, path, query and time are covered; the body is not."""
    url = f"{HOST}/v1/order/orders?a=1"
    variants = [
        signed("GET", url),
        signed("POST", url),
        signed("GET", f"{url}2"),
        signed("GET", f"{HOST}/v1/order?a=1"),
    ]
    assert len({draft.url.query["Signature"] for draft in variants}) == len(variants)
    assert signed("POST", url, {"a": 1}).url == signed("POST", url, {"a": 2}).url


@pytest.mark.parametrize("path", ["/ws", "/ws/v2", "/retail/ws", "/ws?symbol=btcjpy"])
def test_a_handshake_is_left_alone(path: str) -> None:
    """The upgrade of a socket gets neither key nor signature, and no header."""
    url = f"{HOST}{path}"
    draft = signed("GET", url, upgrade=True)
    assert (str(draft.url), dict(draft.headers), draft.body) == (url, {"User-Agent": "test"}, None)


@pytest.mark.parametrize("path", ["/ws", "/ws/v2", "/retail/ws"])
async def test_a_handshake_on_the_wire(path: str) -> None:
    """With keys given, what a server gets to open a socket holds nothing of them."""
    apis = {"bittrade": [SET["key"], SET["secret"]]}
    async with (
        Wire(lambda arrived: None) as wire,
        topgun.Client(apis, exchanges=(EXCHANGE,), connector=names(), allow_plaintext=True) as client,
    ):
        await client.ws_connect(f"ws://api-cloud.bittrade.co.jp:{wire.port}{path}")
    assert wire.last.target == path
    told = f"{wire.last.target} {dict(wire.last.headers)}"
    assert SET["key"] not in told
    assert "signature" not in told.lower()


def test_record() -> None:
    """One host, for requests and sockets alike, with one kind of key."""
    assert list(EXCHANGE.hosts) == ["api-cloud.bittrade.co.jp"]
    [host] = EXCHANGE.hosts.values()
    assert (host.api, host.sign, host.login, host.heartbeat) == ("bittrade", sign, login, heartbeat)
    assert (host.decode, host.answer, host.limit, host.forget) == (decode, answer, limit, forget)
    assert (host.greet, host.readdress, host.sign_message, host.encode, host.step_ns) == (None, None, None, None, 0)
    assert tuple(EXCHANGE.credential) == ("key", "secret")
    assert EXCHANGE.apis == ()
