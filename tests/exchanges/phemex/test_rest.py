"""REST signing of Phemex: what arrives at a server for each vector, which key signs, and the hosts."""

from __future__ import annotations

import hashlib
import hmac
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
from topgun.exchanges.phemex import EXCHANGE
from topgun.exchanges.phemex.rest import sign
from topgun.testing.clock import FakeClock

if TYPE_CHECKING:
    from tests.wire import Arrived

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
KEY = Credential("key", b"secret")
APIS = {"phemex": ["main", "main-secret"], "phemex_testnet": ["test", "test-secret"]}
NOW = Instant(1_700_000_000_999_999_999)  # what is below a second is cut off


def formula(secret: str, target: str, expiry: str, body: str) -> str:
    """Return the signature that the official page asks for, computed apart from the signer."""
    path, _, query = target.partition("?")
    return hmac.new(secret.encode(), f"{path}{query}{expiry}{body}".encode(), hashlib.sha256).hexdigest()


async def arrived(method: str, url: str, apis: Any = APIS, clock: float = 1_700_000_000.9, **arguments: Any) -> Arrived:
    """Send a request with a client that knows Phemex, and return what came of it at the server."""
    async with (
        Wire() as wire,
        topgun.Client(
            apis, connector=names(), clock=FakeClock(clock), exchanges=(EXCHANGE,), allow_plaintext=True
        ) as client,
    ):
        await client.fetch(method, URL(url).with_scheme("http").with_port(wire.port), **arguments)
    return wire.last


def ours(request: Arrived) -> dict[str, str]:
    prefix = "x-phemex-"
    return {name: value for name, value in request.headers.items() if name.lower().startswith(prefix)}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers; its query is signed as it is sent."""
    sent = vector["sent"]
    arguments = {name: vector[name] for name in ("params", "data") if name in vector}
    request = await arrived(vector["method"], vector["url"], vector["apis"], vector["clock"], **arguments)
    assert (request.target, request.body) == (sent["target"], sent["body"].encode())
    if sent["body"]:
        assert request.headers.get("Content-Type") == sent["content_type"]
    if sent["sign"] is None:
        assert ours(request) == {}
        return
    [(key, secret)] = vector["apis"].values()
    assert ours(request) == {
        "x-phemex-access-token": key,
        "x-phemex-request-expiry": sent["expiry"],
        "x-phemex-request-signature": sent["sign"],
    }
    assert formula(secret, sent["target"], sent["expiry"], sent["body"]) == sent["sign"]


@pytest.mark.parametrize(
    ("host", "key"),
    [("api.phemex.com", "main"), ("vapi.phemex.com", "main"), ("testnet-api.phemex.com", "test")],
)
async def test_each_host_has_its_key(host: str, key: str) -> None:
    """Mainnet and the host of VIPs share a key, the testnet has its own; public paths are signed as well."""
    request = await arrived("GET", f"https://{host}/public/products")
    expected = formula(f"{key}-secret", "/public/products", "1700000060", "")
    assert ours(request) == {
        "x-phemex-access-token": key,
        "x-phemex-request-expiry": "1700000060",
        "x-phemex-request-signature": expected,
    }


async def test_without_auth_and_without_the_right_key() -> None:
    """Nothing is signed with ``auth=None``, nor with the key of the other environment."""
    assert ours(await arrived("GET", "https://api.phemex.com/x", auth=None)) == {}
    only = {"phemex": APIS["phemex"]}
    assert ours(await arrived("GET", "https://testnet-api.phemex.com/x", only, auth=Auth)) == {}


def signed(method: str, url: str, data: Any = None, *, upgrade: bool = False, **headers: str) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict(headers), data, upgrade)
    sign(draft, KEY, NOW)
    return draft


@pytest.mark.parametrize("data", ['{"a":1}', b'{"a":1}'], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not turned into JSON again."""
    draft = signed("POST", "https://api.phemex.com/g-orders", data)
    assert draft.body == b'{"a":1}'
    expected = formula("secret", "/g-orders", "1700000060", '{"a":1}')
    assert draft.headers["x-phemex-request-signature"] == expected


def test_the_method_is_not_signed_and_the_path_is_signed_as_sent() -> None:
    """All methods have the same signature; percent-escapes stay."""
    target = "/a%20b/%E6%B3%A8?x=%2B&y=1+2"
    drafts = [signed(method, f"https://api.phemex.com{target}") for method in ("GET", "PUT", "DELETE", "POST")]
    expected = formula("secret", target, "1700000060", "")
    assert {draft.headers["x-phemex-request-signature"] for draft in drafts} == {expected}
    assert {draft.body for draft in drafts} == {None}


@pytest.mark.parametrize("host", ["vapi.phemex.com", "testnet-api.phemex.com"])
def test_a_handshake_is_not_signed(host: str) -> None:
    """The upgrade of a socket takes no headers (vector P8 of another client signs it)."""
    assert dict(signed("GET", f"wss://{host}/ws", upgrade=True).headers) == {}


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers; others stay as they are."""
    tracing = {"x-phemex-request-tracing": "mine"}
    draft = signed("POST", "https://api.phemex.com/x", {"a": 1}, **tracing)
    sign(draft, KEY, Instant(NOW.ns - 5_000_000_000))
    sign(draft, KEY, NOW)
    assert list(draft.headers.items()) == list(
        signed("POST", "https://api.phemex.com/x", {"a": 1}, **tracing).headers.items()
    )
    assert draft.headers["x-phemex-request-tracing"] == "mine"


def test_record() -> None:
    """Three hosts are signed; two of them, and three more, take sockets."""
    hosts = EXCHANGE.hosts
    assert {name: host.api for name, host in hosts.items() if host.sign is sign} == {
        "api.phemex.com": "phemex",
        "vapi.phemex.com": "phemex",
        "testnet-api.phemex.com": "phemex_testnet",
    }
    assert {name: host.api for name, host in hosts.items() if host.login is not None} == {
        "vapi.phemex.com": "phemex",
        "testnet-api.phemex.com": "phemex_testnet",
        "ws.phemex.com": "phemex",
        "phemex.com": "phemex",
        "testnet.phemex.com": "phemex_testnet",
    }
    assert {name: host.once for name, host in hosts.items() if host.once} == dict.fromkeys(
        ("api.phemex.com", "vapi.phemex.com", "testnet-api.phemex.com"), ("PUT",)
    )
    assert tuple(EXCHANGE.apis) == ("phemex", "phemex_testnet")
    assert tuple(EXCHANGE.credential) == ("key", "secret")
