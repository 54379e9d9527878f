"""Signing for BitMEX: what arrives at a server for each vector, bodies of all kinds, hosts, handshakes."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from tests.wire import Wire, names
from topgun.auth import Auth
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.exchange import Draft
from topgun.exchanges.bitmex import EXCHANGE
from topgun.exchanges.bitmex.rest import encode, sign
from topgun.testing import FakeExchange
from topgun.testing.clock import FakeClock

if TYPE_CHECKING:
    from tests.wire import Arrived

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
HANDSHAKES = load(Path(__file__).parent / "vectors" / "ws.json")
APIS = {"bitmex": ["KEY", "SECRET"], "bitmex_testnet": ["TKEY", "TSECRET"]}
ORDER = "https://www.bitmex.com/api/v1/order"
FORM = "application/x-www-form-urlencoded"
HOSTS = {
    "www.bitmex.com": "bitmex",
    "ws.bitmex.com": "bitmex",
    "testnet.bitmex.com": "bitmex_testnet",
    "ws.testnet.bitmex.com": "bitmex_testnet",
}


async def arrived(
    method: str, url: Any, apis: Any = APIS, clock: float = 1_700_000_000.999, **arguments: Any
) -> Arrived:
    """Send a request with a client that knows BitMEX, and return what came of it at the server."""
    async with (
        Wire() as wire,
        topgun.Client(
            apis, connector=names(), clock=FakeClock(clock), exchanges=(EXCHANGE,), allow_plaintext=True
        ) as client,
    ):
        await client.fetch(method, URL(url).with_scheme("http").with_port(wire.port), **arguments)
    return wire.last


def digest(secret: str, text: str) -> str:
    """Return the signature that the official page asks for, computed apart from the signer."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def own(request: Arrived) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items() if name.lower().startswith("api-")}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector, the official ones among them, arrives with its target, body and three headers."""
    arguments = {name: vector[name] for name in ("params", "data") if name in vector}
    url = URL(vector["url"], encoded=vector.get("encoded", False))
    request = await arrived(vector["method"], url, vector["apis"], vector["clock"], **arguments)
    [(key, secret)] = vector["apis"].values()
    assert (request.target, request.body) == (vector["target"], vector["body"].encode())
    assert request.headers.get("Content-Type") == vector.get("content_type")
    assert own(request) == {"api-expires": vector["expires"], "api-key": key, "api-signature": vector["signature"]}
    text = f"{vector['method']}{vector['target']}{vector['expires']}{vector['body']}"
    assert vector["signature"] == digest(secret, text)


@pytest.mark.parametrize("vector", HANDSHAKES, ids=lambda vector: vector["name"])
def test_handshakes(vector: dict[str, Any]) -> None:
    """The upgrade of a socket is signed with its own fixed path, whatever address and query it has."""
    [(key, secret)] = vector["apis"].values()
    draft = Draft("GET", URL(vector["url"]), CIMultiDict(), upgrade=True)
    host = EXCHANGE.hosts[draft.url.host or ""]
    assert host.sign is not None
    host.sign(draft, Credential(key, secret.encode()), Instant(vector["clock"] * 10**9))
    expected = {"api-expires": vector["expires"], "api-key": key, "api-signature": vector["signature"]}
    assert dict(draft.headers) == expected
    assert vector["signature"] == digest(secret, f"GET/realtime{vector['expires']}")


@pytest.mark.parametrize("path", ["/realtime", "/realtime?subscribe=trade:XBTUSD", "/realtimePlatform"])
@pytest.mark.parametrize(("host", "api"), HOSTS.items())
async def test_every_socket_is_signed_with_a_key_and_none_without(host: str, api: str, path: str) -> None:
    """All four hosts sign the upgrade with the key of their environment; ``auth=None`` sends none of the headers."""
    async with FakeExchange("bitmex") as fake, topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client:
        for arguments in ({}, {"auth": None}):
            app = await client.ws_connect(f"wss://{host}{path}", **arguments)  # type: ignore[arg-type]
            await app.ready()
        signed, plain = fake.links()
        assert (signed.api, plain.api) == (api, None)
        assert not {name for name in plain.headers if name.lower().startswith("api-")}
        assert abs(int(signed.headers["api-expires"]) - fake.clock.now().seconds - 5) <= 1  # seconds, not ms


def test_hosts() -> None:
    """These hosts, each with the key of its environment."""
    assert {name: host.api for name, host in EXCHANGE.hosts.items()} == HOSTS
    assert EXCHANGE.apis == ("bitmex", "bitmex_testnet")


async def test_expiry_is_in_seconds_and_can_be_set() -> None:
    """The request expires after 5 s, after another time where the signer is told so."""
    draft = Draft("GET", URL(ORDER), CIMultiDict())
    sign(draft, Credential("K", b"S"), Instant(1_700_000_000_999_999_999))
    assert draft.headers["api-expires"] == "1700000005"
    patient = {name: replace(host, sign=partial(sign, margin=60)) for name, host in EXCHANGE.hosts.items()}
    async with (
        Wire() as wire,
        topgun.Client(
            APIS,
            connector=names(),
            clock=FakeClock(1e9),
            exchanges=(replace(EXCHANGE, hosts=patient),),
            allow_plaintext=True,
        ) as client,
    ):
        await client.fetch("GET", URL(ORDER).with_scheme("http").with_port(wire.port))
    assert wire.last.headers["api-expires"] == "1000000060"


@pytest.mark.parametrize(
    ("arguments", "content_type", "body"),
    [
        ({"data": {"symbol": "XBTUSD", "enabled": True, "off": False}}, FORM, b"symbol=XBTUSD&enabled=true&off=false"),
        ({"data": {"orders": [{"symbol": "XBTUSD"}]}}, "application/json", b'{"orders": [{"symbol": "XBTUSD"}]}'),
        ({"data": {"filter": {"open": True}}}, "application/json", b'{"filter": {"open": true}}'),
        ({"data": {"price": None}}, "application/json", b'{"price": null}'),
        ({"data": [1, 2]}, "application/json", b"[1, 2]"),
        ({"json": {"symbol": "XBTUSD"}}, "application/json", b'{"symbol": "XBTUSD"}'),
        ({"data": b'{"a":1}'}, "application/json", b'{"a":1}'),
        ({"data": "a=1", "headers": {"Content-Type": FORM}}, FORM, b"a=1"),
        ({"data": {}}, None, b""),
        ({}, None, b""),
    ],
)
@pytest.mark.parametrize("auth", [Auth, None], ids=["signed", "unsigned"])
async def test_bodies(arguments: dict[str, Any], content_type: str | None, body: bytes, auth: Any) -> None:
    """A flat body goes as a form, anything else as JSON, signed or not; the signature is over what is sent."""
    request = await arrived("POST", ORDER, auth=auth, **arguments)
    assert request.body == body
    if content_type is not None:
        assert request.headers["Content-Type"] == content_type
    if auth is None:
        assert own(request) == {}
    else:
        assert own(request)["api-signature"] == digest("SECRET", f"POST/api/v1/order1700000005{body.decode()}")


def test_the_data_of_the_caller_stays_as_it_is() -> None:
    """A truth value is spelt in a copy."""
    data = {"enabled": True}
    draft = Draft("POST", URL(ORDER), CIMultiDict(), data)
    encode(draft)
    assert (data, draft.body) == ({"enabled": True}, b"enabled=true")


async def test_what_is_sent_is_accepted_by_an_independent_check() -> None:
    """The fake, which shares no code with the signer, accepts requests of each verb; not with a wrong secret."""
    apis = {"bitmex": ["fake-bitmex-key", "wrong"]}
    async with FakeExchange("bitmex") as fake, topgun.Client(fake.apis, exchanges=(EXCHANGE,)) as client:
        bulk = json.dumps({"symbol": "XBTUSD"})
        for method, arguments in (
            ("GET", {"params": {"filter": '{"open": true}', "symbol": "XBTUSD"}}),
            ("POST", {"data": {"symbol": "XBTUSD", "orderQty": 100, "price": 50000}}),
            ("POST", {"json": {"symbol": "XBTUSD", "orderQty": 100, "price": 50000, "clOrdID": "é/+ &"}}),
            ("DELETE", {"data": {"orderID": ["none"]}}),
        ):
            await client.fetch(method, ORDER, **arguments)  # type: ignore[arg-type]
        await client.fetch("DELETE", f"{ORDER}/all", data=bulk)
        assert [request.verified for request in fake.requests] == [True] * 5
        assert [request.status for request in fake.requests] == [200, 200, 200, 404, 200]
        async with topgun.Client(apis, exchanges=(EXCHANGE,)) as wrong:
            reply = await wrong.fetch("GET", ORDER)
            assert (reply.response.status, reply.data["error"]["message"]) == (401, "Signature not valid.")
