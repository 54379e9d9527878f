"""REST signing of Binance: what arrives at a server for each vector, PEM keys, and the hosts that are signed."""

from __future__ import annotations

import hashlib
import hmac
import sys
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

import topgun
from tests.support import load
from tests.wire import Wire, names
from topgun.auth import Auth
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.errors import SigningError
from topgun.exchange import Draft
from topgun.exchanges.binance import EXCHANGE
from topgun.exchanges.binance.rest import sign, signature
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
VECTORS = load(HERE / "vectors" / "rest.json")
PEM = load(HERE / "vectors" / "pem.json")
KEY = Credential("K", b"S")
NOW = Instant(1_736_900_000_123_999_999)  # the part below a millisecond is cut off
# Requests whose vector shows what topgun must do otherwise: options are signed, spot market data are not.
OPTIONS = "https://eapi.binance.com/eapi/v1/account"


def by_the_formula(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def expected(vector: dict[str, Any]) -> tuple[str, str | None]:
    """Return target and key header of a vector."""
    sent = vector["sent"]
    if vector["url"] == OPTIONS:  # was not signed when the vector was made
        key, secret = vector["apis"]["binance"]
        query = "timestamp=1736900000123"
        return f"/eapi/v1/account?{query}&signature={by_the_formula(secret, query)}", key
    return sent["target"], sent["headers"].get("X-MBX-APIKEY")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['method']} {vector['url'][8:]}")
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers; ``auth=None`` leaves it alone."""
    async with (
        Wire() as wire,
        topgun.Client(
            vector["apis"],
            connector=names(),
            clock=FakeClock(vector["clock"]),
            allow_plaintext=True,
            exchanges=(EXCHANGE,),
        ) as client,
    ):
        place = URL(vector["url"]).with_scheme("http").with_port(wire.port)
        arguments = {name: vector[name] for name in ("params", "data") if name in vector}
        response = await client.request(vector["method"], place, auth=vector.get("auth", Auth), **arguments)
        assert "signature" not in str(response.url)
    arrived, sent = wire.last, vector["sent"]
    assert (arrived.target, arrived.headers.get("X-MBX-APIKEY")) == expected(vector)
    assert arrived.body == sent["body"].encode()
    assert not sent["body"] or arrived.headers["Content-Type"] == sent["headers"]["Content-Type"]


def test_vectors_agree_with_the_official_formula() -> None:
    """The signature of each vector is HMAC-SHA256 over the query and the body as they are sent."""
    tests = {"testnet.binance.vision": "binancespot_testnet", "testnet.binancefuture.com": "binancefuture_testnet"}
    signed = [vector for vector in VECTORS if "signature=" in vector["sent"]["target"]]
    assert len(signed) == 13
    for vector in signed:
        _, secret = vector["apis"][tests.get(URL(vector["url"]).host or "", "binance")]
        query, _, found = vector["sent"]["target"].partition("?")[2].rpartition("&signature=")
        assert by_the_formula(secret, query + vector["sent"]["body"]) == found


def signed(method: str, url: str, data: Any = None, key: Credential = KEY, *, upgrade: bool = False) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test"}), data, upgrade=upgrade)
    sign(draft, key, NOW)
    return draft


PUBLIC = """ping time exchangeInfo depth trades historicalTrades historicalBlockTrades aggTrades klines uiKlines
avgPrice ticker ticker/24hr ticker/price ticker/bookTicker ticker/tradingDay executionRules referencePrice
referencePrice/calculation""".split()


@pytest.mark.parametrize("path", PUBLIC)
def test_public_data_of_spot(path: str) -> None:
    """Spot refuses parameters that it does not know, so public data get the key header alone."""
    url = f"https://api.binance.com/api/v3/{path}?symbol=BTCUSDT"
    draft = signed("GET", url)
    assert str(draft.url) == url
    assert draft.headers["X-MBX-APIKEY"] == "K"


@pytest.mark.parametrize(
    "target",
    [
        "api.binance.com/api/v3/order",
        "api.binance.com/api/v3/myTrades",
        "api.binance.com/sapi/v1/margin/account",
        "fapi.binance.com/fapi/v1/depth",
        "fapi.binance.com/fapi/v1/time",
    ],
)
def test_what_is_signed(target: str) -> None:
    """Everything else of spot, and whatever belongs to futures, which tolerate it."""
    draft = signed("GET", f"https://{target}")
    assert draft.url.raw_query_string == f"timestamp={NOW.ms}&signature=" + by_the_formula("S", f"timestamp={NOW.ms}")


@pytest.mark.parametrize(
    "target",
    [
        "api.binance.com/api/v3/userDataStream",
        "api.binance.com/sapi/v1/userDataStream/isolated/listen-key",
        "api.binance.com/sapi/v1/userListenToken",
        "dapi.binance.com/dapi/v1/listenKey",
        "papi.binance.com/papi/v1/listenKey",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_needs_the_key_alone(method: str, target: str) -> None:
    """A listenKey is asked for without time and signature."""
    draft = signed(method, f"https://{target}?x=1")
    assert str(draft.url) == f"https://{target}?x=1"
    assert dict(draft.headers) == {"User-Agent": "test", "X-MBX-APIKEY": "K"}


def test_time_of_the_caller() -> None:
    """A timestamp in the query is not sent twice."""
    draft = signed("GET", "https://fapi.binance.com/fapi/v1/order?timestamp=5&x=1")
    query = "timestamp=5&x=1"
    assert draft.url.raw_query_string == f"{query}&signature={by_the_formula('S', query)}"


def test_upgrade() -> None:
    """The upgrade of a socket on a host that has both stays as it is."""
    draft = signed("GET", "https://testnet.binance.vision/ws-api/v3", upgrade=True)
    assert str(draft.url) == "https://testnet.binance.vision/ws-api/v3"
    assert dict(draft.headers) == {"User-Agent": "test"}


# -- keys in PEM form ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", PEM["vectors"], ids=lambda vector: f"{vector['key']} {vector['text'][:12]}")
def test_pem_keys(vector: dict[str, Any]) -> None:
    """A secret that is a PEM key makes the signature that OpenSSL makes with it, as base64."""
    assert signature(PEM["keys"][vector["key"]].encode(), vector["text"].encode()) == vector["signature"]


@pytest.mark.parametrize("kind", ["Ed25519", "RSA"])
def test_pem_signature_in_a_query(kind: str) -> None:
    """Base64 is percent-encoded in the query, and reads as the signature again."""
    pem = PEM["keys"][kind].encode()
    draft = signed("POST", "https://api.binance.com/api/v3/order?symbol=BTCUSDT", {"side": "BUY"}, Credential("K", pem))
    query, _, found = draft.url.raw_query_string.rpartition("&signature=")
    assert query == f"symbol=BTCUSDT&timestamp={NOW.ms}"
    assert not {"+", "/", "="} & set(found)
    assert draft.url.query["signature"] == signature(pem, f"{query}side=BUY".encode())


@pytest.mark.parametrize("what", PEM["not usable"])
def test_pem_key_that_cannot_be_used(what: str) -> None:
    """A PEM text that is no open key of these kinds raises an error that says so, and nothing of the secret."""
    pem = PEM["not usable"][what]
    with pytest.raises(SigningError, match="not an Ed25519 or RSA private key") as caught:
        signature(pem.encode(), b"text")
    assert not any(line in str(caught.value) for line in pem.splitlines())


def test_pem_keys_without_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cryptography the error names the extra; keys for HMAC work."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(SigningError, match=r"pip install 'topgun\[rsa\]'"):
        signature(PEM["keys"]["Ed25519"].encode(), b"text")
    assert signature(b"S", b"text") == by_the_formula("S", "text")


# -- hosts ---------------------------------------------------------------------------------------------------------

REST = {
    "binance": "api api-gcp api1 api2 api3 api4 fapi dapi papi eapi",
    "binance_demo": "demo-api demo-fapi demo-dapi",
}


def test_record() -> None:
    """Every REST host is signed with the key of its environment, data hosts are not; a stream goes unsigned."""
    hosts = EXCHANGE.hosts
    rest = {f"{name}.binance.com": api for api, names_ in REST.items() for name in names_.split()}
    rest |= {
        "testnet.binance.vision": "binancespot_testnet",
        "api1.testnet.binance.vision": "binancespot_testnet",
        "testnet.binancefuture.com": "binancefuture_testnet",
    }
    assert {name: host.api for name, host in hosts.items() if host.sign is sign} == rest
    assert {name for name, host in hosts.items() if host.sign is None} == hosts.keys() - rest.keys()
    assert not any(host.login for host in hosts.values())
    assert "data-api.binance.vision" not in hosts
    assert tuple(EXCHANGE.apis) == ("binance", "binancespot_testnet", "binancefuture_testnet", "binance_demo")
    assert tuple(EXCHANGE.credential) == ("key", "secret")
