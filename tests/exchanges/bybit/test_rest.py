"""REST signing of Bybit: what arrives at a server for each vector, RSA keys, and the hosts that are signed."""

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
from topgun.exchanges.bybit import EXCHANGE
from topgun.exchanges.bybit.rest import sign, signature
from topgun.testing.clock import FakeClock

VECTORS = load(Path(__file__).parent / "vectors" / "rest.json")
RSA = load(Path(__file__).parent / "vectors" / "rsa.json")
KEY = Credential("XXXXXXXXXX", b"YYYYYYYYYY")
NOW = Instant(1_658_384_314_791_999_999)  # the part below a millisecond is cut off
ORDER = "https://api.bybit.com/v5/order/create"


def by_the_formula(vector: dict[str, Any], key: str, secret: str) -> str:
    """Return the signature that the official page asks for, computed apart from the signer."""
    sent = vector["sent"]
    window = vector.get("headers", {}).get("X-BAPI-RECV-WINDOW", "")
    text = f"{round(vector['clock'] * 1000)}{key}{window}{sent['target'].partition('?')[2]}{sent['body']}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['method']} {vector['url'][8:]}")
async def test_vectors(vector: dict[str, Any]) -> None:
    """A request of each vector arrives with its target, its body and its headers; ``auth=None`` leaves it alone."""
    sent, url = vector["sent"], URL(vector["url"])
    bybit = {name: value for name, value in sent["headers"].items() if name.startswith("X-BAPI")}
    if url.host == "api.bybit.nl":  # was not signed when the vector was made
        key, secret = vector["apis"]["bybit"]
        sign_ = by_the_formula(vector, key, secret)
        bybit = {"X-BAPI-API-KEY": key, "X-BAPI-TIMESTAMP": "1658385579423", "X-BAPI-SIGN": sign_}
    clock = FakeClock(vector["clock"])
    async with (
        Wire() as wire,
        topgun.Client(vector["apis"], connector=names(), clock=clock, allow_plaintext=True) as client,
    ):
        place = url.with_scheme("http").with_port(wire.port)
        arguments = {name: vector[name] for name in ("params", "data", "headers") if name in vector}
        await client.fetch(vector["method"], place, auth=vector.get("auth", Auth), **arguments)
    arrived = wire.last
    assert arrived.target == sent["target"]
    assert arrived.body == sent["body"].encode()
    assert {name: value for name, value in arrived.headers.items() if name.upper().startswith("X-BAPI")} == bybit
    assert not sent["body"] or arrived.headers["Content-Type"] == sent["headers"]["Content-Type"]


def test_vectors_agree_with_the_official_formula() -> None:
    """The signature of each vector is the one that the official page describes."""
    names_of_keys = {"api-demo.bybit.com": "bybit_demo", "api-testnet.bybit.com": "bybit_testnet"}
    signed = [vector for vector in VECTORS if "X-BAPI-SIGN" in vector["sent"]["headers"]]
    assert len(signed) == 10
    for vector in signed:
        key, secret = vector["apis"][names_of_keys.get(URL(vector["url"]).host or "", "bybit")]
        assert by_the_formula(vector, key, secret) == vector["sent"]["headers"]["X-BAPI-SIGN"]


def signed(method: str, url: str, data: Any = None, key: Credential = KEY, **headers: str) -> Draft:
    draft = Draft(method, URL(url, encoded=True), CIMultiDict({"User-Agent": "test", **headers}), data)
    sign(draft, key, NOW)
    return draft


@pytest.mark.parametrize("data", ['{"qty":"0.1"}', b'{"qty":"0.1"}'], ids=["str", "bytes"])
def test_literal_body(data: str | bytes) -> None:
    """Text and bytes are signed and sent as they are, not turned into JSON again."""
    draft = signed("POST", ORDER, data)
    text = '1658384314791XXXXXXXXXX{"qty":"0.1"}'
    assert draft.body == b'{"qty":"0.1"}'
    assert draft.headers["X-BAPI-SIGN"] == hmac.new(KEY.secret, text.encode(), hashlib.sha256).hexdigest()


def test_other_headers_stay() -> None:
    """The three headers are added, whatever the case of the window's name; the others stay as they are."""
    draft = signed("GET", "https://api.bybit.com/v5/order/realtime?category=option", **{"x-bapi-recv-window": "700"})
    text = "1658384314791XXXXXXXXXX700category=option"
    assert dict(draft.headers) == {
        "User-Agent": "test",
        "x-bapi-recv-window": "700",
        "X-BAPI-API-KEY": "XXXXXXXXXX",
        "X-BAPI-TIMESTAMP": "1658384314791",
        "X-BAPI-SIGN": hmac.new(KEY.secret, text.encode(), hashlib.sha256).hexdigest(),
    }
    assert draft.body is None


def test_signing_again_replaces_the_headers() -> None:
    """A second try carries one fresh set of headers, equal to that of a request signed only once."""
    draft = signed("POST", ORDER, {"qty": "0.1"})
    sign(draft, KEY, Instant(NOW.ns - 5_000_000_000))
    sign(draft, KEY, NOW)
    assert list(draft.headers.items()) == list(signed("POST", ORDER, {"qty": "0.1"}).headers.items())


# -- RSA -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", RSA["secrets"])
@pytest.mark.parametrize("vector", RSA["requests"], ids=lambda vector: vector["name"])
def test_rsa_vectors(form: str, vector: dict[str, Any]) -> None:
    """A secret that is a PEM key makes the signature that OpenSSL makes with it."""
    key = Credential(RSA["key"], RSA["secrets"][form].encode())
    draft = signed(vector["method"], vector["url"], vector["data"], key, **vector["headers"])
    assert vector["text"].startswith(f"{NOW.ms}{RSA['key']}")
    assert draft.headers["X-BAPI-SIGN"] == vector["sign"]


@pytest.mark.parametrize("what", RSA["not usable"])
def test_rsa_key_that_cannot_be_used(what: str) -> None:
    """A PEM text that is no open RSA key raises an error that says so, and nothing of the secret."""
    pem = RSA["not usable"][what]
    with pytest.raises(SigningError, match="not an RSA private key") as caught:
        signature(pem.encode(), b"text")
    assert not any(line in str(caught.value) for line in pem.splitlines())


def test_rsa_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cryptography the error names the extra; keys for HMAC work."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(SigningError, match=r"pip install 'topgun\[rsa\]'"):
        signature(RSA["secrets"]["PKCS#8"].encode(), b"text")
    assert signature(b"YYYYYYYYYY", b"text") == hmac.new(b"YYYYYYYYYY", b"text", hashlib.sha256).hexdigest()


# -- hosts ---------------------------------------------------------------------------------------------------------


def test_record() -> None:
    """Every REST host is signed with the key of its environment; the upgrade of a stream goes unsigned."""
    hosts = EXCHANGE.hosts
    rest = {name: host.api for name, host in hosts.items() if host.sign is not None}
    assert rest == {
        "api.bybit.com": "bybit",
        "api.bytick.com": "bybit",
        "api.bybit.nl": "bybit",
        "api.bybit.eu": "bybit",
        "api.bybit.ae": "bybit",
        "api.bybit.tr": "bybit",
        "api.bybit.kz": "bybit",
        "api.bybit.id": "bybit",
        "api.bybitgeorgia.ge": "bybit",
        "api.manepa.jp": "bybit",
        "api-demo.bybit.com": "bybit_demo",
        "api-testnet.bybit.com": "bybit_testnet",
        "api-testnet.manepa.jp": "bybit_testnet",
    }
    assert all(hosts[name].sign is sign and hosts[name].login is None for name in rest)
    assert all(name.startswith("stream") for name in hosts.keys() - rest.keys())
    assert tuple(EXCHANGE.apis) == ("bybit", "bybit_demo", "bybit_testnet")
    assert tuple(EXCHANGE.credential) == ("key", "secret")
