"""REST signing of OKX: what arrives at a server for each vector, which key signs, and the hosts."""

from __future__ import annotations

import base64
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
from topgun.exchanges.okx import EXCHANGE
from topgun.exchanges.okx.rest import environment, sign
from topgun.testing.clock import FakeClock

if TYPE_CHECKING:
    from tests.wire import Arrived

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
KEY = Credential("okxkey", b"okxsecret", "okxpass")
APIS = {"okx": ["okxkey", "okxsecret", "okxpass"], "okx_demo": ["demokey", "demosecret", "demopass"]}
NOW = Instant(1_700_000_000_123_999_999)  # the part below a millisecond is cut off
REST = ("openapi", "www", "aws", "eea", "my", "us", "app")


def by_the_formula(vector: dict[str, Any], secret: str) -> str:
    """Return the signature that the official page asks for, computed apart from the signer."""
    sent = vector["sent"]
    text = f"{sent['headers']['OK-ACCESS-TIMESTAMP']}{vector['method']}{sent['target']}{sent['body']}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


async def arrived(
    method: str, url: str, apis: Any = APIS, clock: float = NOW.ns / 1e9, *, defaults: Any = None, **arguments: Any
) -> Arrived:
    """Send a request with a client that knows OKX, and return what came of it at the server."""
    async with (
        Wire() as wire,
        topgun.Client(
            apis,
            connector=names(),
            clock=FakeClock(clock),
            exchanges=(EXCHANGE,),
            allow_plaintext=True,
            headers=defaults,
        ) as client,
    ):
        await client.fetch(method, URL(url).with_scheme("http").with_port(wire.port), **arguments)
    return wire.last


def okx_headers(request: Arrived) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.upper().startswith("OK-")}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers; ``auth=None`` leaves it alone."""
    sent = vector["sent"]
    arguments = {name: vector[name] for name in ("params", "data", "headers") if name in vector}
    request = await arrived(
        vector["method"], vector["url"], vector["apis"], vector["clock"], auth=vector.get("auth", Auth), **arguments
    )
    assert (request.target, request.body) == (sent["target"], sent["body"].encode())
    expected = dict(sent["headers"])
    assert request.headers.get("Content-Type") == expected.pop("Content-Type", None)
    assert okx_headers(request) == expected


def test_vectors_agree_with_the_official_formula() -> None:
    """The signature of each vector is the one that the official page describes."""
    signed = [vector for vector in VECTORS if vector["sent"]["headers"]]
    assert len(signed) == 11
    for vector in signed:
        key = vector["sent"]["headers"]["OK-ACCESS-KEY"]
        [secret] = [entry[1] for entry in vector["apis"].values() if entry[0] == key]
        assert by_the_formula(vector, secret) == vector["sent"]["headers"]["OK-ACCESS-SIGN"]


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, "okxkey"),
        ({"x-simulated-trading": "1"}, "demokey"),
        ({"X-Simulated-Trading": "1"}, "demokey"),
        ({"x-simulated-trading": "0"}, "okxkey"),
        ({"x-simulated-trading": ""}, "okxkey"),
        ({"x-simulated-trading": "true"}, "okxkey"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("where", ["request", "client"])
@pytest.mark.parametrize("host", ["www.okx.com", "openapi.okx.com", "eea.okx.com", "us.okx.com"])
async def test_demo_is_chosen_by_a_header(host: str, where: str, headers: dict[str, str], key: str) -> None:
    """The header of the request, or else of the client, says whose key signs; it is sent on as it was given."""
    given: dict[str, Any] = {"headers": headers} if where == "request" else {"defaults": headers}
    request = await arrived("GET", f"https://{host}/api/v5/account/balance", **given)
    assert request.headers["OK-ACCESS-KEY"] == key
    assert request.headers.get("x-simulated-trading") == next(iter(headers.values()), None)


async def test_the_header_of_a_request_comes_before_that_of_the_client() -> None:
    """A client for demo trading may send a single real request."""
    request = await arrived(
        "GET",
        "https://www.okx.com/api/v5/account/balance",
        defaults={"x-simulated-trading": "1"},
        headers={"x-simulated-trading": "0"},
    )
    assert request.headers["OK-ACCESS-KEY"] == "okxkey"


@pytest.mark.parametrize(("apis", "demo"), [({"okx": APIS["okx"]}, "1"), ({"okx_demo": APIS["okx_demo"]}, "0")])
async def test_no_key_of_the_other_environment(apis: dict[str, list[str]], demo: str) -> None:
    """Without a key for its environment a request goes out unsigned; the other key does not stand in."""
    request = await arrived("GET", "https://www.okx.com/api/v5/x", apis, headers={"x-simulated-trading": demo})
    assert okx_headers(request) == {}


@pytest.mark.parametrize("name", ["okx", "okx_demo"])
async def test_a_key_without_its_passphrase(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A credential of two items is left out with a warning, for demo trading too."""
    headers = {"x-simulated-trading": "1" if name == "okx_demo" else "0"}
    request = await arrived("GET", "https://www.okx.com/api/v5/x", {name: ["key", "secret"]}, headers=headers)
    assert okx_headers(request) == {}
    assert [name in record.getMessage() and "passphrase" in record.getMessage() for record in caplog.records] == [True]


def signed(method: str, url: str, data: Any = None, **headers: str) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test", **headers}), data)
    sign(draft, KEY, NOW)
    return draft


@pytest.mark.parametrize("data", ['{"sz":"0.1"}', b'{"sz":"0.1"}'], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not turned into JSON again."""
    draft = signed("POST", "https://www.okx.com/api/v5/trade/order", data)
    text = b'2023-11-14T22:13:20.123ZPOST/api/v5/trade/order{"sz":"0.1"}'
    assert draft.body == b'{"sz":"0.1"}'
    assert draft.headers["OK-ACCESS-SIGN"] == base64.b64encode(hmac.digest(KEY.secret, text, "sha256")).decode()


def test_a_delete_and_the_own_content_type() -> None:
    """Every method is signed the same way; a content type that the caller has set stays."""
    draft = signed("DELETE", "https://www.okx.com/api/v5/x?a=1", **{"content-type": "text/x"})
    text = b"2023-11-14T22:13:20.123ZDELETE/api/v5/x?a=1"
    assert draft.headers["OK-ACCESS-SIGN"] == base64.b64encode(hmac.digest(KEY.secret, text, "sha256")).decode()
    assert (draft.headers["Content-Type"], draft.body) == ("text/x", None)


def test_time_has_three_decimals() -> None:
    """Milliseconds are written with zeros in front."""
    draft = Draft("GET", URL("https://www.okx.com/x"), CIMultiDict())
    sign(draft, KEY, Instant(1_700_000_000_007_000_000))
    assert draft.headers["OK-ACCESS-TIMESTAMP"] == "2023-11-14T22:13:20.007Z"


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers, equal to that of a request signed only once."""
    draft = signed("POST", "https://www.okx.com/x", {"sz": "0.1"})
    sign(draft, KEY, Instant(NOW.ns - 5_000_000_000))
    sign(draft, KEY, NOW)
    assert list(draft.headers.items()) == list(signed("POST", "https://www.okx.com/x", {"sz": "0.1"}).headers.items())


def test_record() -> None:
    """Every REST host is signed with the key that the header names, and needs three items."""
    rest = {name for name, host in EXCHANGE.hosts.items() if host.sign is not None}
    assert rest == {f"{name}.okx.com" for name in REST}
    assert all(EXCHANGE.hosts[name].sign is sign and EXCHANGE.hosts[name].api is environment for name in rest)
    assert tuple(EXCHANGE.apis) == ("okx", "okx_demo")
    assert tuple(EXCHANGE.credential) == ("key", "secret", "passphrase")
